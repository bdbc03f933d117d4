"""Sales that are undone (R41) and returns that are undone (R39)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.purchases.racing import breaches
from tests.returns.selling import bring, figures, goods, paper, sell
from tests.support.calendar import Calendar
from tests.support.documents import with_lots
from tests.support.shop import Reply, Shop, line

DAY = timedelta(days=1)


def void(shop: Shop, purchase_id: str) -> Reply:
    return shop.till.post(f"/v1/purchases/{purchase_id}/void", {"reason": "wrong price"})


def void_return(shop: Shop, return_id: str) -> Reply:
    till = shop.caller("terminal", store="str_2")
    return till.post(f"/v1/returns/{return_id}/void", {"reason": "wrong receipt"})


def test_a_void_takes_all_that_is_left_and_is_done_once(shop: Shop) -> None:
    member = shop.enrol("VOID1")
    sale, sold = sell(shop, line(6000, quantity=3), card="VOID1")
    bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}))
    voided = void(shop, sold["purchase_id"])
    assert (voided.status, voided["kind"], voided["points"]["taken_back"]) == (201, "void", 40)
    assert voided["money"]["refundable"] == 4000
    kept = shop.till.get(f"/v1/purchases/{sold['purchase_id']}")
    assert (kept["status"], [back["kind"] for back in kept["returns"]]) == ("voided", ["goods", "void"])
    assert figures(shop, member) == (0, 0, 0)
    again = void(shop, sold["purchase_id"])
    assert (again.status, again.code) == (409, "already_voided")
    nothing = bring(shop, goods(paper(sale)))
    assert (nothing.status, nothing.code) == (409, "return_exceeds_purchase")
    assert breaches(shop) == []


def test_a_sale_is_undone_by_its_receipt_in_its_own_store(shop: Shop) -> None:
    sale, sold = sell(shop, line(1000))
    body = {"original": paper(sale), "reason": "wrong price"}
    other = shop.caller("terminal", store="str_2")
    assert other.post("/v1/voids", body).code == "store_not_allowed"
    assert other.post(f"/v1/purchases/{sold['purchase_id']}/void", {"reason": "x"}).code == "purchase_unknown"
    assert shop.till.post("/v1/voids", body)["purchase_id"] == sold["purchase_id"]
    unknown = {"original": {**paper(sale), "reference": "no such"}, "reason": "wrong price"}
    assert shop.till.post("/v1/voids", unknown).code == "purchase_unknown"


def test_a_void_takes_everything_whatever_members_may_keep_otherwise(fresh_shop: Shop) -> None:
    shop = fresh_shop
    terms = with_lots(returns={"take_back": "pending_only"})
    shop.publish(terms, effective_from=datetime.now(UTC) - DAY)
    member = shop.enrol("VOID2")
    _, sold = sell(shop, line(5000), card="VOID2")
    assert void(shop, sold["purchase_id"])["points"]["taken_back"] == 50
    assert figures(shop, member) == (0, 0, 0)


def test_a_sale_that_came_back_whole_can_still_be_undone(shop: Shop) -> None:
    sale, sold = sell(shop, line(1000))
    bring(shop, goods(paper(sale)))
    voided = void(shop, sold["purchase_id"])
    assert (voided.status, voided["lines"], voided["money"]["refundable"]) == (201, [], 0)
    assert shop.till.get(f"/v1/purchases/{sold['purchase_id']}")["status"] == "voided"
    assert breaches(shop) == []


def test_a_voided_receipt_gives_nothing_to_who_claims_it(shop: Shop) -> None:
    _, sold = sell(shop, line(5000))
    void(shop, sold["purchase_id"])
    member = shop.enrol("VOID3")
    claim = shop.member(member).post("/v1/me/claims", {"claim_code": sold["claim_code"]})
    assert (claim["state"], claim["points"]) == ("credited", 0)
    assert figures(shop, member) == (0, 0, 0)
    assert shop.till.get(f"/v1/purchases/{sold['purchase_id']}")["status"] == "voided"
    assert breaches(shop) == []


def test_a_return_that_is_undone_leaves_the_purchase_as_it_was(shop: Shop) -> None:
    member = shop.enrol("VOID4")
    sale, sold = sell(shop, line(6000, quantity=3), card="VOID4")
    first = bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}))
    second = bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}))
    built = void_return(shop, first["return_id"])
    assert (built.status, built.code) == (409, "return_built_upon")
    undone = void_return(shop, second["return_id"])
    assert (undone.status, undone["status"], undone["balance"]["available"]) == (201, "voided", 40)
    again = void_return(shop, second["return_id"])
    assert (again.status, again.code) == (409, "already_voided")
    assert void_return(shop, first["return_id"]).status == 201
    assert figures(shop, member) == (60, 0, 0)
    kept = shop.till.get(f"/v1/purchases/{sold['purchase_id']}")
    assert (kept["status"], {back["status"] for back in kept["returns"]}) == ("recorded", {"voided"})
    whole = bring(shop, goods(paper(sale)))
    assert (whole["points"]["taken_back"], whole["money"]["refundable"]) == (60, 6000)
    assert breaches(shop) == []


def test_a_return_of_nobodys_goods_is_undone_until_the_receipt_is_claimed(shop: Shop) -> None:
    sale, sold = sell(shop, line(6000, quantity=3))
    back = bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}))
    assert void_return(shop, back["return_id"])["status"] == "voided"
    back = bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}))
    member = shop.enrol("VOID5")
    shop.member(member).post("/v1/me/claims", {"claim_code": sold["claim_code"]})
    assert void_return(shop, back["return_id"]).code == "return_built_upon"
    assert figures(shop, member) == (40, 0, 0)
    assert breaches(shop) == []


def test_a_void_of_a_sale_is_not_undone(shop: Shop) -> None:
    _, sold = sell(shop, line(1000))
    voided = void(shop, sold["purchase_id"])
    undone = shop.till.post(f"/v1/returns/{voided['return_id']}/void", {"reason": "x"})
    assert (undone.status, undone.code) == (409, "return_built_upon")


def test_points_that_would_have_expired_meanwhile_get_the_programs_grace(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, today = fresh_shop, Calendar(monkeypatch, datetime(2031, 5, 5, 10, tzinfo=UTC))
    shop.publish(with_lots(expire={"days": 30}), effective_from=today.now - DAY)
    member = shop.enrol("VOID6")
    sale, _ = sell(shop, line(4000), card="VOID6", at=today.now)
    back = bring(shop, goods(paper(sale), at=today.now))
    today.pass_by(days=40)
    undone = void_return(shop, back["return_id"])
    assert undone["balance"]["available"] == 40
    [expiring] = shop.balance(member)["expiring"]
    assert (expiring["points"], expiring["last_day"]) == (40, "2031-06-28")
    today.pass_by(days=15)
    assert figures(shop, member) == (0, 0, 0)
    assert breaches(shop) == []

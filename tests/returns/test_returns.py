"""Goods come back with their receipt (R29 to R37), as a till meets it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.purchases.racing import breaches
from tests.returns.selling import bring, figures, goods, paper, sell
from tests.support.calendar import Calendar
from tests.support.documents import with_lots
from tests.support.shop import Shop, line

DAY = timedelta(days=1)


def test_a_line_comes_back_by_unit_in_another_store_and_takes_its_points_along(shop: Shop) -> None:
    member = shop.enrol("RET1")
    sale, sold = sell(shop, line(5000, quantity=2), line(1000, line_id="2", sku="apple"), card="RET1")
    assert sold["points"]["earned"] == 70
    back = bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}))
    assert back.status == 201, back.body
    assert back["status"] == "applied"
    assert back["lines"] == [
        {
            "purchase_id": sold["purchase_id"], "line_id": "1", "sku": "bread", "quantity": 1, "value": 2500,
            "money": 2500, "points_part": 0, "points_taken_back": 25, "points_given_back": 0, "left": 1,
        }
    ]  # fmt: skip
    assert back["points"]["from_available"] == 25
    assert back["money"] == {
        "refundable": 2500,
        "tenders": [{"kind": "cash", "amount": 2500}],
        "shortfall": 0,
    }
    assert back["balance"]["available"] == 45
    assert figures(shop, member) == (45, 0, 0)
    kept = shop.till.get(f"/v1/purchases/{sold['purchase_id']}")
    assert kept["status"] == "partly_returned"
    assert kept["returns"][0]["return_id"] == back["return_id"]
    rest = bring(shop, goods({"purchase_id": sold["purchase_id"]}))
    assert [row["points_taken_back"] for row in rest["lines"]] == [25, 20]
    assert shop.till.get(f"/v1/purchases/{sold['purchase_id']}")["status"] == "returned"
    assert figures(shop, member) == (0, 0, 0)
    again = bring(shop, goods(paper(sale)))
    assert (again.status, again.code) == (409, "return_exceeds_purchase")
    assert breaches(shop) == []


def test_the_same_return_again_is_answered_alike_and_another_under_its_number_is_refused(shop: Shop) -> None:
    member = shop.enrol("RET2")
    sale, _ = sell(shop, line(5000, quantity=2), card="RET2")
    body = goods(paper(sale), {"line_id": "1", "quantity": 1})
    first = bring(shop, body)
    again = bring(shop, {**body, "offline": True, "cashier": "c-7"})
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.raw == first.raw
    other = bring(shop, {**body, "lines": [{"line_id": "1", "quantity": 2}]})
    assert (other.status, other.code) == (409, "receipt_mismatch")
    assert figures(shop, member) == (25, 0, 0)


def test_a_sale_and_a_return_may_have_one_number(shop: Shop) -> None:
    sale, _ = sell(shop, line(1000))
    body = {**goods(paper(sale)), **paper(sale)}
    assert shop.till.post("/v1/returns", body, key=None)["status"] == "applied"


def test_the_short_form_names_the_purchase_in_its_path(shop: Shop) -> None:
    _, sold = sell(shop, line(1000))
    body = goods(None)
    del body["original"]
    back = shop.till.post(
        f"/v1/purchases/{sold['purchase_id']}/returns", {**body, "store": "str_1"}, key=None
    )
    assert (back.status, back["purchase_id"]) == (201, sold["purchase_id"])
    assert shop.till.get(f"/v1/returns/{back['return_id']}").raw == back.raw


def test_a_lower_price_for_what_is_kept_takes_points_by_the_money(shop: Shop) -> None:
    member = shop.enrol("RET3")
    sale, _ = sell(shop, line(2929, sku="apple", quantity=734, unit="g"), card="RET3")
    assert figures(shop, member) == (58, 0, 0)
    back = bring(
        shop, goods(paper(sale), {"line_id": "1", "amount": 1000}, kind="price_correction", reason="bruised")
    )
    assert back["money"]["refundable"] == 1000
    assert back["lines"][0]["quantity"] == 0
    # 1000 of 2929 of 29 points, by each of the two rules.
    assert back["points"]["taken_back"] == 9 + 9
    rest = bring(shop, goods(paper(sale), {"line_id": "1"}))
    assert (rest["money"]["refundable"], rest["lines"][0]["quantity"]) == (1929, 734)
    assert figures(shop, member) == (0, 0, 0)


def test_what_is_wrong_with_a_return_is_said(shop: Shop) -> None:
    sale, sold = sell(shop, line(1000), line(2929, line_id="2", quantity=734, unit="g"))
    cases = [
        (goods(paper(sale), {"line_id": "9"}), 422, "validation_failed"),
        (goods(paper(sale), {"line_id": "2", "quantity": 300}), 422, "validation_failed"),
        (goods(paper(sale), {"line_id": "1", "quantity": 2}), 409, "return_exceeds_purchase"),
        (goods(paper(sale), {"line_id": "1", "amount": 1001}), 409, "return_exceeds_purchase"),
        (goods(paper(sale), currency="SEK"), 422, "currency_mismatch"),
        (goods({"purchase_id": "pur_00000000000000000000000000"}), 404, "purchase_unknown"),
        (goods({"purchase_id": "nonsense"}), 404, "purchase_unknown"),
        (goods({"purchase_id": sold["purchase_id"], "store": "str_1"}), 422, "validation_failed"),
        (goods(paper(sale), {"line_id": "1", "quantity": 1, "amount": 1}), 422, "validation_failed"),
        (goods(paper(sale), {"line_id": "1"}, {"line_id": "1"}), 422, "validation_failed"),
        (goods(None), 422, "validation_failed"),
        (goods(paper(sale), store="str_1"), 403, "store_not_allowed"),
    ]
    for body, status, code in cases:
        refused = bring(shop, body)
        assert (refused.status, refused.code) == (status, code), body
    # What was refused has left its number free.
    mended = {**cases[0][0], "lines": [{"line_id": "1"}]}
    assert bring(shop, mended).status == 201


def test_points_that_still_wait_are_taken_first_and_a_return_never_reaches_for_them_elsewhere(
    fresh_shop: Shop,
) -> None:
    shop = fresh_shop
    shop.publish(with_lots(available={"after_days": 14}), effective_from=datetime.now(UTC) - DAY)
    member = shop.enrol("RET4")
    sale, _ = sell(shop, line(5000), card="RET4")
    sell(shop, line(3000), card="RET4")
    back = bring(shop, goods(paper(sale)))
    assert back["points"]["from_pending"] == 50
    assert figures(shop, member) == (0, 30, 0)
    assert breaches(shop) == []


def test_points_that_expired_by_themselves_count_as_taken_back(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, today = fresh_shop, Calendar(monkeypatch, datetime(2031, 5, 5, 10, tzinfo=UTC))
    terms = with_lots(expire={"days": 30})
    shop.publish(terms, effective_from=today.now - DAY)
    member = shop.enrol("RET5")
    sale, _ = sell(shop, line(4000, quantity=2), card="RET5", at=today.now)
    today.pass_by(days=40)
    sell(shop, line(2500), card="RET5", at=today.now)
    back = bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}, at=today.now))
    assert (back["points"]["taken_back"], back["points"]["expired"]) == (20, 20)
    back = bring(shop, goods(paper(sale), at=today.now))
    assert (back["points"]["taken_back"], back["points"]["expired"]) == (20, 20)
    assert figures(shop, member) == (25, 0, 0)
    assert breaches(shop) == []


@pytest.mark.parametrize(
    ("reach", "left", "shortfall"), [("pending_only", 50, 500), ("within_balance", 0, 0), ("debt", 0, 0)]
)
def test_the_program_says_how_far_a_return_reaches(
    fresh_shop: Shop, reach: str, left: int, shortfall: int
) -> None:
    shop = fresh_shop
    rate = {"points": 100, "amount": 1000}
    terms = with_lots(returns={"take_back": reach}, redeem={"rate": rate})
    shop.publish(terms, effective_from=datetime.now(UTC) - DAY)
    member = shop.enrol("RET6")
    sale, _ = sell(shop, line(5000), card="RET6")
    back = bring(shop, goods(paper(sale)))
    assert (back["policy"], back["money"]["shortfall"]) == (reach, shortfall)
    named = [odd["code"] for odd in back["discrepancies"]]
    assert named == (["points_kept"] if left else [])
    assert figures(shop, member) == (left, 0, 0)
    assert breaches(shop) == []


def test_a_purchase_that_gave_nothing_has_nothing_to_take_back(shop: Shop) -> None:
    sale, sold = sell(shop, line(1000))
    back = bring(shop, goods(paper(sale)))
    assert back.status == 201
    assert {"code": "nothing_to_take_back"} in back["discrepancies"]
    assert back["balance"] is None
    assert back["money"]["refundable"] == 1000
    assert shop.till.get(f"/v1/purchases/{sold['purchase_id']}")["status"] == "returned"


def test_a_receipt_that_is_claimed_after_a_part_came_back_gives_what_is_left(shop: Shop) -> None:
    sale, sold = sell(shop, line(6000, quantity=3))
    bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}))
    member = shop.enrol("RET7")
    claim = shop.member(member).post("/v1/me/claims", {"claim_code": sold["claim_code"]})
    assert (claim["state"], claim["points"]) == ("credited", 40)
    assert figures(shop, member) == (40, 0, 0)
    assert shop.till.get(f"/v1/purchases/{sold['purchase_id']}")["status"] == "partly_returned"
    back = bring(shop, goods(paper(sale)))
    assert back["points"]["taken_back"] == 40
    assert figures(shop, member) == (0, 0, 0)
    assert breaches(shop) == []


def test_a_late_receipt_that_is_rated_after_a_part_came_back_gives_what_is_left(fresh_shop: Shop) -> None:
    shop = fresh_shop
    now = datetime.now(UTC)
    shop.publish(with_lots(purchases={"late_days": 31}), effective_from=now - 90 * DAY)
    member = shop.enrol("RET8")
    sale, sold = sell(shop, line(6000, quantity=3), card="RET8", at=now - 40 * DAY)
    bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}))
    rated = shop.office.post(f"/v1/purchases/{sold['purchase_id']}/review", {})
    assert rated["points"]["earned"] == 60
    assert figures(shop, member) == (40, 0, 0)
    assert breaches(shop) == []


def test_money_goes_back_to_the_tenders_it_came_from(shop: Shop) -> None:
    payments = [{"kind": "card", "amount": 700}, {"kind": "gift_card", "amount": 300}]
    sale, _ = sell(shop, line(1000, quantity=3), payments=payments)
    refunds = [bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}))["money"] for _ in range(3)]
    assert [money["refundable"] for money in refunds] == [333, 333, 334]
    by_tender = {"card": 0, "gift_card": 0}
    for money in refunds:
        for tender in money["tenders"]:
            by_tender[tender["kind"]] += tender["amount"]
    assert by_tender == {"card": 700, "gift_card": 300}


def test_the_statement_and_the_explanation_speak_of_it(shop: Shop) -> None:
    member = shop.enrol("RET9")
    sale, sold = sell(shop, line(5000), card="RET9")
    back = bring(shop, goods(paper(sale), receipt={"language": "nb"}))
    assert back["receipt_lines"][0] == {
        "text": "Poeng trukket tilbake", "value": "-50", "align": "left", "style": "normal",
    }  # fmt: skip
    [entry, _] = shop.office.get(f"/v1/members/{member}/entries")["data"]
    assert (entry["kind"], entry["title"], entry["points"]) == ("return", "Goods returned, Store 2", 50)
    assert entry["source"]["id"] == back["return_id"]
    why = shop.office.get(entry["explanation"])
    assert why["text"] == "50 points were taken back because goods came back."
    told = shop.till.get(f"/v1/purchases/{sold['purchase_id']}/explanation")
    assert told["steps"][-1] == {"label": "Taken back by returns", "value": "50 points"}
    items = shop.member(member).get("/v1/me/activity")["data"]
    assert [(item["kind"], item["points"]) for item in items] == [("return", -50), ("purchase", 50)]

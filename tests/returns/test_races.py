"""Goods that come back at two counters at once: real threads, each on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loyalty_api import clock, ids
from loyalty_api.purchases import service
from loyalty_api.purchases.desk import Who
from loyalty_api.purchases.schemas import PurchaseSchema
from loyalty_api.returns import waiting
from tests.purchases.racing import at_once, breaches, insisting, settled
from tests.returns.selling import bring, figures, goods, paper, sell
from tests.support.shop import Reply, Shop, line, receipt


def taking_back(shop: Shop, body: dict[str, Any]) -> Callable[[], Reply]:
    return insisting(shop.caller("terminal", store="str_2"), "/v1/returns", body, key=None)


def apply_due(shop: Shop) -> int:
    with shop.database.unit_of_work() as session:
        return waiting.apply_due(session, shop.app.extensions["desk"], now=clock.now(), limit=100)


def test_of_64_returns_of_the_last_three_units_three_succeed(shop: Shop) -> None:
    member = shop.enrol("RRACE1")
    sale, _ = sell(shop, line(3000, quantity=3), card="RRACE1")
    bodies = [goods(paper(sale), {"line_id": "1", "quantity": 1}) for _ in range(64)]
    answers = at_once(*(taking_back(shop, body) for body in bodies))
    assert sorted(answer.status for answer in answers) == [201] * 3 + [409] * 61
    assert {answer.code for answer in answers if answer.status == 409} == {"return_exceeds_purchase"}
    assert figures(shop, member) == (0, 0, 0)
    assert breaches(shop) == []


def test_of_returns_of_what_nobody_is_known_for_one_succeeds(shop: Shop) -> None:
    sale, _ = sell(shop, line(1000))
    answers = at_once(*(taking_back(shop, goods(paper(sale))) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert breaches(shop) == []


def test_a_return_that_arrives_64_times_at_once_has_one_effect_and_equal_answers(shop: Shop) -> None:
    member = shop.enrol("RRACE2")
    sale, _ = sell(shop, line(3000, quantity=3), card="RRACE2")
    body = goods(paper(sale), {"line_id": "1", "quantity": 1})
    answers = at_once(*(taking_back(shop, body) for _ in range(64)))
    assert {answer.raw for answer in answers} == {answers[0].raw}
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers].count(None) == 1
    assert figures(shop, member) == (20, 0, 0)


def test_a_return_and_a_void_at_once_take_each_point_once(shop: Shop) -> None:
    member = shop.enrol("RRACE3")
    for _ in range(8):
        sale, sold = sell(shop, line(3000, quantity=3), card="RRACE3")
        path = f"/v1/purchases/{sold['purchase_id']}/void"
        back, voided = at_once(
            taking_back(shop, goods(paper(sale), {"line_id": "1", "quantity": 1})),
            insisting(shop.till, path, {"reason": "x"}),
        )
        assert voided.status == 201
        assert (back.status, voided["points"]["taken_back"]) in ((201, 20), (409, 30))
    assert figures(shop, member) == (0, 0, 0)
    assert breaches(shop) == []


def test_a_return_and_a_claim_at_once_leave_what_is_left(shop: Shop) -> None:
    for n in range(8):
        sale, sold = sell(shop, line(3000, quantity=3))
        member = shop.enrol(f"RRACE4-{n}")
        back, claim = at_once(
            taking_back(shop, goods(paper(sale), {"line_id": "1", "quantity": 1})),
            insisting(shop.member(member), "/v1/me/claims", {"claim_code": sold["claim_code"]}),
        )
        assert (back.status, claim["state"]) == (201, "credited")
        assert figures(shop, member) == (20, 0, 0)
    assert breaches(shop) == []


def test_a_return_and_its_purchase_that_arrive_at_once_find_each_other(shop: Shop) -> None:
    member = shop.enrol("RRACE5")
    for _ in range(16):
        sale = receipt(line(3000, quantity=3), card="RRACE5")
        sold, back = at_once(
            insisting(shop.till, "/v1/purchases", sale, key=None),
            taking_back(shop, goods(paper(sale))),
        )
        assert (sold.status, back.status) == (201, 201)
    settled(shop)
    assert apply_due(shop) <= 16
    assert apply_due(shop) == 0
    assert figures(shop, member) == (0, 0, 0)
    assert breaches(shop) == []


def test_a_return_that_missed_its_purchase_is_found_by_the_job(shop: Shop) -> None:
    """Neither saw the other: the return looked before the sale was committed, the sale before the return was."""
    member = shop.enrol("RRACE6")
    sale = receipt(line(3000), card="RRACE6")
    desk = shop.app.extensions["desk"]
    body = PurchaseSchema().load(sale)
    report = service.reported(body, vault=desk.vault, purchase_id=ids.new())
    with shop.database.unit_of_work() as session:
        service.purchase(session, desk, report=report, who=Who("cli_test", "admin"), now=clock.now())
        waits = bring(shop, goods(paper(sale)))
    assert waits["status"] == "waiting"
    settled(shop)
    assert figures(shop, member) == (30, 0, 0)
    assert apply_due(shop) == 1
    assert figures(shop, member) == (0, 0, 0)
    assert breaches(shop) == []

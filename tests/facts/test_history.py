"""What was bought before: the n-th purchase, the first in a category, absences, streaks and visits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.purchases import queries
from loyalty_api.purchases.booking import basket_document
from loyalty_api.rating.rules import advance, evaluate
from loyalty_api.rating.rules_program import compile_program
from loyalty_api.rulekit.facts import Facts, Member
from loyalty_api.rulekit.stored import decision_from_json, facts_from_json
from loyalty_api.rulekit.stored_baskets import basket_from_json
from tests.facts.test_counting import document
from tests.purchases.racing import breaches, settled
from tests.returns.selling import bring, goods, paper
from tests.support.shop import Shop, line, receipt

BEGAN = datetime(2019, 1, 1, tzinfo=UTC)
# A Monday noon of the past, so that weeks can be counted from it.
_TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
MONDAY = _TODAY - timedelta(days=_TODAY.weekday() + 7 * 12)


def rule(**member: Any) -> dict[str, Any]:
    return {"id": "r", "kind": "bonus", "points": 10, "when": {"member": member}}


def opened(shop: Shop, *rules: dict[str, Any], card: str = "HIST", **earn: Any) -> Shop:
    made = document(*rules)
    made["earn"] |= earn
    shop.publish(made | {"purchases": {"late_days": None}}, effective_from=BEGAN)
    shop.enrol(card)
    return shop


def bought(shop: Shop, at: datetime, *lines: dict[str, Any], card: str = "HIST", **more: Any) -> Any:
    answer = shop.till.post(
        "/v1/purchases", receipt(*(lines or (line(500),)), card=card, at=at, **more), key=None
    )
    assert answer.status == 201, answer.body
    return answer


def points(shop: Shop, *when: datetime, **more: Any) -> list[int]:
    return [bought(shop, at, **more)["points"]["earned"] for at in when]


def test_every_third_purchase(fresh_shop: Shop) -> None:
    shop = opened(fresh_shop, rule(purchase_number={"every": 3}))
    assert points(shop, *(MONDAY + timedelta(hours=n) for n in range(7))) == [0, 0, 10, 0, 0, 10, 0]


def test_the_first_and_the_fourth_purchase_and_how_many_are_missing(fresh_shop: Shop) -> None:
    shop = opened(fresh_shop, rule(purchase_number={"is": [1, 4]}))
    days = [MONDAY + timedelta(days=n) for n in range(4)]
    answers = [bought(shop, at) for at in days]
    assert [answer["points"]["earned"] for answer in answers] == [10, 0, 0, 10]
    said = shop.office.get(f"/v1/purchases/{answers[1]['purchase_id']}/explanation", Accept_Language="en")
    values = [step["value"] for step in said["steps"]]
    assert "This was purchase number 2; it is for another one." in values
    assert "2 purchases more and r gives points." in values


def test_a_voided_sale_and_one_that_came_back_were_no_purchases(fresh_shop: Shop) -> None:
    shop = opened(fresh_shop, rule(purchase_number={"is": [2]}))
    first = receipt(line(500), card="HIST", at=MONDAY)
    sold = shop.till.post("/v1/purchases", first, key=None)
    assert shop.till.post(f"/v1/purchases/{sold['purchase_id']}/void", {"reason": "x"}).status in (200, 201)
    second = receipt(line(500), card="HIST", at=MONDAY + timedelta(hours=1))
    assert shop.till.post("/v1/purchases", second, key=None)["points"]["earned"] == 0
    assert bring(shop, goods(paper(second))).status == 201
    assert points(shop, MONDAY + timedelta(hours=2), MONDAY + timedelta(hours=3)) == [0, 10]


def test_a_late_receipt_sees_what_was_bought_before_it_happened(fresh_shop: Shop) -> None:
    shop = opened(fresh_shop, rule(purchase_number={"is": [1]}))
    assert points(shop, MONDAY + timedelta(days=5), MONDAY) == [10, 10]


def test_welcome_back_after_thirty_days(fresh_shop: Shop) -> None:
    shop = opened(fresh_shop, rule(days_since_visit={"at_least": 30}))
    days = [0, 29, 59, 60]
    assert points(shop, *(MONDAY + timedelta(days=n) for n in days)) == [0, 0, 10, 0]


def test_three_weeks_in_a_row(fresh_shop: Shop) -> None:
    shop = opened(fresh_shop, rule(week_streak={"at_least": 3}))
    weeks = [0, 1, 1, 2, 3, 5, 6, 7]
    assert points(shop, *(MONDAY + timedelta(weeks=n, hours=k) for k, n in enumerate(weeks))) == [
        0, 0, 0, 10, 10, 0, 0, 10,
    ]  # fmt: skip


def test_the_first_purchase_in_a_category(fresh_shop: Shop) -> None:
    shop = opened(fresh_shop, rule(first_in_category=["Food > Fruit"]))
    baskets = [[line(500)], [line(500), line(300, sku="apple", line_id="2")], [line(300, sku="apple")]]
    earned = [
        bought(shop, MONDAY + timedelta(days=n), *lines)["points"]["earned"]
        for n, lines in enumerate(baskets)
    ]
    assert earned == [0, 10, 0]


def test_baskets_within_the_hour_in_one_store_are_one_visit(fresh_shop: Shop) -> None:
    shop = opened(fresh_shop, rule(new_visit=True), visit_gap_minutes=60)
    minutes = [0, 10, 59, 119, 180]
    assert points(shop, *(MONDAY + timedelta(minutes=n) for n in minutes)) == [10, 0, 0, 10, 10]
    other = shop.caller("terminal", store="str_2")
    elsewhere = receipt(line(500), card="HIST", at=MONDAY + timedelta(minutes=185), store="str_2")
    assert other.post("/v1/purchases", elsewhere, key=None)["points"]["earned"] == 10


@pytest.mark.parametrize("number", [3, 130])
def test_a_batch_counts_within_itself_however_it_is_written(fresh_shop: Shop, number: int) -> None:
    shop = opened(fresh_shop, rule(purchase_number={"every": 2}))
    file = [
        {
            "type": "purchase",
            "body": receipt(line(500), card="HIST", at=MONDAY + timedelta(minutes=n), terminal="b"),
        }
        for n in range(number)
    ]
    results = shop.till.upload("POST", "/v1/batch", file).lines
    assert [result["points"] for result in results] == [0 if n % 2 == 0 else 10 for n in range(number)]


def test_a_quote_asks_the_same(fresh_shop: Shop) -> None:
    shop = opened(fresh_shop, rule(purchase_number={"is": [2]}))
    basket = {
        name: value
        for name, value in receipt(line(500), card="HIST").items()
        if name not in ("business_date", "reference", "total", "payments")
    }
    assert shop.till.post("/v1/quotes", basket)["points"]["total"] == 0
    bought(shop, MONDAY)
    assert shop.till.post("/v1/quotes", basket)["points"]["total"] == 10


def test_histories_from_the_database_equal_histories_folded_by_advance(fresh_shop: Shop) -> None:
    rules = [
        {**rule(purchase_number={"every": 3}), "id": "third"},
        {**rule(days_since_visit={"at_least": 6}), "id": "back"},
        {**rule(week_streak={"at_least": 2}), "id": "streak"},
        {**rule(first_in_category=["Food > Fruit", "Food"]), "id": "first"},
        {**rule(new_visit=True), "id": "visit", "caps": [{"per": "month", "times": 4}]},
    ]
    shop, made = opened(fresh_shop, *rules, visit_gap_minutes=45), document(*rules)
    made["earn"]["visit_gap_minutes"] = 45
    program = compile_program(made, version=2)
    moments = [0, 20, 70, 60 * 24 * 7, 60 * 24 * 15, 60 * 24 * 30, 60 * 24 * 30 + 5, 60 * 24 * 41]
    folded = Facts(Member(), {}, {})
    for n, minutes in enumerate(moments):
        lines = [line(500), line(300, sku="apple", line_id="2")] if n == 2 else [line(500)]
        purchase_id = ids.read(
            "pur", bought(shop, MONDAY + timedelta(minutes=minutes), *lines)["purchase_id"]
        )
        with shop.database.unit_of_work() as session:
            row = queries.find(driver(session), purchase_id)
            stored = queries.lines_of(driver(session), row["member_id"], purchase_id)
        basket, facts = basket_from_json(basket_document(row, stored)), facts_from_json(row["facts"])
        needs = program.needs(row["occurred_at"])
        known = {
            key: value
            for key, value in folded.counters.items()
            if key in needs.counters or key.startswith("history:")
        }
        assert facts == Facts(Member(), known, {})
        decision = evaluate(basket, facts, program, row["occurred_at"])
        assert decision == decision_from_json(row["decision"])
        folded = advance(folded, basket, decision)
    assert breaches(settled(shop)) == []

"""Promotions over HTTP: what a quote tells, a purchase charges and a return gives back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.promotions.till import back, buy, of, quote
from tests.purchases.racing import breaches
from tests.support.shop import BASIC, Shop, receipt

PROGRAM: dict[str, Any] = {
    **BASIC,
    "promotions": [
        {"id": "fruit", "name": {"en": "Fruit week", "nb": "Fruktuke"}, "where": {"sku": ["apple"]},
         "benefit": {"percent": {"off": "10", "on": "lines"}}},
        {"id": "rolls", "name": "Rolls: 3 for 2", "where": {"sku": ["roll"]},
         "benefit": {"buy_get": {"buy": {"quantity": 2}, "get": {}}}},
        {"id": "coffee_bun", "benefit": {"buy_get": {"buy": {"where": {"sku": ["coffee"]}},
         "get": {"added": "bun", "off": {"percent": "50"}}}}},
        {"id": "breakfast", "name": "Breakfast", "benefit": {"bundle": {"items": [
            {"where": {"sku": ["juice"]}}, {"where": {"sku": ["bread"]}}], "off": {"price": 5000}}}},
        {"id": "five_soups", "name": "Five soups", "where": {"sku": ["soup"]},
         "benefit": {"several": {"quantity": 5, "price": 10000}}},
        {"id": "big", "name": "Big basket", "minimum_basket": 50000,
         "when": {"member": {"member_for_days": {"at_least": 0}}},
         "benefit": {"amount": {"off": 5000, "on": "basket"}}},
        {"id": "mug", "name": "A mug", "when": {"lines": {"where": {"sku": ["tea"]}, "amount": {"at_least": 10000}}},
         "benefit": {"free_item": {"added": "mug"}}},
    ],
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def rules(shop: Shop) -> None:
    shop.publish(PROGRAM, effective_from=datetime.now(UTC) - timedelta(minutes=30))
    shop.enrol("PROMO")


def test_ten_percent_from_the_quote_to_the_last_apple(shop: Shop) -> None:
    apples, bread = of(3000, "apple", 1, 3), of(1000, "bread", 2)
    quoted = quote(shop, apples, bread, receipt={"language": "nb"})
    assert quoted["totals"] == {"amount": 4000, "till_discounts": 0, "program_discounts": 300, "total": 3700}
    assert quoted["lines"][0] == {
        "line_id": "1", "paid": 2700,
        "discounts": [{"source": "program", "promotion_id": "fruit", "kind": "percent", "amount": 300}],
    }  # fmt: skip
    assert quoted["effects"][0] == {
        "rule": "fruit", "kind": "discount", "desired": 300, "granted": 300, "amounts": {"1": 300}, "lines": ["1"],
        "text": "3,00 USD i rabatt",
    }  # fmt: skip
    assert quoted["receipt_lines"][0] == {
        "text": "Fruktuke", "value": "-3,00 USD", "align": "left", "style": "normal",
    }  # fmt: skip
    bought = buy(shop, quoted, apples, bread)
    assert bought["discrepancies"] == []
    assert bought["effects"][0] == {
        "rule": "fruit", "kind": "discount", "desired": 300, "granted": 300, "amounts": {"1": 300},
    }  # fmt: skip
    assert bought["points"]["quoted"] == bought["points"]["earned"] == quoted["points"]["total"]
    again = shop.office.get(f"/v1/purchases/{bought['purchase_id']}")
    assert again["effects"] == bought["effects"]


def test_the_till_and_the_program_disagree_and_the_till_is_believed(shop: Shop) -> None:
    apples = of(2000, "apple", discounts=[{"source": "program", "promotion_id": "fruit", "amount": 500}])
    bought = shop.till.post("/v1/purchases", receipt(apples, card="PROMO"), key=None)
    assert bought["discrepancies"] == [
        {"code": "price_differs", "of": "discounts", "expected": 200, "received": 500,
         "lines": [{"line_id": "1", "expected": 200, "received": 500}]}
    ]  # fmt: skip
    assert (bought["total"], bought["points"]["base"]) == (1500, 15)
    assert (bought["effects"][0]["desired"], bought["effects"][0]["granted"]) == (200, 500)
    own = of(2000, "bread", discounts=[{"source": "till", "kind": "markdown", "amount": 500}])
    assert shop.till.post("/v1/purchases", receipt(own), key=None)["discrepancies"] == []
    forgotten = shop.till.post("/v1/purchases", receipt(of(2000, "apple")), key=None)
    assert forgotten["discrepancies"][0]["expected"] == 200


def test_a_quote_is_honoured_when_the_price_has_changed_since(fresh_shop: Shop) -> None:
    shop, now = fresh_shop, datetime.now(UTC)
    shop.publish(PROGRAM, effective_from=now - timedelta(minutes=30))
    shop.enrol("PROMO")
    apples = of(1000, "apple")
    to_all, to_member = quote(shop, apples, card=None), quote(shop, apples)
    ended = {**PROGRAM["promotions"][0], "when": {"until": "2020-01-01"}}
    shop.publish({**PROGRAM, "promotions": [ended]}, effective_from=now - timedelta(seconds=30))
    assert buy(shop, to_member, apples)["discrepancies"] == []
    assert buy(shop, to_all, apples)["discrepancies"] == []
    without = buy(shop, to_member, apples, named=False)
    assert [odd["code"] for odd in without["discrepancies"]] == ["price_differs"]
    more = buy(shop, to_member, {**apples, "discounts": [{"source": "till", "amount": 10}]})
    assert more["discrepancies"] == [
        {"code": "price_differs", "of": "discounts", "expected": 99, "received": 100,
         "lines": [{"line_id": "1", "expected": 99, "received": 100}]}
    ]  # fmt: skip
    assert breaches(shop) == []


def test_what_does_not_apply_says_why_and_what_is_missing(shop: Shop) -> None:
    quoted = quote(shop, of(9000, "tea"), of(500, "soup", 2, 4), of(300, "coffee", 3))
    close = {miss["rule"]: (miss["missing"], miss["text"]) for miss in quoted["near_misses"]}
    assert close["five_soups"] == ({"pieces": 1}, "Units missing for Five soups: 1.")
    assert close["mug"] == ({"amount": 1000}, "10.00 USD more and A mug takes something off.")
    assert close["big"][0] == {"amount": 40200}
    (waited_for,) = quoted["suggestions"]
    assert (waited_for["kind"], waited_for["rule"]) == ("promotion", "coffee_bun")
    assert waited_for["add"] == {"sku": "bun", "quantity": 1}
    reasons = {reason["rule"]: reason["code"] for reason in quoted["reasons"]}
    assert reasons["big"] == "below_minimum"
    assert "rolls" not in reasons
    added = quote(shop, of(300, "coffee"), of(200, "bun", 2))
    assert (added["totals"]["program_discounts"], added["suggestions"]) == (100, [])


def test_of_three_for_two_the_discount_comes_back_with_all_three(shop: Shop) -> None:
    rolls = (of(4000, "roll", 1, 2), of(1000, "roll", 2))
    quoted = quote(shop, *rolls)
    assert {one["line_id"]: one["paid"] for one in quoted["lines"]} == {"1": 4000, "2": 0}
    bought = buy(shop, quoted, *rolls)
    one = back(shop, bought, {"line_id": "1", "quantity": 1})
    assert one["lines"][0]["value"] == one["money"]["refundable"] == 1600
    assert one["discounts"] == [{"rule": "rolls", "amount": 400}]
    rest = back(shop, bought)
    assert rest["money"]["refundable"] == 2400
    assert {line["line_id"]: line["value"] for line in rest["lines"]} == {"1": 1600, "2": 800}
    assert sum(discount["amount"] for discount in rest["discounts"]) == 600
    assert breaches(shop) == []


def test_a_bundle_costs_its_price_and_comes_back_at_it(shop: Shop) -> None:
    juice, bread = of(4000, "juice"), of(2000, "bread", 2)
    bought = buy(shop, quote(shop, juice, bread), juice, bread)
    assert (bought["total"], bought["discrepancies"]) == (5000, [])
    assert bought["effects"][0]["amounts"] == {"1": 667, "2": 333}
    assert back(shop, bought, {"line_id": "1"})["money"]["refundable"] == 3333
    assert back(shop, bought)["money"]["refundable"] == 1667


def test_five_for_a_price_come_back_one_by_one_and_nothing_is_left(shop: Shop) -> None:
    soup = of(12503, "soup", quantity=5)
    bought = buy(shop, quote(shop, soup), soup)
    assert (bought["total"], bought["points"]["earned"]) == (10000, 100)
    parts = [back(shop, bought, {"line_id": "1", "quantity": 1}) for _ in range(5)]
    assert [part["money"]["refundable"] for part in parts] == [2000] * 5
    assert sum(part["discounts"][0]["amount"] for part in parts) == 2503
    assert sum(part["points"]["taken_back"] for part in parts) == 100


def test_money_off_the_basket_is_spread_and_earns_nothing(shop: Shop) -> None:
    lines = (of(40000, "bread"), of(20000, "milk", 2))
    assert quote(shop, *lines, card=None)["totals"]["program_discounts"] == 0
    quoted = quote(shop, *lines)
    assert quoted["lines"][1] == {
        "line_id": "2", "paid": 18333, "discounts": [
            {"source": "program", "promotion_id": "big", "kind": "amount", "amount": 1667, "basket_wide": True}
        ],
    }  # fmt: skip
    bought = buy(shop, quoted, *lines)
    assert (bought["total"], bought["points"]["earned"]) == (55000, 550)
    said = shop.office.get(f"/v1/purchases/{bought['purchase_id']}/explanation").body
    assert {"label": "Big basket", "value": "50.00 USD off"} in said["steps"]
    assert back(shop, bought, {"line_id": "2"})["money"]["refundable"] == 18333


def test_a_free_item_that_is_kept_is_named_when_its_condition_is_lost(shop: Shop) -> None:
    tea, mug = of(12000, "tea", quantity=2), of(900, "mug", 2)
    bought = buy(shop, quote(shop, tea, mug), tea, mug)
    assert bought["total"] == 12000
    half = back(shop, bought, {"line_id": "1", "quantity": 1})
    assert {"code": "condition_lost", "rule": "mug", "amount": 900} in half["discrepancies"]
    assert (half["money"]["refundable"], half["money"]["shortfall"]) == (6000, 900)
    rest = back(shop, bought, {"line_id": "1"})
    assert [odd["code"] for odd in rest["discrepancies"]] == []
    assert breaches(shop) == []


def test_a_sale_nobody_claimed_keeps_its_discounts_when_it_finds_its_member(shop: Shop) -> None:
    apples = of(1000, "apple")
    bought = buy(shop, quote(shop, apples, card=None), apples, card=None)
    member = shop.enrol("LATER")
    claimed = shop.member(member).post("/v1/me/claims", {"claim_code": bought["claim_code"]})
    assert claimed["state"] == "credited", claimed.body
    found = shop.office.get(f"/v1/purchases/{bought['purchase_id']}")
    assert found["effects"][0]["amounts"] == {"1": 100}
    assert found["points"]["earned"] == 18

"""What lint finds about promotions: each finding is so, by what pricing really does; a sound program is quiet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty_api.publishing.rules_lint import SEVERITIES, lint
from loyalty_api.publishing.rules_lint_types import Finding, Sale
from loyalty_api.publishing.rules_lint_words import sentence
from loyalty_api.rating.rules import evaluate
from loyalty_api.rating.rules_program import Program
from tests.earning.builders import BASE, program

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TEA, ROLLS = {"sku": ["tea"]}, {"sku": ["roll"]}
HALF_A_CUP = {"where": {"sku": ["cup"]}, "off": {"percent": "50"}}
EXPIRES = {"available": "at_once", "expire": {"months": 12}}


def percent(off: str, on: Any = "basket") -> dict[str, Any]:
    return {"percent": {"off": off, "on": on}}


def amount(off: int, on: str = "basket") -> dict[str, Any]:
    return {"amount": {"off": off, "on": on}}


def promotion(rule_id: str, benefit: dict[str, Any], **said: Any) -> dict[str, Any]:
    return {"id": rule_id, "benefit": benefit, **said}


def found(*promotions: dict[str, Any], **sections: Any) -> dict[str, list[Finding]]:
    """What lint finds by code; every finding's witness is priced again."""
    compiled = program(BASE, promotions=list(promotions), lots=EXPIRES, **sections)
    by_code: dict[str, list[Finding]] = {}
    for finding in lint(compiled, now=NOW):
        assert finding.severity in SEVERITIES[finding.code]
        assert sentence(finding, currency="NOK", names=compiled.names, language="en")
        holds(finding, compiled)
        by_code.setdefault(finding.code, []).append(finding)
    return by_code


def taken(sale: Sale, by: Program) -> dict[str, int]:
    """What each promotion takes off a sale."""
    decision = evaluate(sale.basket, sale.facts, by, sale.at)
    return {one.rule: one.granted for one in decision.discounts if one.granted}


def coupons(sale: Sale, by: Program) -> set[str]:
    """The promotions that give a coupon for another purchase."""
    return {one.rule for one in evaluate(sale.basket, sale.facts, by, sale.at).coupons}


def holds(finding: Finding, by: Program) -> None:
    """The witness shows what is said of it."""
    sales = finding.witness
    off = [taken(sale, by) for sale in sales]
    first, numbers = finding.rules[0], finding.numbers
    match finding.code:
        case "goods_for_nothing":
            assert sum(off[0].values()) == sales[0].paid > 0
            assert set(finding.rules) == off[0].keys()
        case "discounts_beyond_margin" | "discounts_over_limit":
            given = sum(off[0].values()) + numbers["worth_money"]
            assert given * 100 > numbers["percent"] * sales[0].paid
            assert set(finding.rules) == off[0].keys()
        case "never_fires" | "not_seen_to_fire":
            assert first not in off[0].keys() | coupons(sales[0], by)
        case "always_beaten":
            decision = evaluate(sales[0].basket, sales[0].facts, by, sales[0].at)
            assert (first, finding.rules[1]) in {(reason.rule, reason.by) for reason in decision.reasons}
        case "discount_never_in_full":
            assert off[0][first] == numbers["granted_money"] < numbers["desired_money"]
        case "cheaper_in_parts":
            costs = [sale.paid - sum(one.values()) for sale, one in zip(sales, off, strict=True)]
            assert sales[0].paid == sum([sale.paid for sale in sales[1:]])
            assert costs[0] > sum(costs[1:]) == numbers["less_money"]
        case "window_ended":
            given = [taken(sale, by).keys() | coupons(sale, by) for sale in sales]
            assert [first in one for one in given] == [True, False]
        case "coupon_asked_nowhere" | "coupon_never_counts" | "coupon_stores_unknown":
            assert first in coupons(sales[0], by)


SOUND = (
    promotion("tea_3_for_2", percent("100", {"of_each": {"units": 3, "cheapest": 1}}), where=TEA, priority=10),
    promotion("breakfast", {"bundle": {"items": [{"where": TEA}, {"where": ROLLS}], "off": {"percent": "20"}}},
              when={"hours": [{"from": "07:00", "until": "10:00"}]}),
    promotion("levels", {"tiers": {"gold": "10"}}, group="g"),
    promotion("two_shirts", {"several": {"quantity": 2, "price": 5000}}, where={"tag": ["shirt"]}),
    promotion("second_half", {"buy_get": {"buy": {"where": TEA}, "get": HALF_A_CUP}}),
    promotion("staff", percent("15", "lines"), when={"member": {"staff": True}}, kinds=["staff"]),
    promotion("coupon", percent("25", "lines"), when={"coupon": ["FRESH"]}, where={"category": ["Food > Fish"]}),
)  # fmt: skip


def test_a_sound_program_is_quiet() -> None:
    assert set(found(*SOUND, tiers=_levels())) <= {"cheaper_in_parts"}


def _levels() -> dict[str, Any]:
    return {"levels": [{"id": "gold", "threshold": 1000}]}


def test_promotions_that_add_up_to_goods_for_nothing() -> None:
    (finding,) = found(promotion("a", percent("60")), promotion("b", amount(500), minimum_basket=1000))[
        "goods_for_nothing"
    ]
    assert (finding.severity, finding.rules) == ("error", ("a", "b"))
    additive = {"discounts": {"percents": "additive"}}
    (together,) = found(promotion("a", percent("60")), promotion("b", percent("40")), **additive)[
        "goods_for_nothing"
    ]
    assert together.rules == ("a", "b")
    (alone,) = found(promotion("mug", {"free_item": {"added": "mug"}}))["goods_for_nothing"]
    assert alone.severity == "warning"
    floor = {"discounts": {"floor": {"share": 10}}}
    assert "goods_for_nothing" not in found(
        promotion("a", percent("60")), promotion("b", amount(500), minimum_basket=1000), **floor
    )


def test_discounts_beyond_the_margin() -> None:
    quarter = {"lint": {"margin_percent": 25}}
    several = found(promotion("a", percent("20")), promotion("b", percent("10")), **quarter)
    assert [(one.severity, one.rules) for one in several["discounts_beyond_margin"]] == [
        ("error", ("a", "b"))
    ]
    alone = found(promotion("a", percent("30")), **quarter)["discounts_beyond_margin"]
    assert [(one.severity, one.numbers["off_money"]) for one in alone] == [("warning", 30)]
    assert "discounts_beyond_margin" not in found(promotion("a", percent("20")), **quarter)


def test_points_count_beside_what_is_taken_off() -> None:
    sections = {"lint": {"margin_percent": 25}, "redeem": {"rate": {"points": 100, "amount": 1000}}}
    codes = found(promotion("a", percent("20")), **sections)
    assert codes["discounts_beyond_margin"][0].numbers["worth_money"] > 0


def test_promotions_that_take_off_too_much_together() -> None:
    limit = {"lint": {"most_share": 25}}
    several = found(promotion("a", percent("20")), promotion("b", percent("10")), **limit)
    assert several["discounts_over_limit"][0].rules == ("a", "b")
    assert "discounts_over_limit" not in found(promotion("a", percent("30")), **limit)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"when": {"from": "2026-12-01", "until": "2026-11-01"}}, "dates"),
        ({"when": {"store": ["a"], "not": {"store": ["a"]}}}, "store"),
        ({"when": {"member": {"tier": ["platinum"]}}}, "no_such_level"),
        ({"where": {"legal_class": ["alcohol"]}}, "not_discounted"),
    ],
)
def test_a_promotion_that_can_never_apply(said: dict[str, Any], why: str) -> None:
    excluded = {"exclusions": [{"legal_class": ["alcohol"], "from": ["discount"]}]}
    (finding,) = found(promotion("p", percent("10", "lines"), **said), **excluded)["never_fires"]
    assert (finding.severity, finding.rules, finding.words["why"]) == ("error", ("p",), why)


def test_a_promotion_that_is_not_seen_to_apply() -> None:
    codes = found(
        promotion("p", amount(100), when={"lines": {"amount": {"at_most": 500}}}, minimum_basket=600)
    )
    assert codes["not_seen_to_fire"][0].rules == ("p",)


def test_a_promotion_that_another_one_always_beats() -> None:
    group = [promotion(name, percent(off), group="g") for name, off in (("less", "10"), ("more", "20"))]
    assert found(*group)["always_beaten"][0].rules == ("less", "more")
    apart = [
        promotion("first", percent("10"), priority=1),
        promotion("never", percent("50"), not_with=["first"]),
    ]
    assert found(*apart)["always_beaten"][0].rules == ("never", "first")
    group[1]["when"] = {"days": ["sat"]}
    assert "always_beaten" not in found(*group)


def test_a_cap_that_cuts_every_discount() -> None:
    assert "discount_never_in_full" in found(promotion("p", amount(500), caps={"amount": 200}))
    assert "discount_never_in_full" not in found(promotion("p", percent("10"), caps={"amount": 200}))


def test_goods_that_cost_less_in_parts() -> None:
    for benefit, said in (
        (percent("50"), {"caps": {"amount": 1000}}),
        (amount(500), {"minimum_basket": 5000}),
        (percent("50", {"cheapest": 1}), {}),
    ):
        assert "cheaper_in_parts" in found(promotion("p", benefit, **said)), benefit
    assert "cheaper_in_parts" not in found(promotion("p", percent("10")))


def test_a_promotion_whose_last_day_has_passed() -> None:
    codes = found(promotion("p", percent("100"), when={"until": "2025-12-31"}))
    assert "window_ended" in codes
    assert "goods_for_nothing" not in codes


def test_a_basket_is_told_as_it_was_before_promotions() -> None:
    (finding,) = found(promotion("p", percent("100")))["goods_for_nothing"]
    (sale,) = finding.witness
    assert sale.basket.pricing == "open"
    assert replace(sale.basket, pricing="settled") != sale.basket


def test_a_coupon_for_another_purchase_and_a_number_of_lines_are_nothing_to_worry_about() -> None:
    two = {"lines": {"where": TEA, "lines": {"at_least": 2}}}
    thanks = promotion("thanks", {"coupon": {"name": "THANKS", "valid_days": 14}}, minimum_basket=5000)
    asking = promotion("off", percent("5"), when={"coupon": ["THANKS"]})
    assert found(thanks, asking, promotion("two", percent("10", "lines"), where=TEA, when=two)) == {}


def gives(**said: Any) -> dict[str, Any]:
    """A promotion that gives a coupon called THANKS for the next two days."""
    return promotion(
        "gives", {"coupon": {"name": "THANKS", "valid_days": 2, **said.pop("coupon", {})}}, **said
    )


def asks(**when: Any) -> dict[str, Any]:
    return promotion("asks", percent("5"), when={"coupon": ["THANKS"], **when})


COUPONS = {
    "coupon_asked_nowhere",
    "coupon_never_counts",
    "coupon_stores_unknown",
    "never_fires",
    "not_seen_to_fire",
}


def test_a_coupon_that_something_asks_for_is_fine() -> None:
    assert not COUPONS & set(found(gives(), asks()))
    assert not COUPONS & set(found(gives(minimum_basket=5000), asks(until="2026-11-22")))
    inside = promotion("asks", percent("5"), when={"any": [{"coupon": "THANKS"}, {"days": ["sat"]}]})
    assert not COUPONS & set(found(gives(), inside))
    told = promotion("asks", percent("5"), when={"cel": "'THANKS' in coupons"})
    assert not {"coupon_asked_nowhere", "coupon_never_counts"} & set(found(gives(), told))


def test_a_coupon_that_nothing_asks_for() -> None:
    (finding,) = found(gives(), promotion("p", percent("5"), when={"coupon": ["OTHER"]}))[
        "coupon_asked_nowhere"
    ]
    assert (finding.rules, finding.words) == (("gives",), {"coupon": "THANKS"})


@pytest.mark.parametrize(
    ("given", "when"),
    [
        ({}, {"until": "2026-11-21"}),
        ({"when": {"until": "2026-11-30"}}, {"from": "2026-12-03"}),
        ({"coupon": {"stores": ["str_1"]}}, {"store": ["str_2"]}),
        ({"coupon": {"stores": ["str_1"]}}, {"not": {"store": ["str_1", "str_2"]}}),
    ],
)
def test_a_coupon_that_never_meets_what_asks_for_it(given: dict[str, Any], when: dict[str, Any]) -> None:
    assert "coupon_never_counts" in found(gives(**given), asks(**when))


def test_a_coupon_that_meets_it_just_so() -> None:
    assert "coupon_never_counts" not in found(gives(coupon={"from": "at_once"}), asks(until="2026-11-21"))
    ends = {"until": "2026-11-30"}
    assert "coupon_never_counts" not in found(gives(when=ends), asks(**{"from": "2026-12-02"}))
    assert "coupon_never_counts" not in found(gives(coupon={"stores": ["a", "b"]}), asks(store=["b"]))


def test_a_promotion_that_can_never_give_its_coupon() -> None:
    never = found(gives(when={"from": "2026-12-01", "until": "2026-11-01"}), asks())
    assert [finding.rules for finding in never["never_fires"]] == [("gives",)]
    assert "window_ended" in found(gives(when={"until": "2026-11-20"}), asks())


def test_a_coupon_for_stores_that_are_not_there() -> None:
    compiled = program(BASE, promotions=[gives(coupon={"stores": ["str_1", "str_9"]}), asks()], lots=EXPIRES)
    (finding,) = lint(compiled, now=NOW, stores=frozenset({"str_1"}))
    assert (finding.code, finding.words["stores"]) == ("coupon_stores_unknown", "str_9")
    assert "coupon_stores_unknown" not in {one.code for one in lint(compiled, now=NOW)}

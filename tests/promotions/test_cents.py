"""Cents: discounts add up whatever is bought, nothing goes below its floor, and order changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_api.rating.rules_program import without
from loyalty_api.rulekit.basket import Line, LineDiscount
from loyalty_api.rulekit.facts import Facts, Member
from tests.earning.builders import BASE, points, program
from tests.promotions.builders import applied, goods, item, off, offering, priced, wants, why
from tests.rulekit.strategies import unhurried

SKUS = ("tea", "milk", "cup", "mug")
TEA, DRINKS = {"sku": ["tea"]}, {"sku": ["tea", "milk"]}
MONOTONE: dict[str, dict[str, Any]] = {
    "percent of the basket": {"percent": {"off": "12.5", "on": "basket"}},
    "percent of lines": {"percent": {"off": "33.33", "on": "lines"}},
    "amount off the basket": {"amount": {"off": 777, "on": "basket"}},
    "amount off lines": {"amount": {"off": 99, "on": "lines"}},
    "amount off units": {"amount": {"off": 13, "on": "units"}},
    "price of units": {"price": {"is": 500, "on": "units"}},
    "dearest": {"percent": {"off": "50", "on": {"dearest": 2}}},
    "three for two": {"percent": {"off": "100", "on": {"of_each": {"units": 3, "cheapest": 1}}}},
    "second half price": {"percent": {"off": "50", "on": {"of_each": {"units": 2, "dearest": 1}}}},
    "several": {"several": {"quantity": 3, "price": 1000}},
    "bundle": {"bundle": {"items": [{"where": TEA}, {"where": {"sku": ["milk"]}}], "off": {"price": 700}}},
    "buy and get": {"buy_get": {"buy": {"where": TEA, "quantity": 2}, "get": {}}},
    "steps": {"steps": [{"from": 1000, "off": {"percent": "10"}}, {"from": 3000, "off": {"amount": 200}}]},
}
OTHERS: dict[str, dict[str, Any]] = {
    "price of the basket": {"price": {"is": 2000, "on": "basket"}},
    "cheapest": {"percent": {"off": "50", "on": {"cheapest": 2}}},
    "buy and get others": {
        "buy_get": {"buy": {"where": TEA}, "get": {"where": {"sku": ["cup", "mug"]}, "off": {"amount": 80}}}
    },
    "free": {"free_item": {"where": {"sku": ["mug"]}}},
    "level": {"tiers": {"gold": "5"}},
}


@st.composite
def bought(draw: st.DrawFn, *, odd: bool = True) -> tuple[Line, ...]:
    """Up to eight lines; ``odd`` ones are zero, below zero, by weight, discounted already or not to be discounted."""
    found = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        amount = draw(st.integers(-2000 if odd else 1, 5000))
        paid_by_till = draw(st.integers(0, 300)) if odd and amount > 300 else 0
        found.append(
            Line(
                str(number), amount, sku=draw(st.sampled_from(SKUS)), quantity=draw(st.integers(0 if odd else 1, 7)),
                unit=draw(st.sampled_from(["each", "each", "g"])) if odd else "each",
                discounts=(LineDiscount("till", paid_by_till),) if paid_by_till else (),
                legal_class=draw(st.sampled_from([None, None, "tobacco"])) if odd else None,
                cost=draw(st.none() | st.integers(0, 3000)) if odd else None,
            )
        )  # fmt: skip
    return tuple(found)


@st.composite
def promotion(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """Any benefit, on any goods, with or without caps, groups and conditions."""
    benefit = draw(st.sampled_from([*MONOTONE.values(), *OTHERS.values()]))
    said: dict[str, Any] = {"id": f"p{number}", "benefit": benefit, "priority": draw(st.integers(-1, 1))}
    if draw(st.booleans()):
        said["where"] = draw(st.sampled_from([TEA, DRINKS]))
    said["threshold"] = draw(st.sampled_from(["before", "after"]))
    said["minimum_basket"] = draw(st.sampled_from([0, 1500]))
    said["discounted_lines"] = draw(st.sampled_from(["count", "count", "left_out"]))
    if draw(st.booleans()):
        said["caps"] = {"amount": draw(st.integers(1, 900)), "units_per_line": draw(st.integers(1, 3))}
    return said


def several(most: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.integers(1, most).flatmap(
        lambda count: st.tuples(*[promotion(n) for n in range(count)]).map(list)
    )


handling = st.fixed_dictionaries(
    {
        "percents": st.sampled_from(["sequential", "additive"]),
        "round": st.fixed_dictionaries(
            {
                "mode": st.sampled_from(["half_up", "half_even", "down"]),
                "at": st.sampled_from(["line", "basket"]),
            }
        ),
        "spread": st.sampled_from(["largest_remainder", "first_line", "last_line"]),
        "floor": st.sampled_from([{"amount": 0}, {"amount": 150}, {"share": 60}, {"cost": 100}]),
    }
)


@settings(unhurried, max_examples=60)
@given(lines=bought(), promotions=several(4), how=handling, seed=st.randoms())
def test_discounts_add_up_and_nothing_goes_below_its_floor(lines, promotions, how, seed):
    by, of = offering(*promotions, discounts=how), wants(*lines)
    found = priced(of, by)
    for discount in found.discounts:
        assert sum(share for _, share in discount.shares) == discount.granted <= discount.desired
        assert all(share > 0 for _, share in discount.shares)
    before, after = (sum(line.paid for line in basket.lines) for basket in (of, found.basket))
    assert before - after == sum(discount.granted for discount in found.discounts)
    kind, least = next(iter(how["floor"].items()))
    for line, sold in zip(found.basket.lines, of.lines, strict=True):
        if line.paid == sold.paid:
            continue
        floor = {"amount": least * 100, "share": sold.amount * least, "cost": (sold.cost or 0) * least}[kind]
        assert line.paid * 100 >= max(floor, 0)
    assert after >= min(before, 0) if before == after else after >= 0
    shuffled = list(lines)
    seed.shuffle(shuffled)
    assert sum(line.paid for line in priced(wants(*shuffled), by).basket.lines) == after


@settings(unhurried, max_examples=20)
@pytest.mark.parametrize("kind", MONOTONE)
@given(lines=bought(odd=False), more=bought(odd=False), spread=st.sampled_from(["line", "basket"]))
def test_one_more_item_never_makes_the_rest_dearer(kind, lines, more, spread):
    by = offering({"benefit": MONOTONE[kind]}, discounts={"round": {"at": spread}})
    both = (*lines, replace(more[0], line_id="99"))
    less = sum(discount.granted for discount in priced(wants(*lines), by).discounts)
    assert sum(discount.granted for discount in priced(wants(*both), by).discounts) >= less


@pytest.mark.parametrize(
    ("benefit", "lines", "more"),
    [
        (OTHERS["cheapest"], (item(1, 500, "tea"), item(2, 500, "tea")), item(3, 10, "cup")),
        (OTHERS["buy and get others"], (item(1, 500, "tea"), item(2, 80, "cup")), item(3, 10, "mug")),
        (OTHERS["free"], (item(1, 900, "mug"),), item(2, 100, "mug")),
    ],
)
def test_what_takes_the_cheapest_may_make_the_rest_dearer_and_says_so(benefit, lines, more):
    by = offering({"benefit": benefit})
    assert applied(wants(*lines, more), by)["p1"] < applied(wants(*lines), by)["p1"]


@pytest.mark.parametrize(
    ("how", "shares"),
    [("largest_remainder", [34, 33, 33]), ("first_line", [34, 33, 33]), ("last_line", [33, 33, 34])],
)
def test_the_odd_cent_lies_where_the_program_says(how, shares):
    by = offering({"benefit": {"amount": {"off": 100, "on": "basket"}}}, discounts={"spread": how})
    of = wants(*[item(n, 1000, "tea") for n in (10, 2, 1)])
    assert [off(of, by)[line_id] for line_id in ("1", "2", "10")] == shares


@pytest.mark.parametrize(
    ("mode", "at", "total"),
    [("half_up", "line", 3), ("half_even", "line", 0), ("down", "line", 0), ("half_up", "basket", 2)],
)
def test_percentages_round_as_the_program_says(mode, at, total):
    by = offering(
        {"benefit": {"percent": {"off": "10", "on": "basket"}}}, discounts={"round": {"mode": mode, "at": at}}
    )
    of = wants(item(1, 5, "tea"), item(2, 5, "milk"), item(3, 5, "cup"))
    assert sum(off(of, by).values()) == total


def test_thresholds_and_shares_are_of_goods_that_may_be_discounted():
    by = offering({"benefit": {"amount": {"off": 300, "on": "basket"}}, "minimum_basket": 1000})
    deposit, wine = goods(3, 400, type="deposit"), goods(4, 9000, legal_class="alcohol")
    assert off(wants(item(1, 700, "tea"), item(2, 300, "milk"), deposit, wine), by) == {"1": 210, "2": 90}
    assert why(wants(item(1, 999, "tea"), deposit, wine), by)["p1"][1] == "below_minimum"
    assert why(wants(wine), offering({"benefit": {"amount": {"off": 300, "on": "basket"}}}))["p1"][1] == (
        "cannot_be_discounted"
    )


def test_what_was_cancelled_is_not_there_to_be_discounted():
    by = offering({"benefit": {"percent": {"off": "10", "on": "lines"}}})
    twice = (item(1, 1000, "tea"), item(2, 1000, "tea"))
    assert off(wants(*twice, item(3, -1000, "tea", -1, type="correction")), by) == {"2": 100}


def test_floors_cut_and_say_so():
    gift = {"benefit": {"percent": {"off": "100", "on": "lines"}}}
    dear = item(1, 1000, "tea", cost=700)
    for floor, cheaper in (({"share": 75}, 250), ({"amount": 1}, 999), ({"cost": 110}, 230)):
        by = offering(gift, discounts={"floor": floor})
        assert off(wants(dear), by) == {"1": cheaper}
        assert why(wants(dear), by)["p1"] == ("capped", "floor_reached", None)
    assert off(wants(item(1, 1001, "tea")), offering(gift, discounts={"floor": {"share": 75}})) == {"1": 250}
    slip = goods(2, -900, type="deposit_return")
    assert off(wants(dear, slip), offering(gift)) == {"1": 100}


def test_a_discount_on_the_whole_basket_lowers_a_rule_about_some_lines_only_if_the_program_says_so():
    fresh = {**BASE, "id": "fresh", "where": {"sku": ["tea"]}}
    big = {"id": "big", "benefit": {"percent": {"off": "50", "on": "basket"}}}
    of = wants(item(1, 1000, "tea"))
    for says, earned in (("ignores", 10), ("reduces", 5)):
        by = program(fresh, promotions=[big], earn={"basket_discount_on_scoped": says})
        assert points(of, by) == earned
    by = program(fresh, promotions=[{**big, "where": {"sku": ["tea"]}}])
    assert points(of, by) == 5


@pytest.mark.parametrize("status", ["blocked", "closed"])
def test_who_may_not_earn_buys_as_nobody_does(status):
    by = offering(
        {"when": {"member": {"staff": False}}, "benefit": {"percent": {"off": "50", "on": "lines"}}}
    )
    assert off(wants(item(1, 1000, "tea")), by) == {"1": 500}
    assert off(wants(item(1, 1000, "tea")), by, facts=Facts(Member(status))) == {}


def test_a_paused_promotion_keeps_its_place_and_gives_nothing():
    ten = {"group": "g", "benefit": {"percent": {"off": "10", "on": "lines"}}}
    half = {"group": "g", "benefit": {"percent": {"off": "50", "on": "lines"}}}
    last = {"benefit": {"percent": {"off": "10", "on": "basket"}}}
    of, by = wants(item(1, 1000, "tea")), without(offering(ten, half, last), frozenset({"p2"}))
    assert applied(of, by) == {"p3": 50}
    assert why(of, by) == {"p1": ("skipped", "better_discount", "p2"), "p2": ("skipped", "paused", None)}
    assert by.pausable >= {"p1", "p2", "p3"}


def test_a_till_may_not_ask_for_another_kind_of_basket():
    by = offering({"kinds": ["sale"], "benefit": {"percent": {"off": "50", "on": "lines"}}})
    assert off(wants(item(1, 1000, "tea"), kind="staff"), by) == {}


@pytest.mark.parametrize("lower", [0, 3])
def test_points_are_earned_on_what_remains(lower):
    by = offering({"benefit": {"amount": {"off": 200 + lower * 100, "on": "basket"}}})
    assert points(wants(item(1, 1000, "tea")), by) == 8 - lower

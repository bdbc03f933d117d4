"""Each benefit by itself: what it takes off which line."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty_api.rulekit.facts import Facts, Member
from tests.promotions.builders import applied, goods, item, missing, off, offering, priced, wants, why

TEA, MILK, CUP = item(1, 3000, "tea", 3), item(2, 2550, "milk"), item(3, 333, "cup")
TEA_ONLY = {"sku": ["tea"]}


@pytest.mark.parametrize(
    ("benefit", "cheaper"),
    [
        ({"percent": {"off": "10", "on": "basket"}}, {"1": 300, "2": 255, "3": 33}),
        ({"percent": {"off": "12.5", "on": "lines"}}, {"1": 375, "2": 319, "3": 42}),
        ({"amount": {"off": 500, "on": "basket"}}, {"1": 255, "2": 217, "3": 28}),
        ({"amount": {"off": 50, "on": "lines"}}, {"1": 50, "2": 50, "3": 50}),
        ({"amount": {"off": 50, "on": "units"}}, {"1": 150, "2": 50, "3": 50}),
        ({"price": {"is": 5000, "on": "basket"}}, {"1": 450, "2": 383, "3": 50}),
        ({"price": {"is": 900, "on": "units"}}, {"1": 300, "2": 1650}),
        ({"percent": {"off": "50", "on": {"cheapest": 2}}}, {"1": 500, "3": 167}),
        ({"percent": {"off": "50", "on": {"dearest": 2}}}, {"1": 500, "2": 1275}),
        ({"percent": {"off": "100", "on": {"of_each": {"units": 2, "cheapest": 1}}}}, {"1": 2000}),
        ({"percent": {"off": "100", "on": {"of_each": {"units": 5, "dearest": 1}}}}, {"2": 2550}),
        ({"several": {"quantity": 3, "price": 2500}}, {"1": 901, "2": 1149}),
        ({"steps": [{"from": 1000, "off": {"amount": 100}}, {"from": 5000, "off": {"percent": "10"}}]},
         {"1": 300, "2": 255, "3": 33}),
        ({"bundle": {"items": [{"where": TEA_ONLY, "quantity": 2}, {"where": {"sku": ["cup"]}}],
                     "off": {"price": 2000}}}, {"1": 285, "3": 48}),
        ({"buy_get": {"buy": {"where": TEA_ONLY, "quantity": 2}, "get": {}}}, {"1": 1000}),
        ({"buy_get": {"buy": {"where": TEA_ONLY, "quantity": 2},
                      "get": {"where": {"sku": ["milk", "cup"]}, "off": {"percent": "50"}}}}, {"3": 167}),
        ({"buy_get": {"buy": {"where": TEA_ONLY, "quantity": 3},
                      "get": {"added": "milk", "off": {"price": 1000}}}}, {"2": 1550}),
        ({"free_item": {"where": {"sku": ["cup"]}}}, {"3": 333}),
    ],
)  # fmt: skip
def test_a_benefit_takes_off_its_lines(benefit: dict[str, Any], cheaper: dict[str, int]) -> None:
    assert off(wants(TEA, MILK, CUP), offering({"benefit": benefit})) == cheaper


def test_a_level_has_its_own_percentage() -> None:
    by = offering({"benefit": {"tiers": {"gold": "10", "silver": "5"}}})
    assert off(wants(TEA), by, facts=Facts(Member(tier="silver"))) == {"1": 150}
    assert off(wants(TEA), by, facts=Facts()) == {}


def test_of_several_steps_the_one_that_takes_off_most_counts() -> None:
    by = offering(
        {
            "benefit": {
                "steps": [{"from": 100, "off": {"percent": "50"}}, {"from": 900, "off": {"amount": 10}}]
            }
        }
    )
    assert applied(wants(goods(1, 1000)), by) == {"p1": 500}


def test_what_is_missing_is_said_when_it_is_little() -> None:
    three = {"benefit": {"several": {"quantity": 5, "price": 100}}, "where": TEA_ONLY}
    steps = {"benefit": {"steps": [{"from": 6000, "off": {"amount": 100}}]}}
    gift = {"benefit": {"free_item": {"added": "mug"}}, "minimum_basket": 5000}
    big = {"benefit": {"amount": {"off": 1, "on": "basket"}}, "minimum_basket": 6500}
    of, by = wants(TEA, MILK, CUP), offering(three, steps, gift, big)
    assert missing(of, by) == {
        "p1": {"pieces": 2},
        "p2": {"amount": 117},
        "p3": {"added": 1},
        "p4": {"amount": 617},
    }
    assert why(of, by)["p4"] == ("not_applicable", "below_minimum", None)


def test_a_price_fits_no_goods_by_weight_and_a_percentage_does() -> None:
    apples = goods(1, 2929, quantity=734, unit="g")
    assert off(wants(apples), offering({"benefit": {"price": {"is": 100, "on": "units"}}})) == {}
    assert off(wants(apples), offering({"benefit": {"percent": {"off": "10", "on": "lines"}}})) == {"1": 293}


def test_a_million_pieces_are_as_quick_as_ten() -> None:
    by = offering({"benefit": {"several": {"quantity": 3, "price": 2}}})
    assert applied(wants(item(1, 10**9, "bolt", 10**9)), by) == {"p1": 10**9 // 3}


def test_caps_cut_money_units_and_sets() -> None:
    half = {"benefit": {"percent": {"off": "50", "on": "lines"}}}
    pair = {"benefit": {"several": {"quantity": 2, "price": 1500}}}
    assert off(wants(TEA, MILK), offering(half | {"caps": {"amount": 1000}})) == {"1": 541, "2": 459}
    assert off(wants(TEA), offering(half | {"caps": {"units_per_line": 1}})) == {"1": 500}
    four = item(1, 4000, "tea", 4)
    assert off(wants(four), offering(pair)) == {"1": 1000}
    assert off(wants(four), offering(pair | {"caps": {"applications": 1}})) == {"1": 500}
    assert off(wants(four), offering(pair | {"caps": {"units_per_line": 3}})) == {"1": 500}


def test_all_units_of_a_set_took_part_though_one_is_free() -> None:
    (given,) = priced(
        wants(item(1, 2000, "tea", 2), item(2, 900, "mint")), offering({"benefit": {"percent": {
            "off": "100", "on": {"of_each": {"units": 3, "cheapest": 1}}}}})
    ).discounts  # fmt: skip
    assert given.shares == (("2", 900),)
    assert given.took_part == (("1", 2000), ("2", 900))

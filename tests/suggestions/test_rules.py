"""Which products a basket is suggested: the rules alone."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from loyalty_api.products.rules import Product
from loyalty_api.rating.rules import check_document, compile_program
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.facts import Facts, Member
from loyalty_api.suggestions.rules import Associations, Sold, Suggesting, Suggestion, suggested
from loyalty_api.suggestions.rules_counting import Baskets

GOODS = Product(("Food",), None, None, None, "each", "goods")
HARDLY = {"currency": "NOK", "time_zone": "Europe/Oslo"}
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
# Of 100 baskets: pasta goes with sauce, tea with biscuits, and everybody buys milk.
SALES = [
    *[["pasta", "sauce", "milk"]] * 20,
    *[["pasta", "cheese"]] * 6,
    *[["tea", "biscuits", "milk"]] * 20,
    *[["milk", "bread"]] * 30,
    *[["bread"]] * 20,
    *[["sauce", "rare"]] * 4,
]


def counted(sales: list[list[str]], *, lift: int = 100, **more: Any) -> tuple[Associations, dict[str, Sold]]:
    """The counts of some baskets, half of them in each of two stores, as a process holds them."""
    baskets = Baskets(**more)
    for number, skus in enumerate(sales):
        baskets.add(number, f"str_{number % 2}", number, skus, [100 + number] * len(skus))
    together = baskets.together(min_baskets=5, min_lift_percent=lift)
    known = Associations(1, len(baskets))
    for one in together.products():
        known.add(one.sku, bought=one.baskets, price=one.price, others=one.others, together=one.together)
    known.weigh()
    return known, dict(together.stores())


def wanting(**section: Any) -> Suggesting:
    document = {**HARDLY, "suggestions": {"most": 3, **section.pop("suggestions", {})}, **section}
    found = compile_program(document, version=1).suggestions
    assert found is not None
    return found


def asked(
    *skus: str, by: Suggesting | None = None, sold: Sold | None = None, sales: Any = SALES, **masters: Any
) -> list[Suggestion]:
    """What a basket of these is suggested; every product is in the master unless it is said otherwise."""
    known, _ = counted(sales)
    basket = Basket("str_1", "NOK", tuple(Line(str(n), 1000, sku) for n, sku in enumerate(skus)))

    def products(wanted: Any) -> dict[str, Product]:
        found = {sku: masters.get(sku, GOODS) for sku in wanted}
        return {sku: product for sku, product in found.items() if product}

    return suggested(by or wanting(), basket, known, sold=sold, products=products)


def skus(found: list[Suggestion]) -> list[str]:
    return [one.sku for one in found]


def test_what_goes_with_it_comes_before_what_everybody_buys() -> None:
    found = asked("pasta")
    assert skus(found) == ["sauce", "milk", "cheese"], (
        "Milk is with pasta as often as sauce is, and everywhere else."
    )
    assert (found[0].because.sku, found[0].because.together, found[0].because.of) == ("pasta", 20, 26)
    assert found[0].price == 199
    assert skus(asked("pasta", "tea"))[:2] == ["milk", "biscuits"]
    assert asked("nobody-knows") == []


def test_nothing_that_is_in_the_basket_and_nothing_that_too_few_have_bought() -> None:
    assert skus(asked("pasta", "sauce")) == ["milk", "cheese"]
    assert "rare" not in skus(asked("sauce"))
    strict, _ = counted(SALES, lift=200)
    assert "milk" not in {strict.skus[other] for other in strict.others[strict.numbers["pasta"]]}


def test_what_may_not_be_given_or_discounted_is_neither_suggested_nor_a_reason() -> None:
    cigars = replace(GOODS, legal_class="tobacco")
    assert skus(asked("pasta", sauce=cigars)) == ["milk", "cheese"]
    assert skus(asked("pasta", sauce=None, cheese=replace(GOODS, type="gift_card"))) == ["milk"]
    known, _ = counted(SALES)
    basket = Basket("str_1", "NOK", (Line("1", 1000, "pasta", legal_class="tobacco"),))
    assert suggested(wanting(), basket, known, sold=None, products=dict) == []  # type: ignore[arg-type]
    assert skus(asked("pasta", by=wanting(exclusions=[]), sauce=cigars)) == ["milk", "cheese"]
    apart = wanting(exclusions=[{"category": "Food", "from": ["gift"]}])
    assert asked("pasta", by=apart) == []


def test_the_marketer_pins_and_blocks() -> None:
    pins = [{"with": {"sku": ["pasta"]}, "add": "parmesan"}, {"with": {"sku": ["tea"]}, "add": "honey"}]
    found = asked("pasta", by=wanting(suggestions={"pinned": pins, "blocked": ["sauce"]}))
    assert [(one.sku, one.kind) for one in found] == [
        ("parmesan", "pinned"),
        ("milk", "bought_together"),
        ("cheese", "bought_together"),
    ]
    assert skus(asked("pasta", "parmesan", by=wanting(suggestions={"most": 1, "pinned": pins}))) == ["sauce"]


def test_a_store_counts_where_it_has_sold_enough() -> None:
    known, _ = counted(SALES)
    number = known.numbers
    plenty = Sold(1000, {number["cheese"]: 500, number["milk"]: 300})
    assert skus(asked("pasta", sold=plenty)) == ["cheese", "milk"], "This store has never sold the sauce."
    few = Sold(2, {number["milk"]: 2})
    assert skus(asked("pasta", sold=few)) == ["sauce", "milk", "cheese"]


def test_an_audience_is_suggested_to_and_others_are_not() -> None:
    gold = wanting(suggestions={"when": {"member": {"tier": ["gold"]}, "days": ["sat"]}})
    basket, zone = Basket("str_1", "NOK", ()), ZoneInfo("Europe/Oslo")
    assert gold.meant_for(basket, Facts(Member(tier="gold")), at=AT, zone=zone)
    assert not gold.meant_for(basket, Facts(Member(tier="silver")), at=AT, zone=zone)
    assert not gold.meant_for(basket, Facts(), at=AT, zone=zone)
    (fault,) = check_document(
        {**HARDLY, "suggestions": {"when": {"member": {"week_streak": {"at_least": 2}}}}}
    )
    assert fault.pointer == "/suggestions/when"
    assert compile_program(HARDLY, version=1).suggestions is None


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_baskets_and_lines_changes_nothing(seed: int) -> None:
    """Neither when all of them are counted, nor when some are thinned out."""
    chance, sales = random.Random(seed), list(enumerate(SALES))
    for most in (10_000, 90):
        counts = []
        for _ in range(2):
            baskets = Baskets(most)
            for mark, lines in sales:
                baskets.add(mark, "str_1", mark, chance.sample(lines, len(lines)))
            found = baskets.together(min_baskets=2, min_lift_percent=100)
            counts.append((baskets.every, list(found.products()), list(found.stores())))
            chance.shuffle(sales)
        assert counts[0] == counts[1]
        assert (counts[0][0] > 1) == (most == 90)


@pytest.mark.parametrize("size", [0, 1, 3, 6])
def test_counts_are_those_of_a_simple_count(size: int) -> None:
    chance = random.Random(size)
    sales = [sorted(chance.sample("abcdefgh", chance.randint(1, max(1, size)))) for _ in range(200)]
    known, sold = counted(sales)
    for sku, number in known.numbers.items():
        assert known.bought[number] == sum(sku in one for one in sales)
        for other, n in zip(known.others[number], known.together[number], strict=True):
            assert n == sum(sku in one and known.skus[other] in one for one in sales)
    assert sum(store.baskets for store in sold.values()) == len(sales)
    assert sold["str_0"].products[known.numbers["a"]] == sum("a" in one for one in sales[::2])

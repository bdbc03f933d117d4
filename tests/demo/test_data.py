"""The real baskets, read as the tills will report them."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest

from loyalty_api.demo import data

from .expected import expected_totals


def all_purchases(days: int) -> list[data.Purchase]:
    return [purchase for day in data.purchases_by_day(days=days) for purchase in day]


def purchase(*lines: data.Line) -> data.Purchase:
    return data.Purchase(
        basket_id=31198570044, household_id=900, store_id=330, seconds=1_483_271_606, lines=lines
    )


@pytest.mark.parametrize("days", [3, 14])
def test_the_window_holds_what_an_independent_count_finds(days: int) -> None:
    expected, window = expected_totals(days=days), data.window(days=days)
    assert (window.households, len(window.stores)) == (expected.members, expected.stores)
    assert (window.purchases, window.lines) == (expected.purchases, expected.lines)


def test_the_purchases_add_up_to_the_cent() -> None:
    expected, purchases = expected_totals(days=14), all_purchases(14)
    assert len(purchases) == expected.purchases
    assert sum(len(found.lines) for found in purchases) == expected.lines
    assert sum(found.paid for found in purchases) == expected.paid_minor


def test_the_first_three_and_fourteen_days_are_the_known_ones() -> None:
    three, fourteen = data.window(days=3), data.window(days=14)
    assert (three.purchases, three.lines, three.households, len(three.stores)) == (1093, 11281, 758, 121)
    assert (fourteen.purchases, fourteen.lines) == (5624, 57401)


def test_purchases_come_in_the_order_they_happened_each_day_by_itself() -> None:
    days = list(data.purchases_by_day(days=3))
    assert [{found.seconds // 86_400 for found in day} for day in days] == [{17167}, {17168}, {17169}]
    moments = [(found.seconds, found.basket_id) for day in days for found in day]
    assert all(earlier < later for earlier, later in pairwise(moments))


def test_a_purchase_is_reported_as_the_till_of_its_store_would() -> None:
    body = purchase(data.Line(1095275, 1, 50, 0), data.Line(1095275, 0, 120, 0)).body()
    assert body == {
        "store": "str_330",
        "terminal": "1",
        "business_date": "2017-01-01",
        "reference": "31198570044",
        "kind": "sale",
        "occurred_at": "2017-01-01T11:53:26Z",
        "currency": "USD",
        "identifier": {"kind": "card", "value": "HH0000900", "entry": "scanned"},
        "lines": [
            {"line_id": "1", "type": "goods", "sku": "1095275", "quantity": 1, "unit": "each", "amount": 50},
            {"line_id": "2", "type": "goods", "sku": "1095275", "quantity": 0, "unit": "each", "amount": 120},
        ],
        "total": 170,
        "payments": [{"kind": "card", "amount": 170}],
    }


def test_a_coupon_is_a_till_discount_even_when_it_is_worth_more_than_the_line() -> None:
    found = purchase(data.Line(1, 1, 100, 130))
    assert found.body()["lines"][0]["discounts"] == [{"source": "till", "kind": "coupon", "amount": 130}]
    assert found.body()["total"] == found.paid == -30


def test_money_that_is_not_whole_cents_is_refused() -> None:
    assert data.cents(0.29) == 29
    assert data.cents(840.0) == 84000
    with pytest.raises(data.NoRealData, match="whole number of cents"):
        data.cents(0.295)


def test_products_carry_what_rules_select_by() -> None:
    assert list(data.products(only=frozenset({26190}))) == [
        {
            "sku": "26190",
            "name": "APPLE SAUCE",
            "category": ["FRUIT - SHELF STABLE", "APPLE SAUCE"],
            "department": "GROCERY",
            "brand": "Private",
            "unit": "each",
        }
    ]


def test_a_product_without_a_category_is_named_by_its_department() -> None:
    (product,) = data.products(only=frozenset({26081}))
    assert product["name"] == product["department"] == "MISCELLANEOUS"


def test_wine_beer_and_tobacco_carry_their_legal_class() -> None:
    classes = {product.get("legal_class") for product in data.products(only=data.window(days=3).products)}
    assert classes == {None, "alcohol", "tobacco", "infant_formula"}


def test_reading_the_baskets_does_not_load_pandas() -> None:
    code = (
        "import sys; from loyalty_api.demo import data; next(data.purchases_by_day(days=1)); "
        "list(data.products(only=frozenset({26190}))); sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

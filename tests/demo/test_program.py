"""The demo's programs rate the real baskets as an independent calculation does, and agree on what they give."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from loyalty_api.demo import data, stage
from loyalty_api.demo.pricing import DOCUMENT, Prices, departments
from loyalty_api.demo.programs import known_programs, load_program
from loyalty_api.rating.rules import evaluate
from loyalty_api.rating.rules_program import check_document, compile_program
from loyalty_api.rulekit.basket import Basket, Line, LineDiscount
from loyalty_api.rulekit.facts import Facts, Member

from .expected import expected_promotions, expected_totals


def basket(purchase: data.Purchase, departments: dict[str, str]) -> Basket:
    lines = [
        Line(
            line_id=str(ordinal),
            amount=line.amount,
            sku=data.sku(product_id=line.product_id),
            quantity=line.quantity,
            discounts=(LineDiscount("till", line.coupon),) if line.coupon else (),
            department=departments.get(data.sku(product_id=line.product_id)),
        )
        for ordinal, line in enumerate(purchase.lines, start=1)
    ]
    return Basket(data.store_code(store_id=purchase.store_id), data.CURRENCY, tuple(lines))


@pytest.mark.parametrize("name", known_programs())
def test_three_days_earn_what_the_files_say(name: str) -> None:
    document = load_program(name).document
    assert check_document(document) == ()
    program, member = compile_program(document, version=1), Facts(Member())
    products = data.products(only=data.window(days=3).products)
    departments = {product["sku"]: product["department"] for product in products}
    points: Counter[str] = Counter()
    for day in data.purchases_by_day(days=3):
        for purchase in day:
            at = datetime.fromtimestamp(purchase.seconds, UTC)
            decision = evaluate(basket(purchase, departments), member, program, at)
            points.update({effect.rule: effect.granted for effect in decision.effects})
    expected = expected_totals(days=3)
    assert points == {"base": expected.points_base, "produce_bonus": expected.points_bonus}


def test_the_deli_promotion_takes_off_what_the_files_say_line_by_line() -> None:
    assert check_document(DOCUMENT) == ()
    prices = Prices(departments(only=data.window(days=3).products))
    assert sum(len(day) for day in prices.watching(data.purchases_by_day(days=3))) == 1093
    assert prices.told() == expected_promotions(days=3) == {"deli_10": 5_618}


def test_only_the_full_program_lets_points_pay() -> None:
    assert {name: load_program(name).spends for name in known_programs()} == {"basic": False, "full": True}


def test_what_was_paid_with_points_earns_all_the_same() -> None:
    basic, full = (load_program(name).document["earn"] for name in ("basic", "full"))
    assert full == {**basic, "tenders_excluded": []}


def test_every_reward_has_a_name_in_both_languages() -> None:
    assert all(reward["name"].keys() == {"en", "nb"} for reward in stage.REWARDS.values())

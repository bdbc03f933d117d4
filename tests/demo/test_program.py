"""The demo program rates the real baskets as an independent calculation does."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import orjson

from loyalty_api.demo import data
from loyalty_api.rating import rules as rating
from loyalty_api.rulekit.basket import Basket, Line, LineDiscount
from loyalty_api.rulekit.facts import Facts, Member

from .expected import expected_totals

BASIC = orjson.loads((Path(data.__file__).parent / "basic.json").read_bytes())


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


def test_three_days_earn_what_the_files_say() -> None:
    assert rating.check_document(BASIC) == ()
    program, member = rating.compile_program(BASIC, version=1), Facts(Member())
    products = data.products(only=data.window(days=3).products)
    departments = {product["sku"]: product["department"] for product in products}
    points: Counter[str] = Counter()
    for day in data.purchases_by_day(days=3):
        for purchase in day:
            at = datetime.fromtimestamp(purchase.seconds, UTC)
            decision = rating.evaluate(basket(purchase, departments), member, program, at)
            points.update({effect.rule: effect.granted for effect in decision.effects})
    expected = expected_totals(days=3)
    assert points == {"base": expected.points_base, "produce_bonus": expected.points_bonus}

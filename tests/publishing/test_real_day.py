"""A day of a real grocer through a draft: what comes out is what rating each basket by itself comes to."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import backtesting, figures
from loyalty_api.db import driver
from loyalty_api.demo import data
from loyalty_api.demo import run as demo
from loyalty_api.publishing.running import carry_out
from loyalty_api.purchases.rules import basket_of
from loyalty_api.rating.rules import evaluate
from loyalty_api.rating.rules_program import compile_program
from loyalty_api.rulekit.facts import Facts, Member
from tests.support.shop import Shop


def test_a_real_day_comes_to_what_its_baskets_come_to(fresh_shop: Shop) -> None:
    document = json.loads((Path(demo.__file__).parent / "full.json").read_text())
    with fresh_shop.database.unit_of_work() as session:
        count = backtesting.store(driver(session), compile_program(document, version=1), days=1)
    plan = backtesting.plan_of_year(document)
    found = carry_out(fresh_shop.database.url, plan, keep=lambda _: True, processes=1)
    drafted = compile_program(json.loads(plan.document), version=2)
    known = dict(figures.master(data.window(days=1).products))
    points = 0
    for today in data.purchases_by_day(days=1):
        for purchase in today:
            basket = basket_of(
                purchase.body() | {"channel": "store", "tax_included": True}, known, time_zone="UTC"
            )
            at = datetime.fromtimestamp(purchase.seconds, UTC)
            points += evaluate(basket, Facts(Member()), drafted, at).points()
    assert found is not None
    assert (found["purchases"], found["totals"]["points_after"]) == (count, points)
    assert {row["rule"] for row in found["by_rule"] if row["points_difference"]} == {"weekend"}

"""What a program's promotions have to give and to one member, and what discounts take of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from loyalty_api.promotions import rules_limits
from loyalty_api.promotions.rules_limits import Covered
from loyalty_api.rating.rules import as_buyer
from loyalty_api.rating.rules_program import NOTHING, Program
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Discount, NextTime
from loyalty_api.rulekit.facts import Facts, Needs


def limits_on(
    program: Program, at: datetime, store: str, *, basket: Basket | None = None
) -> tuple[Needs, dict[str, int]]:
    """What to load before pricing at that moment in a store, and the budgets by the keys of their limits.

    Of all promotions that run out, or of those that a ``basket`` may meet.
    """
    promotions = program.promotions
    if promotions is None or not promotions.counts:
        return NOTHING, {}
    rules = promotions.limited if basket is None else rules_limits.meant(promotions, basket)
    day = local_day(at, program.settings.zone)
    return rules_limits.needs(promotions, rules, day=day, store=store)


def covered(
    discounts: Iterable[Discount],
    basket: Basket,
    facts: Facts,
    program: Program,
    at: datetime,
    *,
    coupons: Iterable[NextTime] = (),
) -> Covered:
    """What discounts and coupons that are given take of budgets and count, and what of it was not there to take."""
    if program.promotions is None or not program.promotions.counts:
        return Covered()
    day = local_day(at, program.settings.zone)
    return rules_limits.covered(
        discounts, program.promotions, as_buyer(facts), day=day, store=basket.store, coupons=coupons
    )

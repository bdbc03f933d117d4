"""Coupons for another purchase: when one that is given counts, and which a sale still owes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from loyalty_api.promotions.rules_types import Coupon, Promotions
from loyalty_api.rulekit.days import ONE_DAY, begins, local_day
from loyalty_api.rulekit.decision import NextTime


def coupon_of(rule_id: str, benefit: Coupon, at: datetime, zone: ZoneInfo) -> NextTime:
    """The coupon that a promotion gives for a purchase at ``at``; its days are those of the program's ``zone``."""
    today = local_day(at, zone)
    start = at.astimezone(UTC) if benefit.at_once else begins(today + ONE_DAY, zone)
    end = begins(today + (benefit.valid_days + 1) * ONE_DAY, zone)
    return NextTime(rule_id, benefit.name, start, end, benefit.stores)


def still_due(promotions: Promotions, stand: Iterable[str], due: Iterable[NextTime]) -> list[NextTime]:
    """Of the coupons that a sale would give now, those that go with the promotions that ``stand`` since it was made:
    none twice, of one group one, and none beside a promotion that it never joins."""
    standing = set(stand)
    groups = {rule.group for rule in promotions.rules if rule.group and rule.rule_id in standing}
    return [
        one
        for one in due
        if one.rule not in standing
        and standing.isdisjoint(promotions.apart.get(one.rule, ()))
        and ((rule := promotions.numbered(one.rule)) is None or rule.group not in groups)
    ]

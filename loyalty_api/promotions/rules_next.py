"""Coupons for another purchase: when one that is given now counts."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from loyalty_api.promotions.rules_types import Coupon
from loyalty_api.rulekit.decision import NextTime


def coupon_of(rule_id: str, benefit: Coupon, at: datetime, zone: ZoneInfo) -> NextTime:
    """The coupon that a promotion gives for a purchase at ``at``; its days are those of the program's ``zone``."""
    today = at.astimezone(zone).date()
    begins = at.astimezone(UTC) if benefit.at_once else _start(today + timedelta(days=1), zone)
    ends = _start(today + timedelta(days=benefit.valid_days + 1), zone)
    return NextTime(rule_id, benefit.name, begins, ends, benefit.stores)


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)

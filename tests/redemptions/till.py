"""What a till and an app do with points, in a line each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.calendar import Calendar
from tests.support.documents import with_lots
from tests.support.shop import Caller, Reply, Shop, line, receipt

RATE = {"points": 100, "amount": 1000, "step": 100, "minimum": 100}
BEGIN = datetime(2031, 5, 5, 10, tzinfo=UTC)


def opened(
    shop: Shop, patch: pytest.MonkeyPatch, *, rate: dict[str, int] | None = RATE, **settings: Any
) -> Calendar:
    """The calendar of a shop in which 100 points are worth 10.00, unless the settings say otherwise."""
    today = Calendar(patch, BEGIN)
    redeem = {**({"rate": rate} if rate else {}), **settings.pop("redeem", {})}
    available, expire = settings.pop("available", "at_once"), settings.pop("expire", "never")
    terms = with_lots(available=available, expire=expire, redeem=redeem)
    for name, section in settings.items():
        terms[name] = {**terms.get(name, {}), **section}
    shop.publish(terms, effective_from=today.now - timedelta(days=900))
    return today


def rich(shop: Shop, today: Calendar, points: int, card: str) -> str:
    """A new member with so many points."""
    member = shop.enrol(card)
    earn(shop, today, points, card)
    return member


def earn(shop: Shop, today: Calendar, points: int, card: str) -> Reply:
    sold = shop.till.post("/v1/purchases", receipt(line(points * 100), card=card, at=today.now), key=None)
    assert sold["points"]["earned"] == points
    return sold


def hold(caller: Caller, member: str, amount: int, **more: Any) -> Reply:
    """Hold points for so much of a basket."""
    body = {"member_id": member, "for": "basket", "max_amount": amount, "store": "str_1", **more}
    return caller.post("/v1/redemptions", body)


def step(caller: Caller, redemption: Reply | str, name: str, **body: Any) -> Reply:
    """Capture, release or reverse it."""
    found = redemption if isinstance(redemption, str) else redemption["redemption_id"]
    return caller.post(f"/v1/redemptions/{found}/{name}", body)

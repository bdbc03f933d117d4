"""Whatever tills do in whatever order, what is kept is what follows from it anew."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from loyalty_api import ids, jobs
from loyalty_api.db import driver
from loyalty_api.tiers import service
from tests.support.calendar import Calendar
from tests.support.shop import Reply, Shop, line, receipt
from tests.tiers.till import Counter

CARDS = ("K-2001", "K-2002", "K-2003")


@pytest.mark.parametrize(
    "tiers",
    [
        {},
        {"metric": "points", "period": "anniversary", "downgrade": {"to": "never", "grace_days": 0}},
        {"period": {"rolling": 3}, "benefits_from": "this_purchase"},
        {"downgrade": {"to": "one_step", "grace_days": 40}, "on_return": "at_period_end"},
    ],
    ids=["year", "anniversary", "rolling", "steps"],
)
def test_what_is_kept_is_what_follows_anew(
    fresh_shop: Shop, calendar: Calendar, tiers: dict[str, object]
) -> None:
    draw = random.Random(str(tiers))
    levels = [{"id": "low", "threshold": 200}, {"id": "high", "threshold": 900, "benefits": {"multiplier": {
        "points": 7, "per": 5}}}]  # fmt: skip
    shop = Counter(fresh_shop, calendar, levels=levels, **tiers)
    members = [shop.enrol(card) for card in CARDS]
    now, sales = datetime.fromisoformat("2026-02-01T12:00+01:00"), []
    for _ in range(45):
        now += timedelta(days=draw.randrange(40), seconds=draw.randrange(5000))
        step(shop, draw, now, sales)
    assert shop.all_is_well()
    for member in members:
        ensure_level_follows(shop, member)


def step(shop: Counter, draw: random.Random, now: datetime, sales: list[Reply]) -> None:
    """A sale, some of them late or in a batch, a return, a void, or a job."""
    kind = draw.choice(("sale", "sale", "sale", "batch", "late", "return", "void", "job"))
    shop.calendar.on(now)
    if kind in ("sale", "late"):
        at = now - timedelta(days=draw.randrange(200)) if kind == "late" else now
        amount = draw.randrange(50, 60_000)
        sales.append(shop.sells(draw.choice(CARDS), amount, at=at.isoformat(), recorded=now.isoformat()))
    elif kind == "batch":
        items = [
            {
                "type": "purchase",
                "body": receipt(line(draw.randrange(20_000)), card=draw.choice(CARDS), at=now),
            }
            for _ in range(5)
        ]
        assert shop.shop.till.upload("POST", "/v1/batch", items).status == 200
    elif kind == "return" and sales:
        sale = draw.choice(sales)
        left = shop.shop.till.get(f"/v1/purchases/{sale['purchase_id']}")
        if left["status"] == "recorded":
            shop.takes_back(sale, at=now.isoformat(), amount=draw.randrange(1, sale["total"] + 1))
    elif kind == "void" and sales:
        sale = sales.pop(draw.randrange(len(sales)))
        voided = shop.shop.till.post(f"/v1/purchases/{sale['purchase_id']}/void", {"reason": "wrong"})
        assert voided.status == 201, voided.body
    elif kind == "job":
        jobs.settle_levels(shop.shop.database, now=now)


def ensure_level_follows(shop: Counter, member: str) -> None:
    """The level that is held is the one that all progress gives anew, unless it waits to be read anew itself.

    A step down lasts whatever was bought before it, so there the level may be above.
    """
    member_id = ids.read("mbr", member)
    assert member_id is not None
    with shop.shop.database.unit_of_work(snapshot=True) as session:
        found = service.look(
            driver(session), shop.shop.app.extensions["programs"], member_id=member_id, now=shop.calendar.now
        )
    assert found is not None
    book, policy = found[0], found[0].policy
    assert policy is not None
    held, anew = policy.rank(book.state.level), book.known.supported(policy, shop.calendar.now)
    if policy.downgrade == "one_step" or book.state.recheck_at:
        assert held >= anew
    else:
        assert held == anew

"""A shop with levels, and what its tests say in a line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from loyalty_api import jobs
from tests.purchases.racing import breaches
from tests.support.calendar import Calendar
from tests.support.shop import Reply, Shop, line, receipt

LEVELS: list[dict[str, Any]] = [
    {"id": "silver", "name": {"en": "Silver", "nb": "Sølv"}, "threshold": 50_000},
    {
        "id": "gold",
        "name": {"en": "Gold", "nb": "Gull"},
        "threshold": 100_000,
        "benefits": {"multiplier": {"points": 3, "per": 2}, "text": {"en": "Half as many points again"}},
    },
]
SINCE = datetime(2020, 1, 1, tzinfo=UTC)


def document(levels: Sequence[dict[str, Any]] = LEVELS, **tiers: Any) -> dict[str, Any]:
    """One point for each whole 1.00, and these tiers."""
    return {
        "currency": "USD",
        "time_zone": "Europe/Oslo",
        "purchases": {"late_days": None},
        "earn": {"rules": [{"id": "base", "kind": "base", "points_per": {"points": 1, "amount": 100}}]},
        "tiers": {**tiers, "levels": list(levels)},
    }


class Counter:
    """A shop on its days: members buy, bring back, and are looked at."""

    def __init__(self, shop: Shop, calendar: Calendar, **tiers: Any) -> None:
        self.shop, self.calendar = shop, calendar
        calendar.on("2026-03-02T10:00+01:00")
        shop.publish(document(**tiers), effective_from=SINCE)

    def enrol(self, card: str, on: str = "2026-01-05T09:00+01:00") -> str:
        self.calendar.on(on)
        return self.shop.enrol(card)

    def sells(self, card: str, amount: int, *, at: str, recorded: str | None = None, **more: Any) -> Reply:
        self.calendar.on(recorded or at)
        body = receipt(line(amount), card=card, at=datetime.fromisoformat(at), **more)
        reply = self.shop.till.post("/v1/purchases", body, key=None)
        assert reply.status == 201, reply.body
        return reply

    def item(self, card: str, amount: int, *, at: datetime) -> dict[str, Any]:
        """A sale as a line of a batch."""
        return {"type": "purchase", "body": receipt(line(amount), card=card, at=at)}

    def takes_back(self, sale: Reply, *, at: str, amount: int | None = None) -> Reply:
        moment = self.calendar.on(at)
        lines = None if amount is None else [{"line_id": "1", "amount": amount}]
        body = {
            "store": "str_1", "terminal": "1", "business_date": at[:10],
            "reference": f"R{sale['reference']}-{moment:%j%H%M}",
            "occurred_at": moment.isoformat(), "original": {"purchase_id": sale["purchase_id"]}, "kind": "goods",
        }  # fmt: skip
        reply = self.shop.till.post("/v1/returns", {**body, **({"lines": lines} if lines else {})}, key=None)
        assert reply.status == 201, reply.body
        return reply

    def tier(self, member: str, *, at: str | None = None, path: str = "") -> Reply:
        if at:
            self.calendar.on(at)
        reply = self.shop.office.get(f"/v1/members/{member}/tier{path}")
        assert reply.status == 200, reply.body
        return reply

    def level(self, member: str, *, at: str) -> str | None:
        found = self.tier(member, at=at)["level"]
        return found and found["code"]

    def jobs_run(self, at: str) -> int:
        return jobs.settle_levels(self.shop.database, now=self.calendar.on(at))

    def told(self, member: str) -> list[tuple[str | None, str | None, str, str]]:
        """The changes of level that the backend was told of."""
        events = self.shop.office.get("/v1/events?limit=200")["data"]
        return [
            (e["body"]["previous"], e["body"]["level"], e["body"]["reason"], e["occurred_at"])
            for e in events
            if e["kind"] == "tier_changed" and e["member_id"] == member
        ]

    def all_is_well(self) -> bool:
        found = breaches(self.shop)
        assert found == []
        return True

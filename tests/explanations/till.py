"""What happens in a shop that is asked why, in a line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.support.calendar import Calendar
from tests.support.shop import Caller, Reply, Shop, line, receipt

RULES: dict[str, Any] = {
    "currency": "USD",
    "time_zone": "Europe/Oslo",
    "purchases": {"late_days": None},
    "earn": {
        "rules": [
            {
                "id": "base", "kind": "base", "name": {"en": "A point for a dollar", "ru": "Балл за доллар"},
                "points_per": {"points": 1, "amount": 100}, "round_at": "line",
            },
            {
                "id": "fruit", "kind": "bonus", "name": {"en": "Fruit week", "nb": "Fruktuke"}, "points": 50,
                "when": {"lines": {"where": {"department": "PRODUCE"}, "amount": {"at_least": 2000}}},
            },
            {
                "id": "bakery", "kind": "bonus", "name": {"en": "Bakery"}, "cap_per_purchase": 30,
                "points_per": {"points": 1, "amount": 100}, "where": {"department": ["BAKERY"]},
            },
        ]
    },
    "lots": {"available": {"after_days": 14}, "expire": {"end_of_month": 1}},
    "redeem": {"rate": {"points": 10, "amount": 100, "step": 10, "minimum": 10}},
    "tiers": {
        "metric": "spend", "period": "calendar_year",
        "levels": [
            {
                "id": "gold", "name": {"en": "Gold", "nb": "Gull"}, "threshold": 10_000,
                "benefits": {"multiplier": {"points": 3, "per": 2}},
            }
        ],
    },
}  # fmt: skip
OTHER_RULES: dict[str, Any] = {
    **RULES,
    "earn": {
        "rules": [
            {
                "id": "base", "kind": "base", "name": {"en": "Three for a dollar"},
                "points_per": {"points": 3, "amount": 100},
            },
        ]
    },
    "lots": {"available": "at_once", "expire": "never"},
    "time_zone": "America/New_York",
    "tiers": {"metric": "visits", "levels": [{"id": "gold", "name": {"en": "Aurum"}, "threshold": 9}]},
}  # fmt: skip
"""Rules of a year later: other names and rates, some rules gone, other terms, another metric of levels."""

Told = tuple[str, list[tuple[str, str]]]


@dataclass(slots=True)
class Till:
    """The shop, its days, and what is said in it."""

    shop: Shop
    calendar: Calendar

    def sells(self, *lines: dict[str, Any], card: str, **more: Any) -> Reply:
        reply = self.shop.till.post(
            "/v1/purchases", receipt(*lines, card=card, at=self.calendar.now, **more), key=None
        )
        assert reply.status == 201, reply.body
        return reply

    def brings_back(self, sale: Reply, *lines: dict[str, Any]) -> Reply:
        body: dict[str, Any] = {
            "store": "str_1", "terminal": "1", "business_date": self.calendar.now.date().isoformat(),
            "reference": f"R{sale['reference']}-{len(lines)}", "occurred_at": self.calendar.now.isoformat(),
            "original": {"purchase_id": sale["purchase_id"]}, "kind": "goods",
        }  # fmt: skip
        reply = self.shop.till.post("/v1/returns", {**body, **({"lines": lines} if lines else {})}, key=None)
        assert reply.status == 201, reply.body
        return reply

    def statement(self, member: str) -> list[dict[str, Any]]:
        """The entries, the earliest first."""
        found: list[dict[str, Any]] = self.shop.office.get(f"/v1/members/{member}/entries?limit=200")["data"]
        return found[::-1]

    def publishes_other_rules(self) -> None:
        """Later rules: nothing of what was is called or counted as it was."""
        self.shop.publish(OTHER_RULES, effective_from=self.calendar.now)
        self.calendar.pass_by(days=1)

    def told(self, entry: dict[str, Any], *, language: str = "en") -> Told:
        return told(self.shop.office, entry["explanation"], language=language)

    def everything(self, member: str, *, language: str = "en") -> list[Told]:
        """Every explanation there is of a member's entries, purchases and lots."""
        office = self.shop.office
        paths = [entry["explanation"] for entry in self.statement(member)]
        paths += [lot["explanation"] for lot in office.get(f"/v1/members/{member}/lots?limit=200")["data"]]
        bought = office.get(f"/v1/members/{member}/purchases?limit=200")["data"]
        paths += [f"/v1/purchases/{one['purchase_id']}/explanation" for one in bought]
        return [told(office, path, language=language) for path in paths]


def told(caller: Caller, path: str, *, language: str = "en") -> Told:
    """An explanation: its sentence, and its steps."""
    reply = caller.get(path, Accept_Language=language)
    assert reply.status == 200, (path, reply.body)
    return reply["text"], [(step["label"], step["value"]) for step in reply["steps"]]


__all__ = ["OTHER_RULES", "RULES", "Till", "Told", "line", "told"]

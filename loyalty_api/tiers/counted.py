"""What counts of a purchase or an event, as it is told and kept; where there are no levels it is added unread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from loyalty_api.rows import Rows, Table
from loyalty_api.tiers.queries import MORE_PROGRESS, UNRANKED
from loyalty_api.tiers.rules import NOTHING, Amounts
from loyalty_api.values import dataclass

FIRST = datetime.min.replace(tzinfo=UTC)
"""Before the beginning of any rules."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What of a purchase counts, and on which local day."""

    day: date
    amounts: Amounts

    def stored(self) -> dict[str, Any]:
        """As the purchase keeps it."""
        amounts = self.amounts
        return {
            "day": self.day.isoformat(), "points": amounts.points, "spend": amounts.spend, "visits": amounts.visits
        }  # fmt: skip

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Counted:
        """What ``stored`` wrote."""
        amounts = Amounts(document["points"], document["spend"], document["visits"])
        return cls(date.fromisoformat(document["day"]), amounts)


def counted_rows(told: Sequence[tuple[UUID, Counted]], *, now: datetime) -> list[tuple[Table, Rows]]:
    """What counts of members where there are no levels, as rows to be added; the caller holds the members."""
    if not told:
        return []
    sums: dict[tuple[UUID, date], Amounts] = {}
    for member_id, counted in told:
        place = (member_id, counted.day)
        sums[place] = sums.get(place, NOTHING) + counted.amounts
    days = [(*place, each.points, each.spend, each.visits) for place, each in sorted(sums.items())]
    members = sorted({member_id for member_id, _ in sums})
    return [
        (MORE_PROGRESS, days),
        (UNRANKED, [(member_id, now, now, now, 0, FIRST) for member_id in members]),
    ]

"""Levels and what they ask for: what counts, from which sum on, and what a level does for its members. Pure.

Ranks are the places of levels in their order, 0 for the lowest; -1 is no level.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from zoneinfo import ZoneInfo

from loyalty_api.values import dataclass

NO_LEVEL = -1


@dataclass(frozen=True, slots=True)
class Amounts:
    """What counts of a purchase or a day: points earned, money spent in minor units, and visits."""

    points: int = 0
    spend: int = 0
    visits: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(self.points + other.points, self.spend + other.spend, self.visits + other.visits)

    def __sub__(self, other: Amounts) -> Amounts:
        return Amounts(self.points - other.points, self.spend - other.spend, self.visits - other.visits)

    def of(self, metric: str) -> int:
        """The one that a program looks at."""
        value: int = getattr(self, metric)
        return value


NOTHING = Amounts()
Days = Mapping[date, Amounts]
"""A member's progress by local day: of the purchases' days, returns taken off the day of what came back."""


@dataclass(frozen=True, slots=True)
class Level:
    """A level, the sum from which on it is reached, and what it gives.

    ``multiplier`` (points, per): so many points in the place of every ``per`` base points; None gives no more.
    """

    level_id: str
    threshold: int
    names: Mapping[str, str]
    texts: Mapping[str, str]
    multiplier: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """``tiers`` of one program version. ``months`` is the length of a rolling period; levels are in their order."""

    version: int
    zone: ZoneInfo
    metric: str
    period: str
    months: int
    this_purchase: bool
    downgrade: str
    grace_days: int
    on_return: str
    levels: tuple[Level, ...]

    def rank(self, level_id: str | None) -> int:
        """The rank of a level; one that this version does not know is none."""
        return next((n for n, level in enumerate(self.levels) if level.level_id == level_id), NO_LEVEL)

    def id_of(self, rank: int) -> str | None:
        """The level of a rank."""
        return self.levels[rank].level_id if rank >= 0 else None

    def reached(self, value: int) -> int:
        """The rank that a sum reaches. The lowest level may ask for nothing: then everybody has it."""
        return sum(1 for level in self.levels if level.threshold <= value) - 1

    def lowered(self, rank: int, earned: int) -> int:
        """What is left of a rank when its time is over and ``earned`` was earned in it."""
        if self.downgrade == "never" or earned >= rank:
            return rank
        return earned if self.downgrade == "to_earned" else max(earned, rank - 1)

    def total(self, days: Days, first: date, end: date) -> int:
        """The sum of the metric from ``first`` up to, and without, ``end``."""
        return sum(amounts.of(self.metric) for day, amounts in days.items() if first <= day < end)

    def names(self) -> dict[str, Mapping[str, str]]:
        """The levels' names for people by the id of the rule that a level's benefits go by."""
        return {rule_of(level.level_id): level.names for level in self.levels}


def rule_of(level_id: str) -> str:
    """How decisions and entries name what a level gives."""
    return f"tier:{level_id}"

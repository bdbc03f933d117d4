"""Programs that differ in what the model knows: how long points wait and live, and how far a return reaches."""

from __future__ import annotations

from calendar import monthrange
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from tests.model.ledger import NEVER
from tests.support.shop import BASIC

REACHES = ("debt", "within_balance", "pending_only")
_DAY = timedelta(days=1)
# For the model, one point is worth one minor unit: what points pay for is not its business.
_RATE = {"points": 1, "amount": 1}


@dataclass(frozen=True, slots=True)
class Life:
    """How the points of one rule live: they wait for so many days, then die after so many days or months, or never."""

    waits: int = 0
    days: int = 0
    months: int = 0

    def document(self) -> dict[str, Any]:
        """As a program says it."""
        lives = {"days": self.days} if self.days else {"months": self.months} if self.months else "never"
        return {"available": {"after_days": self.waits} if self.waits else "at_once", "expire": lives}

    def times(self, at: datetime, *, exact: bool) -> tuple[datetime, datetime]:
        """When points that are earned ``at`` wake and end; days are those of UTC."""
        wakes = _day(at, at.date() + self.waits * _DAY, exact) if self.waits else at
        if self.days:
            return wakes, _end(at, at.date() + self.days * _DAY, exact)
        if self.months:
            year, month = divmod(at.year * 12 + at.month - 1 + self.months, 12)
            last = monthrange(year, month + 1)[1]
            return wakes, _end(at, date(year, month + 1, min(at.day, last)), exact)
        return wakes, NEVER


def _day(at: datetime, day: date, exact: bool) -> datetime:
    return datetime.combine(day, at.timetz() if exact else time(tzinfo=UTC))


def _end(at: datetime, day: date, exact: bool) -> datetime:
    return _day(at, day if exact else day + _DAY, exact)


@dataclass(frozen=True, slots=True)
class Terms:
    """One program. ``base`` is what all goods earn, ``bonus`` half as much again on fruit, with a life of its own."""

    base: Life = Life()
    bonus: Life = Life()
    exact: bool = False
    reach: str = "debt"
    late_is_debt: bool = True
    grace_days: int = 14
    till_hours: int = 1
    app_days: int = 2

    def document(self) -> dict[str, Any]:
        """The program's document."""
        document = deepcopy(BASIC)
        _, bonus = document["earn"]["rules"]
        bonus["points_per"] = {"points": 1, "amount": 200}
        bonus["lots"] = self.bonus.document()
        document["lots"] = {
            **self.base.document(),
            "day_end": "exact" if self.exact else "local_midnight",
            "restore_grace_days": self.grace_days,
        }
        document["returns"] = {"take_back": self.reach}
        document["redeem"] = {
            "rate": _RATE,
            "hold": {"till": {"hours": self.till_hours}, "app": {"days": self.app_days}},
            "late_capture": "debt" if self.late_is_debt else "refuse_points",
        }
        document["adjustments"] = {"client_per_day": 10_000}
        return document

    def grace(self, now: datetime) -> datetime:
        """Until when points live that come back after their end."""
        return Life(days=self.grace_days).times(now, exact=self.exact)[1]


def drawn(random: Random) -> Terms:
    """A program by chance; points never end before they wake."""
    return Terms(
        _life(random), _life(random), random.random() < 0.3, random.choice(REACHES), random.random() < 0.7,
        random.randrange(1, 30), random.randrange(1, 30), random.randrange(1, 4),
    )  # fmt: skip


def _life(random: Random) -> Life:
    waits = random.choice((0, 0, random.randrange(1, 20)))
    kind = random.choice(("never", "days", "months"))
    days = random.randrange(waits + 2, 60) if kind == "days" else 0
    return Life(waits, days, random.randrange(1, 14) if kind == "months" else 0)

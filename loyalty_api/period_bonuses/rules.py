"""``earn.period_table``: periods of the program's calendar, and what the sum of one comes to (R21). Pure.

The version in force at a period's last moment says whether it is one, and what it gives. What is found after the period
was settled (a late receipt, goods that come back) is settled by the difference, for as long as receipts may be late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from loyalty_api.program.rules import Settings
from loyalty_api.program.rules_lots import LotTerms, never_waiting
from loyalty_api.rulekit.days import ONE_DAY, begins, local_day

RULE = "period_table"
"""How entries name what a period gave."""
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
# Where no receipt is too late, a period is closed all the same.
_LATEST_DAYS = 366
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A period's name (2026-11, 2026-Q4 or 2026), and its days from ``first`` up to, and without, ``end``."""

    name: str
    first: date
    end: date


@dataclass(frozen=True, slots=True)
class Table:
    """``steps`` are (sum in minor units, points) pairs from the lowest. ``reach`` is how far a difference may take."""

    version: int
    zone: ZoneInfo
    kind: str
    steps: tuple[tuple[int, int], ...]
    late_days: int
    reach: str
    lots: LotTerms

    def step(self, total: int) -> tuple[int, int] | None:
        """The highest step that a sum reaches."""
        reached = [step for step in self.steps if step[0] <= total]
        return reached[-1] if reached else None

    def ahead(self, total: int) -> tuple[int, int] | None:
        """The step above that."""
        return next((step for step in self.steps if step[0] > total), None)

    def closes(self, period: Period) -> datetime:
        """The moment at which a period is over."""
        return begins(period.end, self.zone)

    def ends_for_good(self, period: Period) -> datetime:
        """The moment from which on nothing changes any more what a period gave."""
        return begins(period.end + self.late_days * ONE_DAY, self.zone)


Timeline = Sequence[tuple[datetime, Table | None]]
"""From when on which table is in force, in order; None where a version has none."""


@dataclass(frozen=True, slots=True)
class Due:
    """A period that is over, and the table that settles it."""

    period: Period
    table: Table


def table(settings: Settings, *, version: int) -> Table | None:
    """The table of a version; None where it has none."""
    kind, said = settings.sections["earn"]["period_table"]
    if kind == "none":
        return None
    steps: Sequence[Mapping[str, Any]] = said["steps"]
    return Table(
        version=version,
        zone=settings.zone,
        kind=kind,
        steps=tuple([(step["from"], step["points"]) for step in steps]),
        late_days=_LATEST_DAYS if settings.late_days is None else settings.late_days,
        reach=settings.sections["returns"]["take_back"],
        lots=never_waiting(settings.lots),
    )


def period_of(kind: str, day: date) -> Period:
    """The month, quarter or year in which a local day lies."""
    months = _MONTHS[kind]
    number = (day.month - 1) // months
    first = date(day.year, number * months + 1, 1)
    year, month = divmod(first.month - 1 + months, 12)
    name = {1: f"{day.year}-{day.month:02}", 3: f"{day.year}-Q{number + 1}", 12: str(day.year)}[months]
    return Period(name, first, date(day.year + year, month + 1, 1))


def ended(timeline: Timeline, now: datetime) -> list[Due]:
    """Every period that was over by ``now``, each with the table in force at its last moment."""
    found: list[Due] = []
    for place, (start, known) in enumerate(timeline):
        until = timeline[place + 1][0] if place + 1 < len(timeline) else None
        if known is not None:
            found += _ended(known, start, now if until is None else min(until, now))
    return found


def _ended(known: Table, start: datetime, until: datetime) -> list[Due]:
    """The periods whose last moment lies from ``start`` up to ``until``."""
    found = []
    period = period_of(known.kind, local_day(start, known.zone))
    while known.closes(period) <= until:
        if known.closes(period) - _MOMENT >= start:
            found.append(Due(period, known))
        period = period_of(known.kind, period.end)
    return found

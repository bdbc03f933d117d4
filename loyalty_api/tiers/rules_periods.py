"""Qualification periods in local days: which one a day lies in, where it ends, and what falls out of a rolling one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from loyalty_api.rulekit.days import months_on

FOREVER = date.max


@dataclass(frozen=True, slots=True)
class Period:
    """The days from ``first`` up to, and without, ``end``."""

    first: date
    end: date

    def holds(self, day: date) -> bool:
        """Whether the day lies in it."""
        return self.first <= day < self.end


def period_of(kind: str, day: date, *, joined: date) -> Period:
    """The period in which ``day`` lies: of the calendar, of a membership that began on ``joined``, or the only one.

    Who joined on the 29th of February begins anew on the 28th in years without one.
    """
    if kind == "none":
        return Period(date.min, FOREVER)
    if kind == "calendar_year":
        return Period(date(day.year, 1, 1), date(day.year + 1, 1, 1))
    first = months_on(joined, 12 * (day.year - joined.year))
    if first > day:
        return Period(months_on(joined, 12 * (day.year - joined.year - 1)), first)
    return Period(first, months_on(joined, 12 * (day.year - joined.year + 1)))


def following(kind: str, period: Period, *, joined: date) -> Period:
    """The period after this one."""
    return period_of(kind, period.end, joined=joined)

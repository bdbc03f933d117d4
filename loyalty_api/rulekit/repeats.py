"""Days that repeat, written as an RRULE (RFC 5545), as a test of a day that takes no longer for a far one.

What a calendar counts out one by one is asked here the other way round: does this day fit? So a rule that no day fits
costs nothing either. The parts are FREQ, INTERVAL, BYDAY, BYMONTHDAY and BYMONTH; weeks begin on Monday.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

Fits = Callable[[date], bool]

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_PARTS = {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH"}
_YEARS_SEARCHED = 12


class Unreadable(ValueError):
    """The rule is not one of days, or not one we know."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """A rule taken apart: ``days`` are (which in the month or 0 for every, weekday) pairs."""

    every: int
    days: frozenset[tuple[int, int]]
    month_days: frozenset[int]
    months: frozenset[int]

    def fits(self, day: date) -> bool:
        """Whether a day has the weekday, the day of the month and the month that are asked for."""
        if self.months and day.month not in self.months:
            return False
        if not self.days and not self.month_days:
            return True
        length = monthrange(day.year, day.month)[1]
        if self.month_days and not self.month_days & {day.day, day.day - length - 1}:
            return False
        from_start, from_end = (day.day + 6) // 7, -((length - day.day) // 7 + 1)
        named = {(which, day.weekday()) for which in (0, from_start, from_end)}
        return not self.days or bool(self.days & named)


def repeats(rule: str, start: date) -> Fits:
    """Whether a day is one of those the rule names, counted from ``start``. Raises ``Unreadable``."""
    parts = dict(part.partition("=")[::2] for part in rule.split(";"))
    if len(parts) != rule.count(";") + 1 or not parts.keys() <= _PARTS:
        raise Unreadable("Of a rule only FREQ, INTERVAL, BYDAY, BYMONTHDAY and BYMONTH are known, each once.")
    frequency = parts.get("FREQ", "")
    if frequency not in _STEPS:
        raise Unreadable("FREQ is DAILY, WEEKLY, MONTHLY or YEARLY.")
    asked = _completed(frequency, _read(parts), start)
    steps = _STEPS[frequency]
    return lambda day: day >= start and steps(start, day) % asked.every == 0 and asked.fits(day)


def ever_happens(fits: Fits, start: date) -> bool:
    """Whether a day of the next twelve years fits."""
    return any(fits(start + timedelta(days=n)) for n in range(366 * _YEARS_SEARCHED))


def _read(parts: dict[str, str]) -> Repeats:
    return Repeats(
        _whole(parts.get("INTERVAL", "1"), 1, 1000),
        frozenset([_day(text) for text in _listed(parts, "BYDAY")]),
        frozenset([_whole(text, -31, 31) for text in _listed(parts, "BYMONTHDAY")]),
        frozenset([_whole(text, 1, 12) for text in _listed(parts, "BYMONTH")]),
    )


def _listed(parts: dict[str, str], name: str) -> list[str]:
    return parts[name].split(",") if name in parts else []


def _whole(text: str, lowest: int, highest: int) -> int:
    number = int(text) if re.fullmatch(r"-?\d{1,4}", text, re.ASCII) else 0
    if not lowest <= number <= highest or number == 0:
        raise Unreadable(f"{text[:20]} is not a number from {lowest} to {highest}.")
    return number


def _day(text: str) -> tuple[int, int]:
    found = _DAY.fullmatch(text)
    if found is None:
        raise Unreadable(f"{text[:20]} is not a day, such as SA, 1SA or -1FR.")
    return int(found[1] or 0), WEEKDAYS.index(found[2])


def _completed(frequency: str, asked: Repeats, start: date) -> Repeats:
    """What the rule leaves open is as on the day it starts."""
    counted = any(which for which, _ in asked.days)
    in_months = frequency == "MONTHLY" or (frequency == "YEARLY" and asked.months)
    if counted and not in_months:
        raise Unreadable("The first or last such day is one of a month: say MONTHLY, or YEARLY with BYMONTH.")
    if frequency == "WEEKLY" and asked.month_days:
        raise Unreadable("A week has no days of the month.")
    days, month_days, months = asked.days, asked.month_days, asked.months
    if frequency == "WEEKLY" and not days:
        days = frozenset([(0, start.weekday())])
    if frequency in ("MONTHLY", "YEARLY") and not days and not month_days:
        month_days = frozenset([start.day])
        months = months or frozenset([start.month] if frequency == "YEARLY" else [])
    return Repeats(asked.every, days, month_days, months)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


_STEPS: dict[str, Callable[[date, date], int]] = {
    "DAILY": lambda start, day: (day - start).days,
    "WEEKLY": lambda start, day: (_monday(day) - _monday(start)).days // 7,
    "MONTHLY": lambda start, day: 12 * (day.year - start.year) + day.month - start.month,
    "YEARLY": lambda start, day: day.year - start.year,
}

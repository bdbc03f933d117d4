"""Days around a birthday, and ages. Who was born on the 29th of February celebrates on the 28th in years without one.

The day of birth is personal and never among the facts: what is asked is a window, or whether somebody is so many years
old, and the fact is whether it holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

_PREFIX = "birthday:"
_AGE = "age:"


def key(days_before: int, days_after: int) -> str:
    """Under what the facts say whether it is a day from so many before a birthday to so many after it."""
    return f"{_PREFIX}{days_before}:{days_after}"


def age_key(years: int) -> str:
    """Under what the facts say whether the member is that old: from the birthday with this number on."""
    return f"{_AGE}{years}"


def asked(asks: Iterable[str]) -> list[str]:
    """Those of the keys that ask for the day of birth."""
    return sorted(each for each in asks if each.startswith((_PREFIX, _AGE)))


def ages(asks: Iterable[str]) -> list[str]:
    """Those of the keys that ask for an age."""
    return sorted(each for each in asks if each.startswith(_AGE))


def holds(asked_for: str, *, born: date, day: date) -> bool:
    """Whether the window or the age of a key holds on a local day."""
    if asked_for.startswith(_AGE):
        return celebrated(born, born.year + int(asked_for.removeprefix(_AGE))) <= day
    before, after = (int(days) for days in asked_for.removeprefix(_PREFIX).split(":"))
    birthdays = [celebrated(born, year) for year in (day.year - 1, day.year, day.year + 1)]
    return any(
        birthday - timedelta(days=before) <= day <= birthday + timedelta(days=after) for birthday in birthdays
    )


def celebrated(born: date, year: int) -> date:
    """The birthday in a year."""
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 2, 28)

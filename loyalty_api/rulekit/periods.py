"""The periods in which rules count: the program's own days, weeks (from Monday), months and years, or ever."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

PERIODS = ("day", "week", "month", "year", "program")


@lru_cache(maxsize=64)
def period_of(day: date, per: str) -> str:
    """The name of the period that a local day lies in: 2026-11-21, 2026-W47, 2026-11, 2026 or always."""
    match per:
        case "day":
            return day.isoformat()
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return f"{day.year}-{day.month:02}"
        case "year":
            return str(day.year)
        case _:
            return "always"

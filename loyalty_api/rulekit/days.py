"""Local days: which day a moment lies in, when a day begins, and the same day so many months on.

Days are those of a time zone; instants that come out are in UTC. An instant is turned into local time and never
guessed at the other way, but for a day's beginning, which every zone has (R49).
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, tzinfo

ONE_DAY = timedelta(days=1)


def local_day(moment: datetime, zone: tzinfo) -> date:
    """The day on the zone's calendar in which an instant lies."""
    return moment.astimezone(zone).date()


def begins(day: date, zone: tzinfo) -> datetime:
    """The instant at which a local day begins, also where daylight saving skips midnight."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def months_on(day: date, months: int) -> date:
    """The same day so many months later (or earlier), or that month's last day where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))

"""A budget that lasts: the row of the odds table that spends what is left over the draws that are still to come. Pure.

The odds follow the budget and the traffic that is expected, and never leave the bounds of the table. Everything is a
whole number. What traffic is expected is the shop's own business; which row a draw used is part of its record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from loyalty_api.draws.rules import SPACE
from loyalty_api.rulekit.days import ONE_DAY, months_on

HOURS = 24
WEEK = 7
LATELY = 14
THOUSAND = 1000
"""Expected draws are counted in thousandths, so that a quiet hour is more than none."""


def pacing(*, remaining: int, cost: int, expected_left: int, rows: Sequence[int]) -> int:
    """The number of the most likely row whose gifts, over the draws still expected, cost no more than what remains.

    ``cost`` is what one gift takes of the budget, in the budget's unit; ``expected_left`` thousandths of draws until
    the budget's end, the present one included. Where even the first row is too much it is the first all the same: the
    published odds are never left; the budget itself, which cannot go below zero, ends such a gift.
    """
    affordable = remaining * SPACE * THOUSAND
    found = 0
    for number, row in enumerate(rows):
        if row * cost * expected_left <= affordable:
            found = number
    return found


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many draws are expected in each local hour of each weekday (Monday 0), in thousandths."""

    hours: Mapping[tuple[int, int], int]

    def of_day(self, day: date) -> int:
        """The draws expected on a whole day."""
        return sum(self.hours.get((day.weekday(), hour), 0) for hour in range(HOURS))

    def left(self, now: datetime, last: date, zone: ZoneInfo) -> int:
        """The draws expected from ``now`` to the end of the ``last`` local day, one at least."""
        local = now.astimezone(zone)
        today = local.date()
        if last < today:
            return THOUSAND
        seconds = local.minute * 60 + local.second
        this_hour = self.hours.get((today.weekday(), local.hour), 0) * (3600 - seconds) // 3600
        later = sum(self.hours.get((today.weekday(), hour), 0) for hour in range(local.hour + 1, HOURS))
        weeks, days = divmod((last - today).days, WEEK)
        whole = weeks * sum(self.hours.values())
        rest = sum(self.of_day(today + timedelta(days=n)) for n in range(1, days + 1))
        return max(THOUSAND, this_hour + later + whole + rest)


def expected(
    counted: Mapping[tuple[int, int], int], *, days: int, lately: int, asked: int = 0, of: int = 0
) -> Traffic:
    """The traffic of a gift from the purchases that could draw over ``days``, by weekday and hour.

    They say how busy each hour is; how many there are is what ``lately``, the last ``LATELY`` days or all there were,
    say, so that a shop that grows is noticed. Of ``of`` such purchases while the gift was drawn, ``asked`` met its
    conditions; 0 of 0: nothing is known yet, and all are taken to meet them, so that a budget is spared and not gone.
    """
    over, under = (asked, of) if asked and of else (1, 1)
    under *= sum(counted.values()) * min(max(days, 1), LATELY)
    return Traffic(
        {place: number * THOUSAND * WEEK * lately * over // under for place, number in counted.items()}
    )


def last_day(day: date, period: str, until: date | None) -> date | None:
    """The last local day of the budget's ``period`` that ``day`` lies in, no later than ``until``; None without end."""
    match period:
        case "day":
            end: date | None = day
        case "week":
            end = day + timedelta(days=WEEK - 1 - day.weekday())
        case "month":
            end = months_on(day.replace(day=1), 1) - ONE_DAY
        case "year":
            end = date(day.year, 12, 31)
        case _:
            end = None
    if end is None or until is None:
        return until if end is None else end
    return min(end, until)

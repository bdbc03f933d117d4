"""Days and hours in which a rule applies: weekdays, hours, dates and repetitions, read and compiled to tests.

Days and dates are those of the program's time zone; hour windows are read on the store's own clock where it has one
(R60). An hour that does not exist never matches and one that comes twice matches twice (R49), because an instant is
turned into local time and never the other way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from loyalty_api.errors import Fault
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.repeats import Unreadable, ever_happens, repeats
from loyalty_api.rulekit.shapes import Member, below, record, text

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TIME = text(r"([01]\d|2[0-3]):[0-5]\d|24:00", "a time of day from 00:00 to 24:00")


class Moment(NamedTuple):
    """The moment of rating on the clocks rules read: day and weekday (Monday 0), and minute of the day.

    ``stamp`` is the instant itself, in minutes since 1970.
    """

    day: date
    weekday: int
    minute: int
    stamp: int = 0


Test = Callable[[Moment], bool]


def moment(*, at: datetime, zone: ZoneInfo, basket: Basket) -> Moment:
    """``at`` on the program's calendar and on the store's clock."""
    local = at.astimezone(zone)
    clock = at.astimezone(ZoneInfo(basket.time_zone)) if basket.time_zone else local
    return Moment(local.date(), local.weekday(), clock.hour * 60 + clock.minute, int(at.timestamp()) // 60)


def read_date(value: Any, pointer: str, faults: list[Fault]) -> date | None:
    """A day, written as 2026-11-30."""
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        faults.append(Fault(pointer, "not_allowed", "Expected a date, such as 2026-11-30."))
        return None


_WINDOW = record({"from": Member(TIME, required=True), "until": Member(TIME, required=True)})


def read_window(value: Any, pointer: str, faults: list[Fault]) -> Any:
    """A window of hours; it runs over midnight when it ends before it begins."""
    window = _WINDOW(value, pointer, faults)
    if window and window["from"] is not None and window["from"] == window["until"]:
        faults.append(Fault(below(pointer, "until"), "not_allowed", "A window ends after it begins."))
    return window


_REPEATS = record(
    {
        "rule": Member(
            text(r"[A-Z0-9=;,+-]{1,200}", "a rule of days, FREQ=MONTHLY;BYDAY=1SA"), required=True
        ),
        "from": Member(read_date, required=True),
    }
)


def read_repeats(value: Any, pointer: str, faults: list[Fault]) -> Any:
    """Days that repeat: an RRULE of days, and the first day it counts from; the test of a day.

    Hours stand in ``hours`` and the last day in ``until``, so that both mean the same in every condition.
    """
    already = len(faults)
    found = _REPEATS(value, pointer, faults)
    if len(faults) > already:
        return None
    try:
        fits = repeats(found["rule"], found["from"])
        happens = ever_happens(fits, found["from"])
    except (Unreadable, OverflowError) as error:
        faults.append(Fault(below(pointer, "rule"), "not_allowed", str(error)))
        return None
    if not happens:
        faults.append(Fault(pointer, "never_happens", "No day of twelve years fits the rule."))
    return fits


def weekdays(names: frozenset[str]) -> Test:
    """Whether it is one of these days of the week."""
    wanted = frozenset([DAYS.index(name) for name in names])
    return lambda moment: moment.weekday in wanted


def hours(windows: tuple[Mapping[str, str], ...]) -> Test:
    """Whether the store's clock is inside one of the windows."""
    spans = [(_minutes(window["from"]), _minutes(window["until"])) for window in windows]

    def test(moment: Moment) -> bool:
        minute = moment.minute
        return any(
            start <= minute < end if start < end else minute >= start or minute < end for start, end in spans
        )

    return test


def _minutes(written: str) -> int:
    return int(written[:2]) * 60 + int(written[3:])

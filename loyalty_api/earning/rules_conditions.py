"""When an earning rule applies: store, channel, days, hours and dates, compiled to closures.

Days and dates are those of the program's time zone; hour windows are read on the store's own clock where it
has one (R60). An hour that does not exist never matches and one that comes twice matches twice (R49), because
an instant is turned into local time and never the other way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from loyalty_api.errors import Fault
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.shapes import Member, below, items, one_or_more, record, subset, text

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAME = text()
TIME = text(r"([01]\d|2[0-3]):[0-5]\d|24:00", "a time of day from 00:00 to 24:00")


class Moment(NamedTuple):
    """The moment of rating on the clocks rules read: day and weekday (Monday 0), and minute of the day."""

    day: date
    weekday: int
    minute: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled test and the reason code when it fails; ``timed`` ones need a ``Moment``."""

    test: Callable[[Basket, Moment | None], bool]
    code: str
    timed: bool = False


def moment(*, at: datetime, zone: ZoneInfo, basket: Basket) -> Moment:
    """``at`` on the program's calendar and on the store's clock."""
    local = at.astimezone(zone)
    clock = at.astimezone(ZoneInfo(basket.time_zone)) if basket.time_zone else local
    return Moment(local.date(), local.weekday(), clock.hour * 60 + clock.minute)


def _date(value: Any, pointer: str, faults: list[Fault]) -> date | None:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        faults.append(Fault(pointer, "not_allowed", "Expected a date, such as 2026-11-30."))
        return None


_WINDOW = record({"from": Member(TIME, required=True), "until": Member(TIME, required=True)})


def _window(value: Any, pointer: str, faults: list[Fault]) -> Any:
    window = _WINDOW(value, pointer, faults)
    if window and window["from"] is not None and window["from"] == window["until"]:
        faults.append(Fault(below(pointer, "until"), "not_allowed", "A window ends after it begins."))
    return window


read_conditions = record(
    {
        "store": Member(one_or_more(NAME)),
        "channel": Member(one_or_more(NAME)),
        "days": Member(subset(*DAYS)),
        "hours": Member(items(_window, fewest=1, most=50)),
        "from": Member(_date),
        "until": Member(_date),
    }
)
"""``when``: every member that is there must hold. ``from`` and ``until`` are the first and the last day;
a window of hours runs over midnight when it ends before it begins."""


def conditions(when: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The conditions of a ``when`` that has been read, cheapest first."""
    return tuple([_CONDITIONS[name](value) for name, value in when.items() if value is not None])


def _store(values: tuple[str, ...]) -> Condition:
    wanted = frozenset(values)
    return Condition(lambda basket, _moment: basket.store in wanted, "conditions_not_met")


def _channel(values: tuple[str, ...]) -> Condition:
    wanted = frozenset(values)
    return Condition(lambda basket, _moment: basket.channel in wanted, "conditions_not_met")


def _days(values: frozenset[str]) -> Condition:
    wanted = frozenset([DAYS.index(name) for name in values])
    return _timed(lambda moment: moment.weekday in wanted)


def _from(first: date) -> Condition:
    return _timed(lambda moment: moment.day >= first)


def _until(last: date) -> Condition:
    return _timed(lambda moment: moment.day <= last)


def _hours(windows: tuple[Mapping[str, str], ...]) -> Condition:
    spans = [(_minutes(window["from"]), _minutes(window["until"])) for window in windows]

    def inside(minute: int) -> bool:
        return any(
            start <= minute < end if start < end else minute >= start or minute < end for start, end in spans
        )

    return _timed(lambda moment: inside(moment.minute))


def _minutes(written: str) -> int:
    return int(written[:2]) * 60 + int(written[3:])


def _timed(test: Callable[[Moment], bool]) -> Condition:
    return Condition(
        lambda _basket, moment: moment is not None and test(moment), "outside_window", timed=True
    )


_CONDITIONS: Mapping[str, Callable[[Any], Condition]] = {
    "store": _store,
    "channel": _channel,
    "days": _days,
    "hours": _hours,
    "from": _from,
    "until": _until,
}

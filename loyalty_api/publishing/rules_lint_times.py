"""A moment, and a past of the member, that meet the demands of conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from loyalty_api.publishing.rules_lint_wishes import Demand
from loyalty_api.rulekit import history
from loyalty_api.rulekit.days import ONE_DAY, local_day
from loyalty_api.rulekit.windows import Moment, hours, weekdays

_LOOKED_THROUGH = 366 * 12
_NOON = 12 * 60
_NO_DAY = date(2000, 1, 1)


class Impossible(Exception):
    """Demands contradict each other, or what the program is; ``proven`` when that needs no search to see."""

    def __init__(self, why: str, *, proven: bool = True) -> None:
        super().__init__(why)
        self.why, self.proven = why, proven


def named(demands: Iterable[Demand], *names: str) -> list[Demand]:
    """The demands of some names."""
    return [demand for demand in demands if demand.name in names]


def moment_for(demands: Sequence[Demand], *, now: datetime, zone: ZoneInfo) -> datetime:
    """A moment on the calendar and the clock that all demands agree with, today or as near to it as can be.

    :raises Impossible: there is none.
    """
    minutes = _minutes(demands)
    if not minutes:
        raise Impossible("hours")
    for day in _days(demands, local_day(now, zone)):
        for minute in minutes:
            local = datetime.combine(day, time(minute // 60, minute % 60), zone)
            # In spring an hour is missing: there the clock shows something else.
            if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                return local
    raise Impossible("dates")


def _minutes(demands: Sequence[Demand]) -> list[int]:
    """Minutes of the day that all windows agree with, noon before others: only at their ends does anything change."""
    asked = [(demand.value, hours(demand.value), demand.holds) for demand in named(demands, "hours")]
    ends = {minute_of(said) for windows, _, _ in asked for one in windows for said in one.values()}
    minutes = [_NOON, *sorted({0, *[end % (24 * 60) for end in ends]} - {_NOON})]
    return [
        minute
        for minute in minutes
        if all(test(Moment(_NO_DAY, 5, minute)) == holds for _, test, holds in asked)
    ]


def minute_of(written: str) -> int:
    """A time of day as the minute of the day: 09:30 → 570."""
    return int(written[:2]) * 60 + int(written[3:])


def _days(demands: Sequence[Demand], today: date) -> Iterator[date]:
    """Days that fit, the nearest to today first and later ones before earlier ones."""
    first, last = span(demands)
    fits = _day_tests(demands)
    start = min(max(today, first), last)
    later = (start + n * ONE_DAY for n in range(min(_LOOKED_THROUGH, (last - start).days + 1)))
    earlier = (start - n * ONE_DAY for n in range(1, min(_LOOKED_THROUGH, (start - first).days) + 1))
    for days in (later, earlier):
        yield from (day for day in days if all(test(day) == holds for test, holds in fits))


def span(demands: Iterable[Demand]) -> tuple[date, date]:
    """The first and the last day that ``from`` and ``until`` leave; a century where they leave it open.

    :raises Impossible: they leave none.
    """
    first, last = date(1980, 1, 1), date(2080, 1, 1)
    for demand in named(demands, "from", "until"):
        if (demand.name == "from") == demand.holds:
            first = max(first, demand.value if demand.holds else demand.value + ONE_DAY)
        else:
            last = min(last, demand.value if demand.holds else demand.value - ONE_DAY)
    if first > last:
        raise Impossible("dates")
    return first, last


def day_fits(demands: Sequence[Demand], day: date) -> bool:
    """Whether demands that are about days agree with a day."""
    first, last = span(demands)
    return first <= day <= last and all(test(day) == holds for test, holds in _day_tests(demands))


def _day_tests(demands: Sequence[Demand]) -> list[tuple[Callable[[date], bool], bool]]:
    found: list[tuple[Callable[[date], bool], bool]] = []
    for demand in named(demands, "days", "repeats"):
        if demand.name == "repeats":
            found.append((demand.value, demand.holds))
        else:
            found.append((_weekday_test(demand.value), demand.holds))
    return found


def _weekday_test(names: frozenset[str]) -> Callable[[date], bool]:
    test = weekdays(names)
    return lambda day: test(Moment(day, day.weekday(), 0))


@dataclass(frozen=True, slots=True)
class Past:
    """A member's past: which purchase this is, days since the one before, and weeks in a row."""

    number: int = 1
    days: int | None = None
    streak: int = 1

    def counters(self, day: date, stamp: int, store: str) -> dict[str, int]:
        """The past as rules are told of it."""
        if self.days is None:
            return {}
        last = day - self.days * ONE_DAY
        found = {
            history.PURCHASES: self.number - 1,
            history.DAY: last.toordinal(),
            history.WEEK: history.week_of(last),
            history.STORE + store: stamp - self.days * 24 * 60,
        }
        before = history.week_of(day) - history.week_of(last)
        found[history.STREAK] = max(1, self.streak - 1 if before == 1 else self.streak)
        return found


def past_for(demands: Sequence[Demand], *, day: date, visit_gap: int) -> Past:
    """A past that the demands agree with and that could have been.

    :raises Impossible: there is none.
    """
    asked = named(demands, "purchase_number", "days_since_visit", "week_streak", "new_visit")
    for demand in named(asked, "new_visit"):
        if demand.value != demand.holds and not visit_gap:
            raise Impossible("no_visit_gap")
    for past in _pasts(asked, day):
        if all(_meets(past, demand) == demand.holds for demand in asked):
            return past
    raise Impossible("history", proven=len(named(asked, "purchase_number")) < 2)


def _pasts(asked: Sequence[Demand], day: date) -> Iterator[Past]:
    """Pasts at and around everything that is asked for."""
    yield Past()
    numbers, absences, streaks = {2, 3}, {1, 0, 7, 8}, {1, 2}
    for demand in asked:
        value = demand.value
        if demand.name == "purchase_number":
            numbers |= _around([*(value["is"] or ()), value["every"], 2 * (value["every"] or 1)])
        elif demand.name == "days_since_visit":
            absences |= _around(value.values())
        elif demand.name == "week_streak":
            streaks |= _around(value.values())
    for number in sorted({max(number, *streaks) for number in numbers} | {n for n in numbers if n > 1}):
        for days in sorted(absences, key=lambda days: (days == 0, days)):
            weeks = history.week_of(day) - history.week_of(day - max(days, 0) * ONE_DAY)
            for streak in sorted(streaks):
                fits = weeks == 0 or (streak >= 2 if weeks == 1 else streak == 1)
                if days >= 0 and 1 <= streak <= number and number > 1 and fits:
                    yield Past(number, days, streak)


def _around(values: Iterable[int | None]) -> set[int]:
    return {value + more for value in values if value is not None for more in (-1, 0, 1)}


def _meets(past: Past, demand: Demand) -> bool:
    value: Any = demand.value
    match demand.name:
        case "purchase_number":
            every = value["every"]
            return past.number in (value["is"] or ()) or (every is not None and past.number % every == 0)
        case "days_since_visit":
            return past.days is not None and within(value, past.days)
        case "week_streak":
            return within(value, past.streak)
        case _:
            return bool((past.days != 0) == value)


def within(bounds: Any, number: int) -> bool:
    """Whether a number lies within ``at_least`` and ``at_most``."""
    least, most = bounds["at_least"], bounds["at_most"]
    return (least is None or number >= least) and (most is None or number <= most)

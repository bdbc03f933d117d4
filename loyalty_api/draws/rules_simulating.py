"""A budget over draws as they come, day by day: what pacing would have spent of it. Pure.

Tickets come from a seed, so that a simulation repeats. It knows no more than the shop does: the traffic to expect is
worked out each day from the eight weeks before.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from loyalty_api.draws.rules import ticket
from loyalty_api.draws.rules_pacing import LATELY, Traffic, expected, pacing
from loyalty_api.rulekit.days import local_day

WEEKS_BACK = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """A budget (in any unit) for gifts that take ``cost`` each, until the ``last`` local day."""

    budget: int
    cost: int
    table: Sequence[int]
    base: int
    last: date
    zone: ZoneInfo


@dataclass(slots=True)
class Course:
    """How a budget went: what was spent on each local day, how many draws there were, and by which rows.

    ``dry_since`` is when the budget first could not pay for a gift any more.
    """

    budget: int
    spent_by_day: dict[date, int] = field(default_factory=dict)
    spent: int = 0
    draws: int = 0
    wins: int = 0
    rows: Counter[int] = field(default_factory=Counter)
    dry_since: datetime | None = None


@dataclass(slots=True)
class _Known:
    """The draws of the eight weeks before a day, by weekday and hour, and how many of them are of late."""

    zone: ZoneInfo
    places: deque[tuple[date, int]] = field(default_factory=deque)
    hours: Counter[tuple[int, int]] = field(default_factory=Counter)
    by_day: Counter[date] = field(default_factory=Counter)

    def add(self, at: datetime) -> None:
        local = at.astimezone(self.zone)
        self.places.append((local.date(), local.hour))
        self.hours[local.weekday(), local.hour] += 1
        self.by_day[local.date()] += 1

    def traffic(self, today: date) -> Traffic | None:
        """The traffic to expect from then on; None as long as nothing is known."""
        while self.places and self.places[0][0] < today - timedelta(weeks=WEEKS_BACK):
            day, hour = self.places.popleft()
            self.hours[day.weekday(), hour] -= 1
            self.by_day[day] -= 1
        if not self.places:
            return None
        days = (today - self.places[0][0]).days
        lately = sum(self.by_day[today - timedelta(days=back)] for back in range(1, LATELY + 1))
        return expected(self.hours, days=days, lately=lately)


def simulate(
    plan: Plan, arrivals: Iterable[datetime], *, before: Iterable[datetime] = (), seed: bytes
) -> Course:
    """What pacing spends of a budget over draws that arrive in their order; ``before`` are those known from earlier."""
    course, known = Course(plan.budget), _Known(plan.zone)
    for at in before:
        known.add(at)
    today: date | None = None
    traffic: Traffic | None = None
    for number, at in enumerate(arrivals):
        day = local_day(at, plan.zone)
        if day != today:
            today, traffic = day, known.traffic(day)
        _draw(plan, course, traffic, at, day, ticket(seed=seed, mark=str(number)))
        known.add(at)
    return course


def _draw(plan: Plan, course: Course, traffic: Traffic | None, at: datetime, today: date, drawn: int) -> None:
    remaining = plan.budget - course.spent
    course.spent_by_day.setdefault(today, 0)
    if remaining < plan.cost:
        course.dry_since = course.dry_since or at
        return
    row = max([n for n, below in enumerate(plan.table) if below <= plan.base], default=0)
    if traffic is not None:
        left = traffic.left(at, plan.last, plan.zone)
        row = pacing(remaining=remaining, cost=plan.cost, expected_left=left, rows=plan.table)
    course.draws += 1
    course.rows[row] += 1
    if drawn < plan.table[row]:
        course.wins += 1
        course.spent += plan.cost
        course.spent_by_day[today] += plan.cost

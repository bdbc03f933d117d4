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


def simulate(
    plan: Plan, arrivals: Iterable[datetime], *, before: Iterable[datetime] = (), seed: bytes
) -> Course:
    """What pacing spends of a budget over draws that arrive in their order; ``before`` are those known from earlier."""
    course, known = Course(plan.budget), deque(before)
    today: date | None = None
    traffic: Traffic | None = None
    for number, at in enumerate(arrivals):
        local = at.astimezone(plan.zone)
        if local.date() != today:
            today = local.date()
            traffic = _traffic(known, today, plan.zone)
        _draw(plan, course, traffic, at, today, ticket(seed=seed, mark=str(number)))
        known.append(at)
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


def _traffic(known: deque[datetime], today: date, zone: ZoneInfo) -> Traffic | None:
    """The traffic to expect from what was known before today; None as long as nothing is."""
    since = today - timedelta(weeks=WEEKS_BACK)
    while known and known[0].astimezone(zone).date() < since:
        known.popleft()
    if not known:
        return None
    counted: Counter[tuple[int, int]] = Counter()
    lately = 0
    for at in known:
        local = at.astimezone(zone)
        counted[local.weekday(), local.hour] += 1
        lately += local.date() >= today - timedelta(days=LATELY)
    days = (today - known[0].astimezone(zone).date()).days
    return expected(counted, days=days, lately=lately)

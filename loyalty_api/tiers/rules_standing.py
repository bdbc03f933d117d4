"""A member's level through time: reached at once, lost at the end of a period, held up by an assignment. Pure.

``elapse`` is what time alone does, each change dated when it was due; it gives the same however often it is asked and
whenever. Who writes anything of a member's lets time pass first, then notes progress.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from loyalty_api.rulekit.days import ONE_DAY, begins, local_day, months_on
from loyalty_api.tiers import rules_progress as progress
from loyalty_api.tiers.rules import NO_LEVEL, Days, Policy
from loyalty_api.tiers.rules_periods import following, period_of
from loyalty_api.values import dataclass

Timeline = Sequence[tuple[datetime, Policy | None]]
"""From when on which tiers are in force, in order; None where a version has none."""
_A_MOMENT = timedelta(microseconds=1)
_END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)
# More than any member's history can hold; it only keeps a mistake from running for ever.
_MOST_STEPS = 100_000


@dataclass(frozen=True, slots=True)
class Assigned:
    """A level that somebody gave a member: it holds at least this one up to ``until``."""

    level: str
    until: datetime


@dataclass(frozen=True, slots=True)
class State:
    """How a member stands at ``as_of``.

    ``level`` is held by the member's own progress since ``level_since``; ``shown`` is that or what is ``assigned``,
    whichever is higher, since ``since``. At ``recheck_at`` the level is read anew, because goods came back.
    """

    level: str | None
    level_since: datetime
    shown: str | None
    since: datetime
    as_of: datetime
    assigned: Assigned | None = None
    recheck_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A level was taken up or given up: reached, period_ended, returned, rules_changed, assigned, assignment_ended."""

    at: datetime
    level: str | None
    previous: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Known:
    """What a member's level follows from: progress by day, when the membership began, and the rules through time."""

    days: Days
    enrolled_at: datetime
    timeline: Timeline

    def policy(self, at: datetime) -> Policy | None:
        """The tiers in force at a moment."""
        place = bisect_right(self.timeline, at, key=lambda entry: entry[0])
        return self.timeline[place - 1][1] if place else None

    def joined(self, policy: Policy) -> date:
        """The local day on which the membership began."""
        return local_day(self.enrolled_at, policy.zone)

    def supported(self, policy: Policy, at: datetime) -> int:
        """The rank that all progress supports at a moment."""
        today = local_day(at, policy.zone)
        return progress.supported(policy, self.days, today, joined=self.joined(policy))


def begin(known: Known, now: datetime) -> State:
    """How a member stands who has no progress yet: on the lowest level, where that asks for nothing."""
    policy = known.policy(now)
    level = policy.id_of(policy.reached(0)) if policy else None
    since = max([known.enrolled_at, *[start for start, there in known.timeline if there][:1]])
    return State(level, since, level, since, now)


def waiting(state: State, known: Known) -> State:
    """How a member stands whose purchases were counted before there were levels: as their beginning finds it.

    Time will pass that moment next, and raise the member to what counts by then.
    """
    starts = [start for start, policy in known.timeline if policy]
    if not starts or state.as_of >= starts[0]:
        return state
    return replace(begin(known, starts[0]), as_of=starts[0] - _A_MOMENT)


def elapse(state: State, known: Known, until: datetime) -> tuple[State, list[Change]]:
    """What time alone does up to and with ``until``, each change dated when it was due."""
    changes: list[Change] = []
    for _ in range(_MOST_STEPS):
        moment = _next(state, known)
        if moment is None or moment > until:
            break
        state, made = _pass(state, known, moment)
        changes += made
    return replace(state, as_of=max(state.as_of, until)), changes


def note(state: State, known: Known, now: datetime) -> tuple[State, list[Change]]:
    """The level after progress was noted: a higher one is reached at once. Time has passed up to ``now`` already."""
    policy = known.policy(now)
    if policy is None:
        return state, []
    rank = known.supported(policy, now)
    if rank <= policy.rank(state.level):
        return state, []
    return _shown(replace(state, level=policy.id_of(rank), level_since=now), policy, now, "reached")


def note_return(state: State, known: Known, before: Days, now: datetime) -> State:
    """Goods came back: a level that they had reached is read anew at the next midnight or period's end (R53)."""
    policy = known.policy(now)
    if policy is None:
        return state
    rank, earlier = policy.rank(state.level), replace(known, days=before)
    if not known.supported(policy, now) < rank <= earlier.supported(policy, now):
        return state
    return replace(state, recheck_at=_recheck(policy, known, now))


def assign(
    state: State, known: Known, assigned: Assigned | None, now: datetime
) -> tuple[State, list[Change]]:
    """Somebody gave the member a level, or (None) took back that it was given."""
    policy = known.policy(now)
    after = replace(state, assigned=assigned)
    reason = "assigned" if assigned else "assignment_ended"
    return _shown(after, policy, now, reason) if policy else (after, [])


def next_change(state: State, known: Known, at: datetime) -> Change | None:
    """What time alone will change next of the level that is shown, by the rules in force ``at``; None: nothing."""
    ahead = replace(known, timeline=[(datetime.min.replace(tzinfo=UTC), known.policy(at))])
    for _ in range(_MOST_STEPS):
        moment = _next(state, ahead)
        if moment is None or moment > _END_OF_TIME:
            return None
        state, made = _pass(state, ahead, moment)
        if made:
            return made[0]
    return None


def _recheck(policy: Policy, known: Known, now: datetime) -> datetime:
    today = local_day(now, policy.zone)
    if policy.on_return == "at_period_end" and policy.period in ("calendar_year", "anniversary"):
        return begins(_next_closing(policy, today, known.joined(policy)), policy.zone)
    return begins(today + ONE_DAY, policy.zone)


def _next(state: State, known: Known) -> datetime | None:
    """The next moment after ``as_of`` at which time may change something."""
    found = [start for start, _ in known.timeline if start > state.as_of]
    if state.recheck_at:
        found.append(state.recheck_at)
    if state.assigned:
        found.append(state.assigned.until)
    policy = known.policy(state.as_of)
    if policy and policy.downgrade != "never" and policy.rank(state.level) > policy.reached(0):
        found += _ends(state, known, policy)
    return min([moment for moment in found if moment > state.as_of], default=None)


def _ends(state: State, known: Known, policy: Policy) -> list[datetime]:
    """When a period's end may next lower the level."""
    today = local_day(state.as_of, policy.zone)
    if policy.period == "none":
        return []
    if policy.period != "rolling":
        return [begins(_next_closing(policy, today, known.joined(policy)), policy.zone)]
    grace = timedelta(days=policy.grace_days)
    first = progress.first_that_counts(policy, today - grace)
    leaving = [months_on(day, policy.months) + grace for day in known.days if day >= first]
    if policy.downgrade == "one_step":
        leaving.append(_held_until(state, policy))
    later = [day for day in leaving if day > today]
    return [begins(min(later), policy.zone)] if later else []


def _next_closing(policy: Policy, today: date, joined: date) -> date:
    """The first day after ``today`` on which a period closes."""
    period = period_of(policy.period, today - timedelta(days=policy.grace_days), joined=joined)
    while progress.closing(policy, period) <= today:
        period = following(policy.period, period, joined=joined)
    return progress.closing(policy, period)


def _held_until(state: State, policy: Policy) -> date:
    """Until when a step down lasts at least, where there are no periods that end: for the length of one."""
    return months_on(local_day(state.level_since, policy.zone), policy.months)


def _pass(state: State, known: Known, moment: datetime) -> tuple[State, list[Change]]:
    """Everything that time does at one moment."""
    policy = known.policy(moment)
    state = replace(state, as_of=moment)
    reason = "period_ended"
    if policy:
        rank = policy.rank(state.level)
        after = _after_period(state, known, policy, moment, rank)
        if state.recheck_at == moment and known.supported(policy, moment) < after:
            after, reason = known.supported(policy, moment), "returned"
        if any(start == moment for start, _ in known.timeline):
            after, reason = max(after, known.supported(policy, moment)), "rules_changed"
        if policy.id_of(after) != state.level:
            state = replace(state, level=policy.id_of(after), level_since=moment)
    if state.recheck_at == moment:
        state = replace(state, recheck_at=None)
    if state.assigned and state.assigned.until <= moment:
        state, reason = replace(state, assigned=None), "assignment_ended"
    return _shown(state, policy, moment, reason) if policy else (state, [])


def _after_period(state: State, known: Known, policy: Policy, moment: datetime, rank: int) -> int:
    """The rank after the periods that close at ``moment``, if any do."""
    today, joined = local_day(moment, policy.zone), known.joined(policy)
    if rank == NO_LEVEL or policy.period == "none" or begins(today, policy.zone) != moment:
        return rank
    if policy.period == "rolling":
        earned = progress.rolling(policy, known.days, today, joined=joined)
        if policy.downgrade == "one_step" and today < _held_until(state, policy):
            return rank
        return policy.lowered(rank, earned)
    ended = today - timedelta(days=policy.grace_days)
    period = period_of(policy.period, ended - ONE_DAY, joined=joined)
    if period.end != ended:
        return rank
    earned = progress.earned_by(policy, known.days, period, today, joined=joined)
    return policy.lowered(rank, earned)


def _shown(state: State, policy: Policy, at: datetime, reason: str) -> tuple[State, list[Change]]:
    """The state with what is shown of it, and the change if that is another level than before."""
    given = policy.rank(state.assigned.level) if state.assigned else NO_LEVEL
    shown = policy.id_of(max(given, policy.rank(state.level)))
    if shown == state.shown:
        return state, []
    return replace(state, shown=shown, since=at), [Change(at, shown, state.shown, reason)]

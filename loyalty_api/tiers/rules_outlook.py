"""How a member stands: until when, what is needed to keep the level, and for the next one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from loyalty_api.rulekit.days import ONE_DAY, begins, local_day
from loyalty_api.tiers import rules_progress as progress
from loyalty_api.tiers.rules import Level, Policy
from loyalty_api.tiers.rules_periods import FOREVER, period_of
from loyalty_api.tiers.rules_standing import Assigned, Change, Known, State, next_change


@dataclass(frozen=True, slots=True)
class Needed:
    """What is ``missing`` to a level: how much, counted ``since`` when, and by when (None: whenever)."""

    level: Level
    missing: int
    since: datetime | None
    by: datetime | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """A member's level and what is ahead of it. ``changes_at`` is when time alone changes anything of this."""

    policy: Policy
    level: Level | None
    since: datetime
    until: datetime | None
    assigned: Assigned | None
    value: int
    period_from: datetime | None
    period_until: datetime | None
    keep: Needed | None
    ahead: Needed | None
    changes_at: datetime | None


def outlook(state: State, known: Known, at: datetime) -> Outlook | None:
    """How the member stands ``at``, to which time has passed already; None where the program has no levels then."""
    policy = known.policy(at)
    if policy is None:
        return None
    today, joined = local_day(at, policy.zone), known.joined(policy)
    rank = policy.rank(state.shown)
    value = progress.value(policy, known.days, today, joined=joined)
    coming = next_change(state, known, at)
    start, end = _period(policy, known, at)
    above = policy.levels[rank + 1] if rank + 1 < len(policy.levels) else None
    moments = [
        coming and coming.at,
        end,
        state.assigned and state.assigned.until,
        state.recheck_at,
        _leaves(policy, at),
    ]
    return Outlook(
        policy,
        policy.levels[rank] if rank >= 0 else None,
        state.since,
        coming.at if coming and policy.rank(coming.level) < rank else None,
        state.assigned,
        value,
        start,
        end,
        _keep(state, known, policy, coming, at),
        Needed(above, max(0, above.threshold - value), start, end) if above else None,
        min([moment for moment in moments if moment], default=None),
    )


def _period(policy: Policy, known: Known, at: datetime) -> tuple[datetime | None, datetime | None]:
    """When what counts now began, and when it ends: a rolling period never does, the only one never began."""
    today = local_day(at, policy.zone)
    if policy.period == "none":
        return None, None
    period = progress.current(policy, today, joined=known.joined(policy))
    return begins(period.first, policy.zone), (
        None if policy.period == "rolling" or period.end == FOREVER else begins(period.end, policy.zone)
    )


def _leaves(policy: Policy, at: datetime) -> datetime | None:
    """When the first day's progress leaves the rolling period, which moves its beginning at every midnight."""
    if policy.period != "rolling":
        return None
    return begins(local_day(at, policy.zone) + ONE_DAY, policy.zone)


def _keep(state: State, known: Known, policy: Policy, coming: Change | None, at: datetime) -> Needed | None:
    """What keeps the level from being lost at the next period's end; None while nothing threatens it."""
    rank, joined = policy.rank(state.level), known.joined(policy)
    if coming is None or state.shown != state.level or policy.rank(coming.level) >= rank:
        return None
    level, today = policy.levels[rank], local_day(at, policy.zone)
    lost = local_day(coming.at, policy.zone)
    if policy.period in ("rolling", "none") or coming.reason == "returned":
        value = progress.value(
            policy, known.days, lost if policy.period == "rolling" else today, joined=joined
        )
        return Needed(level, max(0, level.threshold - value), None, coming.at)
    ended = lost - timedelta(days=policy.grace_days)
    period = period_of(policy.period, ended - ONE_DAY, joined=joined)
    by = period.end
    if period.end <= today:
        period, by = period_of(policy.period, today, joined=joined), lost
    missing = level.threshold - policy.total(known.days, period.first, period.end)
    return Needed(level, max(0, missing), begins(period.first, policy.zone), begins(by, policy.zone))

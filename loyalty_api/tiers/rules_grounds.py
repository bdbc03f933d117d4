"""What a change of level rests on, as it was when the level changed: kept, so that it can be told later. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from loyalty_api.rulekit.days import ONE_DAY, local_day
from loyalty_api.tiers import rules_progress as progress
from loyalty_api.tiers.rules import Policy
from loyalty_api.tiers.rules_periods import FOREVER, Period, period_of
from loyalty_api.tiers.rules_standing import Change, Known


@dataclass(frozen=True, slots=True)
class Grounds:
    """``value`` of ``metric`` counted from ``first`` to ``last`` (None: always), where ``level`` asks for ``needed``.

    ``level`` is the one that was reached, or the one that was not kept; None where the rules no longer know it.
    ``version`` is that of the program.
    """

    version: int
    metric: str
    value: int
    first: date | None
    last: date | None
    level: str | None
    needed: int

    def stored(self) -> dict[str, Any]:
        """As it is kept beside the change."""
        first, last = self.first and self.first.isoformat(), self.last and self.last.isoformat()
        return {
            "version": self.version, "metric": self.metric, "value": self.value, "first": first, "last": last,
            "level": self.level, "needed": self.needed,
        }  # fmt: skip

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Grounds:
        """What ``stored`` wrote."""
        first, last = (document[name] and date.fromisoformat(document[name]) for name in ("first", "last"))
        return cls(
            document["version"], document["metric"], document["value"], first, last, document["level"],
            document["needed"],
        )  # fmt: skip


def grounds(change: Change, known: Known) -> Grounds | None:
    """What a change rests on, from all that is known at its time; None where the program has no levels then.

    Of the periods that may have decided, the one with the most in it: a level that is kept is kept by the best.
    """
    policy = known.policy(change.at)
    if policy is None:
        return None
    periods = _periods(policy, change, known)
    best = max(periods, key=lambda period: policy.total(known.days, period.first, period.end))
    rank = max(policy.rank(change.level), policy.rank(change.previous))
    level = policy.levels[rank] if rank >= 0 else None
    return Grounds(
        policy.version,
        policy.metric,
        policy.total(known.days, best.first, best.end),
        None if best.first == date.min else best.first,
        None if best.end == FOREVER else best.end - ONE_DAY,
        level.level_id if level else None,
        level.threshold if level else 0,
    )


def _periods(policy: Policy, change: Change, known: Known) -> list[Period]:
    """The period in which a level was earned, or the one that ended and those since, with the days of grace."""
    today, joined = local_day(change.at, policy.zone), known.joined(policy)
    if policy.period in ("rolling", "none"):
        return [progress.current(policy, today, joined=joined)]
    since = today - timedelta(days=policy.grace_days)
    if change.reason == "period_ended":
        ended = period_of(policy.period, since - ONE_DAY, joined=joined)
        return [ended] if not policy.grace_days else [ended, period_of(policy.period, since, joined=joined)]
    return [period_of(policy.period, day, joined=joined) for day in (today, since)]

"""How long what rules have counted in a period may still be asked for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.days import local_day

# A store's day may begin and end far from the program's.
_MARGIN = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Which periods nothing can ask for any more: those that began after the local day ``since``, and were over before
    ``counters`` for counters of members, before ``limits`` for limits of rules."""

    since: date
    counters: date
    limits: date


def forgotten(versions: Sequence[tuple[datetime, Program]], now: datetime) -> Forgotten | None:
    """The periods that nothing can ask for any more under these versions, each with its beginning, in their order.

    A receipt or an event is rated at its own time, so it counts in periods as far back as it may come late
    (``purchases.late_days``) or find its member (``claims.window_days``), by whichever version is the longest. Besides,
    a promotion looks back at the days of the member's uses, as far as it rests (``cooldown_days``). What happened while
    a version was in force that has no ``late_days`` may come for ever, so what lies before its end is kept; None while
    it is the last one. What comes back, a return that is undone and a correction only change counters that are still
    there, so they need none. A person who looks at a receipt that is older than all this has it meet the limits of its
    periods anew.
    """
    programs = [program for _, program in versions]
    endless = [n for n, program in enumerate(programs) if program.settings.late_days is None]
    if not programs or (endless and endless[-1] == len(programs) - 1):
        return None
    since = local_day(versions[endless[-1] + 1][0], UTC) + _MARGIN if endless else date.min
    late = [max(one.settings.late_days or 0, one.settings.claim_window_days) for one in programs]
    limited = [rule for one in programs if one.promotions for rule in one.promotions.limited]
    rests = max([rule.limits.cooldown for rule in limited if rule.limits], default=0)
    limits = local_day(now, UTC) - timedelta(days=max(late)) - _MARGIN
    return Forgotten(since, limits - timedelta(days=rests), limits)

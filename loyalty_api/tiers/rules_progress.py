"""What a member's progress supports on a day, worked out anew from all of it. Pure.

A level is *earned* in a period. While the period is open, and for the days of grace behind it, what was earned in it
holds at once; when it closes, the level is lowered as the program says to what was earned in it or since.
"""

from __future__ import annotations

from datetime import date

from loyalty_api.rulekit.days import ONE_DAY, months_on
from loyalty_api.tiers.rules import NO_LEVEL, Days, Policy
from loyalty_api.tiers.rules_periods import FOREVER, Period, following, period_of


def current(policy: Policy, today: date, *, joined: date) -> Period:
    """The period that ``today`` counts in; a rolling one ends with today."""
    if policy.period == "rolling":
        return Period(first_that_counts(policy, today), today + ONE_DAY)
    return period_of(policy.period, today, joined=joined)


def value(policy: Policy, days: Days, today: date, *, joined: date) -> int:
    """The progress of the current period."""
    period = current(policy, today, joined=joined)
    return policy.total(days, period.first, period.end)


def first_that_counts(policy: Policy, today: date) -> date:
    """The earliest day of the rolling period that ends with ``today``.

    A day counts up to the same day so many months later; where that month is shorter, its last days leave together.
    """
    first = months_on(today, -policy.months)
    while months_on(first, policy.months) <= today:
        first += ONE_DAY
    return first


def closing(policy: Policy, period: Period) -> date:
    """The day as which a period's end is acted on begins: after its days of grace."""
    return period.end + policy.grace_days * ONE_DAY


def supported(policy: Policy, days: Days, today: date, *, joined: date) -> int:
    """The rank that the progress supports on ``today``: all periods folded in their order."""
    if policy.period == "rolling":
        return rolling(policy, days, today, joined=joined)
    if policy.period == "none":
        return policy.reached(policy.total(days, date.min, FOREVER))
    return _folded(policy, days, today, joined)


def rolling(policy: Policy, days: Days, today: date, *, joined: date) -> int:
    """The best rank of the rolling period within the days of grace up to ``today``; of all time where none is lost."""
    since = date.min if policy.downgrade == "never" else today - policy.grace_days * ONE_DAY
    looked_at = {today, *(day for day in days if since <= day <= today)}
    if since > date.min:
        looked_at.add(since)
    return max(policy.reached(value(policy, days, day, joined=joined)) for day in looked_at)


def _folded(policy: Policy, days: Days, today: date, joined: date) -> int:
    period = period_of(policy.period, min([*days, today]), joined=joined)
    rank, opened = NO_LEVEL, []
    while period.first <= today:
        ends = closing(policy, period)
        if ends > today:
            opened.append(period)
        else:
            earned = earned_by(policy, days, period, ends, joined=joined)
            rank = policy.lowered(max(rank, earned), earned)
        period = following(policy.period, period, joined=joined)
    sums = [policy.total(days, one.first, one.end) for one in opened]
    return max([rank, policy.reached(0), *(policy.reached(total) for total in sums)])


def earned_by(policy: Policy, days: Days, period: Period, end: date, *, joined: date) -> int:
    """The best rank earned in a period or in one after it, before the day ``end``."""
    best = NO_LEVEL
    while period.first < end:
        best = max(best, policy.reached(policy.total(days, period.first, min(period.end, end))))
        period = following(policy.period, period, joined=joined)
    return best

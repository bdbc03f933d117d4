"""What limits a rule: caps of a purchase, a day or a longer period for each member, and a budget for all of them.

What was given before comes in as counters and what is left of budgets as limits; what is given now goes out as claims
on the same keys. Keys speak of the rule's id and not of a version, so that a new version goes on counting. A period is
one of the program's days, weeks (from Monday), months or years at the moment of rating (R22).
"""

from __future__ import annotations

from datetime import date

from loyalty_api.earning.rules_types import Cap, EarningRule
from loyalty_api.rulekit.decision import Claim, Reason
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.periods import period_of


def counter_key(rule: EarningRule, cap: Cap, day: date) -> str:
    """Under what the points or the times of a rule are counted for a member in the period of a day."""
    return f"{rule.rule_id}:{'times' if cap.times else 'points'}:{period_of(day, cap.per)}"


def budget_key(rule: EarningRule) -> str:
    """Under what a rule's budget is kept."""
    return f"{rule.rule_id}:budget"


def rule_of(key: str) -> str:
    """The rule that a key speaks of."""
    return key.partition(":")[0]


def counter_keys(rule: EarningRule, day: date) -> set[str]:
    """All counters that the rule's caps look at on a day."""
    return {counter_key(rule, cap, day) for cap in rule.caps if cap.per != "purchase"}


def capped(rule: EarningRule, desired: int, facts: Facts, day: date | None) -> tuple[int, Reason | None]:
    """How many of the points that a rule came to are granted, and which limit took the others.

    A cap that refuses lets all of them through or none; otherwise the tightest limit decides.
    """
    granted, reason = desired, None
    for cap in rule.caps:
        left = _left(rule, cap, facts, day, granted)
        if left < granted:
            granted = 0 if cap.refuses else left
            reason = _reason(rule, cap, desired, granted)
    if rule.budget is not None:
        left = max(0, facts.limits.get(budget_key(rule), rule.budget))
        if left < granted:
            granted = left
            numbers = {"cap": rule.budget, "desired": desired, "granted": granted}
            reason = Reason(rule.rule_id, "capped", "budget_exhausted", numbers)
    return granted, reason


def _left(rule: EarningRule, cap: Cap, facts: Facts, day: date | None, granted: int) -> int:
    if cap.per == "purchase" or day is None:
        return cap.most
    used = facts.counters.get(counter_key(rule, cap, day), 0)
    if cap.times:
        return granted if used < cap.most else 0
    return max(0, cap.most - used)


def _reason(rule: EarningRule, cap: Cap, desired: int, granted: int) -> Reason:
    code = "capped" if cap.per == "purchase" else f"capped_{'times' if cap.times else cap.per}"
    return Reason(rule.rule_id, "capped", code, {"cap": cap.most, "desired": desired, "granted": granted})


def claims_of(rule: EarningRule, granted: int, day: date | None) -> tuple[Claim, ...]:
    """What must be counted and taken for so many points of a rule to stand, in the order of the keys."""
    if not granted or day is None:
        return ()
    counted = {counter_key(rule, cap, day): 1 if cap.times else granted for cap in _periodic(rule)}
    claims = [Claim("counter", key, amount) for key, amount in sorted(counted.items())]
    if rule.budget is not None:
        claims.append(Claim("limit", budget_key(rule), granted))
    return tuple(claims)


def _periodic(rule: EarningRule) -> list[Cap]:
    return [cap for cap in rule.caps if cap.per != "purchase"]

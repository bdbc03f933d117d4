"""What limits gifts: how often a member gets one, and budgets and stock that all members share.

They are counted as the caps and budgets of earning are, under the same kind of keys: what was given before comes in as
counters and as what is left of limits, what is given now goes out as claims. Keys speak of the rule's id and of the
local day's period, never of a version.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from loyalty_api.gifts.rules_types import GiftRule, Times
from loyalty_api.rulekit.decision import Claim
from loyalty_api.rulekit.facts import Facts, Needs
from loyalty_api.rulekit.periods import period_of

COUNTED = {"visit": "visits", "visits": "visits", "spent": "spent"}
"""What is counted for a member by each kind of milestone."""


def milestone_key(rule: GiftRule) -> str:
    """Under what the visits, or the money spent, that a milestone counts are kept."""
    return f"{rule.rule_id}:{COUNTED[rule.trigger.kind]}:always"


def given_key(rule: GiftRule) -> str:
    """Under what it is kept how many milestones a member was given something for."""
    return f"{rule.rule_id}:given:always"


def times_key(rule: GiftRule, times: Times, day: date) -> str:
    """Under what it is kept how often a member was given something in the period of a day."""
    return f"{rule.rule_id}:times:{period_of(day, times.per)}"


def budget_key(rule: GiftRule, day: date) -> str:
    """Under what the budget of the period of a day is kept."""
    return f"{rule.rule_id}:budget:{period_of(day, rule.budget.period if rule.budget else 'program')}"


def stock_key(rule: GiftRule) -> str:
    """Under what the stock of a rule is kept."""
    return f"{rule.rule_id}:stock"


def cooling_keys(rule: GiftRule, day: date) -> dict[str, int]:
    """Under what it is kept on which day a member was given something, and the first day that each key speaks of.

    A rule with a pause of N days gives at most once in N days. So those are counted in blocks of N days, and the number
    kept for a block says on which of its days that was; the blocks around a day's own are looked at as well.
    """
    pause = rule.cooldown_days
    if pause is None:
        return {}
    own = day.toordinal() // pause
    return {f"{rule.rule_id}:cooling:{pause}:{block}": block * pause for block in (own - 1, own, own + 1)}


def _cooling(rule: GiftRule, facts: Facts, day: date) -> bool:
    """Whether the member was given something by the rule so near to the day, before it or after it."""
    for key, first in cooling_keys(rule, day).items():
        number = facts.counters.get(key, 0)
        if number and abs(first + number - 1 - day.toordinal()) < (rule.cooldown_days or 0):
            return True
    return False


def sizes(rules: Iterable[GiftRule], day: date) -> dict[str, int]:
    """How much all members together may have of each rule on a day, by the key of the limit."""
    found = {budget_key(rule, day): rule.budget.most for rule in rules if rule.budget}
    return found | {stock_key(rule): rule.stock for rule in rules if rule.stock is not None}


def needs(rules: Iterable[GiftRule], day: date) -> Needs:
    """The counters and limits that the rules look at on a day."""
    listed = list(rules)
    counters = [times_key(rule, times, day) for rule in listed for times in rule.times]
    for rule in listed:
        if rule.trigger.kind in COUNTED:
            counters += [milestone_key(rule), given_key(rule)]
        counters += cooling_keys(rule, day)
    return Needs(frozenset(counters), frozenset(sizes(listed, day)))


def exhausted(rule: GiftRule, facts: Facts, day: date) -> str | None:
    """The code of the limit that lets no further gift through, or None."""
    for times in rule.times:
        if facts.counters.get(times_key(rule, times, day), 0) >= times.most:
            return "gift_had"
    if rule.cooldown_days is not None and _cooling(rule, facts, day):
        return "gift_had"
    if rule.budget and facts.limits.get(budget_key(rule, day), rule.budget.most) < rule.taken:
        return "gifts_used_up"
    if rule.stock is not None and facts.limits.get(stock_key(rule), rule.stock) < rule.give.quantity:
        return "gifts_used_up"
    return None


def claims_of(rule: GiftRule, day: date) -> tuple[Claim, ...]:
    """What must be counted and taken for one gift of the rule to stand, in the order of the keys."""
    keys = {times_key(rule, times, day) for times in rule.times}
    if rule.trigger.kind in COUNTED:
        keys.add(given_key(rule))
    claims = [Claim("counter", key, 1) for key in sorted(keys)]
    for key, first in cooling_keys(rule, day).items():
        if 0 <= day.toordinal() - first < (rule.cooldown_days or 0):
            claims.append(Claim("counter", key, day.toordinal() - first + 1))
    if rule.budget:
        claims.append(Claim("limit", budget_key(rule, day), rule.taken))
    if rule.stock is not None:
        claims.append(Claim("limit", stock_key(rule), rule.give.quantity))
    return tuple(claims)

"""What draws need to know of the gifts that hang on a chance. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from loyalty_api.draws.rules import Wanted, base_row, below, odds_table
from loyalty_api.draws.rules_pacing import last_day
from loyalty_api.gifts.rules_limits import budget_key
from loyalty_api.gifts.rules_types import GiftRule, Gifts


def chance_ids(gifts: Gifts | None) -> list[str]:
    """The rules whose gift hangs on a draw."""
    return [rule.rule_id for rule in gifts.of("chance")] if gifts else []


def paced(gifts: Gifts | None) -> list[str]:
    """Those whose odds follow a budget, within bounds that leave room for it."""
    rules = gifts.of("chance") if gifts else []
    return [rule.rule_id for rule in rules if rule.budget is not None and len(table(rule)) > 1]


def tables(gifts: Gifts, day: date) -> Mapping[str, tuple[int, ...]]:
    """The odds tables to commit for a local day: of every chance whose own days include it."""
    return {rule.rule_id: table(rule) for rule in gifts.of("chance") if rule.in_window(day)}


def table(rule: GiftRule) -> tuple[int, ...]:
    """The odds table of a rule with a chance."""
    odds = rule.trigger.odds
    assert odds is not None  # noqa: S101 - of("chance") has them
    return odds_table(odds.least, odds.base, odds.most, guaranteed=rule.guarantee_after is not None)


def base(rule: GiftRule) -> int:
    """The number of the row of a rule's odds table that nothing else than its own odds decides."""
    odds = rule.trigger.odds
    assert odds is not None  # noqa: S101 - of("chance") has them
    return base_row(table(rule), below(odds.base))


def wanted(gifts: Gifts, day: date) -> list[Wanted]:
    """The chances of a local day, with the limits that their odds follow."""
    return [_wanted(rule, day) for rule in gifts.of("chance") if rule.in_window(day)]


def _wanted(rule: GiftRule, day: date) -> Wanted:
    odds, budget = rule.trigger.odds, rule.budget
    assert odds is not None  # noqa: S101 - of("chance") has them
    base = below(odds.base)
    if budget is None:
        return Wanted(rule.rule_id, base, rule.guarantee_after)
    last = last_day(day, budget.period, rule.last)
    return Wanted(rule.rule_id, base, rule.guarantee_after, rule.taken, budget_key(rule, day), last)

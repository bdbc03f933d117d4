"""Gift rules that were read without faults, compiled to what the evaluation asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty_api.gifts.rules_reading import MEASURES
from loyalty_api.gifts.rules_types import (
    Allowance,
    Budget,
    GiftRule,
    Gifts,
    GiftTerms,
    Give,
    Odds,
    Times,
    Trigger,
)
from loyalty_api.rulekit import conditions, history
from loyalty_api.rulekit.exclusions import Excluded


def compiled(
    section: Mapping[str, Any],
    rules: Sequence[Mapping[str, Any]],
    *,
    excluded: Excluded | None,
    visit_gap: int,
) -> Gifts:
    """The section ``gifts`` with rules that were read without faults, compiled."""
    made = tuple([_compiled(rule) for rule in rules])
    at_purchase = tuple([rule for rule in made if rule.trigger.at_purchase])
    asks = frozenset[str]().union(*[rule.asks for rule in at_purchase])
    if any(rule.trigger.kind in ("visit", "visits") for rule in at_purchase):
        asks |= {history.STORE}
    terms = _terms(section["terms"])
    if terms and terms.age_fact and any(rule.trigger.kind == "chance" for rule in at_purchase):
        asks |= {terms.age_fact}
    return Gifts(
        rules=made,
        at_purchase=at_purchase,
        asks=asks,
        past=frozenset([key for key in asks if key.startswith(history.PREFIX)]),
        counting=any(_counts(rule) for rule in at_purchase),
        excluded=excluded,
        terms=terms,
        reveal_after_hours=section["reveal_after_hours"],
        remind_days=section["remind_days"],
        visit_gap=visit_gap,
        rewards={
            rule.rule_id: rule.give.reference
            for rule in at_purchase
            if rule.give.kind == "reward" and rule.give.reference
        },
    )


def _terms(said: Mapping[str, Any] | None) -> GiftTerms | None:
    return GiftTerms(said["version"], said["text"], said["url"], said["least_age"]) if said else None


def _counts(rule: GiftRule) -> bool:
    """Whether the rule looks at what was counted or taken before."""
    counted = rule.trigger.kind in ("visit", "visits", "spent")
    limited = bool(rule.times) or rule.cooldown_days is not None
    return counted or limited or rule.budget is not None or rule.stock is not None


_FROM_THE_PAST = ("visit", "visits", "spent", "silence")
# An expression may ask for segments: of a test nobody can tell any more.
_LOOKING_BACK = frozenset(
    ("segment", "purchase_number", "days_since_visit", "week_streak", "first_in_category", "new_visit", "cel")
)


def _looks_back(said: Any) -> bool:
    """Whether a condition asks what was bought before, or for a segment, which follows from that.

    A level is what the member has reached in the open, and asks for nothing more.
    """
    if isinstance(said, Mapping):
        return any(
            value is not None and (name in _LOOKING_BACK or _looks_back(value))
            for name, value in said.items()
        )
    return isinstance(said, Sequence) and not isinstance(said, str) and any(map(_looks_back, said))


def _compiled(rule: Mapping[str, Any]) -> GiftRule:
    condition = conditions.compiled(rule["when"])
    return GiftRule(
        rule_id=rule["id"],
        name=rule["name"],
        trigger=_trigger(*rule["trigger"]),
        give=_give(*rule["give"]),
        test=condition.test if condition else None,
        asks=condition.asks if condition else frozenset(),
        stores=frozenset(rule["stores"]) if rule["stores"] else None,
        first=rule["from"],
        last=rule["until"],
        cost=rule["cost"],
        budget=_budget(rule["budget"]),
        stock=rule["stock"],
        times=tuple([Times(cap["times"], cap["per"]) for cap in rule["caps"]]),
        cooldown_days=rule["cooldown_days"],
        household=rule["household"],
        guarantee_after=rule["guarantee_after"],
        claim_days=rule["claim_days"],
        profiles=rule["trigger"][0] in _FROM_THE_PAST or _looks_back(rule["when"]),
    )


def _trigger(kind: str, said: Any) -> Trigger:
    if kind == "chance":
        base = said["one_in"]
        return Trigger(kind, odds=Odds(base, said["at_least"] or base, said["at_most"] or base))
    if kind == "spent":
        return Trigger(kind, said["every"] or said["once_at"], once=said["every"] is None)
    if kind == "event":
        return Trigger(kind, event=said)
    if kind == "staff":
        return Trigger(kind, allowance=Allowance(**said))
    number = said if isinstance(said, int) else next(iter(said.values()), 0)
    return Trigger(kind, number)


def _give(kind: str, said: Any) -> Give:
    match kind:
        case "points":
            return Give(kind, points=said)
        case "reward":
            return Give(kind, reference=said)
        case "coupon":
            return Give(kind, reference=said["name"], quantity=said["uses"], days=said["days"])
        case "message":
            return Give(kind, text=said["text"])
        case _:
            return Give(kind, sku=said["sku"], quantity=said["quantity"], text=said.get("text") or {})


def _budget(said: Mapping[str, Any] | None) -> Budget | None:
    if said is None:
        return None
    measure = next(name for name in MEASURES if said[name] is not None)
    return Budget(measure, said[measure], said["period"])

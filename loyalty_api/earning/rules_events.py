"""What members earn beside buying: a survey answered, an app installed, a profile completed.

``earn.events`` is a list of rules, each about one event that clients report by its name:

    {"id": "survey", "event": "survey_answered", "name": {"en": "Our survey"}, "points": 50,
     "when": {"member": {"tier": ["gold"]}}, "caps": [{"per": "program", "times": 1}], "budget": 100000,
     "lots": {"expire": {"months": 3}}, "reported_by": ["mobile", "partner"]}

Every rule of an event gives its points by itself. Conditions ask what there is to ask without a basket: the day, the
hour and how the member is. Caps and budgets are counted as those of ``earn.rules``, under the same kind of keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from loyalty_api.earning.rules_caps import budget_key, capped, claims_of, counter_keys
from loyalty_api.earning.rules_reading import POINTS, RULE_ID, own_lots, read_lots, read_name
from loyalty_api.earning.rules_types import Cap, EarningRule
from loyalty_api.errors import Fault
from loyalty_api.program.rules_document import UnfitDocument
from loyalty_api.program.rules_lots import EVENT_NAME, LotTerms, lasting_faults, never_waiting, terms_for
from loyalty_api.program.rules_settings import EARN
from loyalty_api.rulekit import conditions
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.conditions_reading import read_conditions
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Claim, Effect, Rate, Reason
from loyalty_api.rulekit.facts import Facts, Needs
from loyalty_api.rulekit.outcomes import Failure, fails
from loyalty_api.rulekit.periods import PERIODS
from loyalty_api.rulekit.shapes import Member, below, choice, integer, items, record, subset, text
from loyalty_api.rulekit.situations import Situation
from loyalty_api.rulekit.windows import moment

REPORTERS = ("mobile", "partner", "staff", "admin")
"""The kinds of clients that may report events at all; a lane sells and reports nothing else."""
_OWN = frozenset(("mobile", "staff", "admin"))
_ASKABLE = frozenset(("days", "hours", "from", "until", "repeats", "member", "all", "any", "not"))
_PAST = ("purchase_number", "first_in_category", "days_since_visit", "week_streak", "new_visit")

_CAP = record(
    {
        "points": Member(POINTS),
        "times": Member(integer(1, 10**6)),
        "per": Member(choice(*PERIODS), required=True),
        "effect": Member(EARN["cap_effect"].reader),
    }
)
_RULE = record(
    {
        "id": Member(RULE_ID, required=True),
        "event": Member(text(EVENT_NAME, "small letters, digits and _"), required=True),
        "name": Member(read_name, {}),
        "points": Member(POINTS, required=True),
        "when": Member(read_conditions, {}),
        "caps": Member(items(_CAP, most=20), ()),
        "budget": Member(integer(1, 10**15)),
        "lots": Member(read_lots),
        "reported_by": Member(subset(*REPORTERS), _OWN),
    }
)


@dataclass(frozen=True, slots=True)
class EventRule:
    """What an event gives, and the kinds of clients that are believed when they report it."""

    event: str
    reporters: frozenset[str]
    rule: EarningRule


@dataclass(frozen=True, slots=True)
class Events:
    """The rules about events; ``asks`` names the facts of the member that their conditions need."""

    rules: tuple[EventRule, ...] = ()
    asks: frozenset[str] = frozenset()

    @property
    def every(self) -> tuple[EarningRule, ...]:
        """The earning rules of all events."""
        return tuple([each.rule for each in self.rules])

    def known(self, event: str) -> bool:
        """Whether a rule speaks of the event."""
        return any(each.event == event for each in self.rules)

    def of(self, event: str, reporter: str) -> list[EarningRule]:
        """The rules of an event that believe a kind of client."""
        return [each.rule for each in self.rules if each.event == event and reporter in each.reporters]


NO_EVENTS = Events()


@dataclass(frozen=True, slots=True)
class Given:
    """What an event came to: the points of each rule, why others gave nothing or less, and what that takes."""

    effects: tuple[Effect, ...]
    reasons: tuple[Reason, ...]
    claims: tuple[Claim, ...]


def check(rules: Sequence[Any], *, lots: LotTerms, taken: frozenset[str]) -> tuple[Fault, ...]:
    """Every fault in ``earn.events``; ``taken`` are the ids of ``earn.rules``, which count under keys of one kind."""
    return _read(rules, lots, taken)[1]


def parse(section: Mapping[str, Any], *, lots: LotTerms) -> Events:
    """``earn.events`` compiled. Raises ``UnfitDocument``."""
    rules, faults = _read(section["events"], lots, frozenset())
    if faults:
        raise UnfitDocument(errors=faults)
    ready = [(rule, conditions.compiled(rule["when"])) for rule in rules]
    asks: frozenset[str] = frozenset().union(*[found.asks for _, found in ready if found is not None])
    made = [_compiled(rule, found.test if found else None, section, lots) for rule, found in ready]
    return Events(tuple(made), asks)


def without(events: Events, paused: frozenset[str]) -> Events:
    """The same while some rules are paused: they go on being known, and give nothing."""
    rules = [
        replace(each, rule=replace(each.rule, test=_paused)) if each.rule.rule_id in paused else each
        for each in events.rules
    ]
    return replace(events, rules=tuple(rules))


def _paused(_of: Situation) -> Failure:
    return fails("paused")


def needs(rules: Sequence[EarningRule], at: datetime, zone: ZoneInfo) -> Needs:
    """The counters and limits that these rules look at."""
    day = local_day(at, zone)
    counters = [key for rule in rules for key in counter_keys(rule, day)]
    return Needs(frozenset(counters), frozenset(budgets(rules)))


def budgets(rules: Sequence[EarningRule]) -> dict[str, int]:
    """How many points these rules give to all members together, by the key of the limit."""
    return {budget_key(rule): rule.budget for rule in rules if rule.budget is not None}


def earn(
    rules: Sequence[EarningRule],
    facts: Facts,
    *,
    nothing_bought: Basket,
    at: datetime,
    zone: ZoneInfo,
) -> Given:
    """What an event earns at ``at`` by its rules, with ``zone`` the program's.

    ``nothing_bought`` is a basket without lines.
    """
    now = moment(at=at, zone=zone, basket=nothing_bought)
    situation = Situation(nothing_bought, facts, now, (), ())
    effects: list[Effect] = []
    reasons: list[Reason] = []
    claims: list[Claim] = []
    for rule in rules:
        failed = rule.test(situation) if rule.test else None
        if failed is not None:
            reasons.append(Reason(rule.rule_id, "not_applicable", failed.code, failed.numbers))
            continue
        granted, reason = capped(rule, rule.rate.points, facts, now.day)
        if reason is not None:
            reasons.append(reason)
        if granted:
            effects.append(_effect(rule, granted, at, zone))
            claims.extend(claims_of(rule, granted, now.day))
    return Given(tuple(effects), tuple(reasons), tuple(claims))


def _effect(rule: EarningRule, granted: int, at: datetime, zone: ZoneInfo) -> Effect:
    times = terms_for(terms=rule.lots or LotTerms(), at=at, zone=zone)
    return Effect(
        rule.rule_id, rule.award, rule.rate.points, granted, (), 1, rule.rate, times.available_at,
        times.expires_at, times.sliding_months, awaits=times.awaits,
    )  # fmt: skip


def _compiled(rule: Mapping[str, Any], test: Any, section: Mapping[str, Any], lots: LotTerms) -> EventRule:
    caps = [
        Cap(
            cap["per"],
            cap["points"] or cap["times"],
            bool(cap["times"]),
            (cap["effect"] or section["cap_effect"]) == "refuse",
        )
        for cap in rule["caps"]
    ]
    made = EarningRule(
        rule_id=rule["id"],
        award="bonus",
        name=rule["name"],
        rate=Rate(rule["points"], 1, "event"),
        selects=None,
        test=test,
        ignores_basket_discounts=False,
        minimum=0,
        caps=tuple(caps),
        lots=never_waiting(own_lots(rule, lots) if rule["lots"] else lots),
        budget=rule["budget"],
    )
    return EventRule(rule["event"], rule["reported_by"], made)


def _read(rules: Sequence[Any], lots: LotTerms, taken: frozenset[str]) -> tuple[list[Any], tuple[Fault, ...]]:
    faults: list[Fault] = []
    found = [_rule(rule, below("/earn/events", i), faults, lots) for i, rule in enumerate(rules)]
    seen = set(taken)
    for i, rule in enumerate(found):
        name = rule and rule["id"]
        if name in seen:
            faults.append(Fault(f"/earn/events/{i}/id", "duplicate", "Another rule has this id."))
        elif name:
            seen.add(name)
    return found, tuple(faults)


def _rule(value: Any, pointer: str, faults: list[Fault], lots: LotTerms) -> Any:
    before = len(faults)
    rule = _RULE(value, pointer, faults)
    if rule is None or len(faults) > before:
        return rule
    faults += _contradictions(rule, pointer)
    unaskable(value.get("when", {}), below(pointer, "when"), faults)
    if rule["lots"]:
        faults += lasting_faults(own_lots(rule, lots), below(pointer, "lots"))
    return rule


def _contradictions(rule: Mapping[str, Any], pointer: str) -> list[Fault]:
    found = [
        Fault(f"{pointer}/caps/{i}", "not_allowed", "Say exactly one of points and times.")
        for i, cap in enumerate(rule["caps"])
        if (cap["points"] is None) == (cap["times"] is None)
    ]
    if not rule["reported_by"]:
        found.append(Fault(f"{pointer}/reported_by", "required", "Somebody must be able to report it."))
    if (rule["lots"] or {}).get("available") and rule["lots"]["available"][0] == "on_event":
        message = "Points of an event have no purchase that could release them."
        found.append(Fault(f"{pointer}/lots/available", "not_allowed", message))
    return found


def unaskable(when: Any, pointer: str, faults: list[Fault]) -> None:
    """Adds a fault for each condition on what only a basket or a history of purchases knows: it would never hold."""
    for name in when:
        if name not in _ASKABLE:
            faults.append(
                Fault(below(pointer, name), "not_allowed", "An event has no basket to ask this of.")
            )
    for name in ("all", "any"):
        for i, inner in enumerate(when.get(name, ())):
            unaskable(inner, below(below(pointer, name), i), faults)
    if "not" in when:
        unaskable(when["not"], below(pointer, "not"), faults)
    for name in when.get("member", {}):
        if name in _PAST:
            message = "An event knows nothing of purchases."
            faults.append(Fault(below(below(pointer, "member"), name), "not_allowed", message))

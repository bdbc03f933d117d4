"""One version of the program, checked and compiled: the rules of every feature, and what they need to know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Any

from loyalty_api.earning import rules as earning_rules
from loyalty_api.earning import rules_events as event_rules
from loyalty_api.earning.rules_caps import counter_keys
from loyalty_api.earning.rules_events import NO_EVENTS, Events
from loyalty_api.earning.rules_types import Earning
from loyalty_api.errors import Fault
from loyalty_api.gifts import rules as gift_rules
from loyalty_api.gifts.rules import Gifts
from loyalty_api.program import rules as program_rules
from loyalty_api.program.rules import Settings
from loyalty_api.program.rules_lots import LotTerms
from loyalty_api.promotions import rules_compiling as promotion_rules
from loyalty_api.promotions.rules_types import Promotions
from loyalty_api.rulekit import history
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.exclusions import Excluded, exclusions
from loyalty_api.rulekit.facts import Needs
from loyalty_api.suggestions import rules_reading as suggestion_rules
from loyalty_api.suggestions.rules import Suggesting
from loyalty_api.tiers import rules_reading as tier_rules
from loyalty_api.tiers.rules import Policy as Tiers
from loyalty_api.values import dataclass

NOTHING = Needs()
"""What a program without caps of periods and without budgets needs to know."""


@dataclass(frozen=True, slots=True)
class Program:
    """One version of the program, compiled once and asked many times; ``paused`` rules and levels give nothing.

    ``names`` are those of its rules and levels for people, by rule and language (``*``: any).
    """

    version: int
    settings: Settings
    earning: Earning
    tiers: Tiers | None = None
    events: Events = NO_EVENTS
    promotions: Promotions | None = None
    gifts: Gifts | None = None
    suggestions: Suggesting | None = None
    paused: frozenset[str] = frozenset()
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict, compare=False)

    @property
    def pausable(self) -> frozenset[str]:
        """The rules of purchases and of events, promotions, gifts and levels, by the names that they are paused by."""
        rules = [rule.rule_id for rule in (*self.earning.every, *self.events.every)]
        rules += self.promotions.names() if self.promotions else ()
        rules += self.gifts.names() if self.gifts else ()
        return frozenset([*rules, *(self.tiers.names() if self.tiers else ())])

    @property
    def excluded(self) -> Excluded | None:
        """What each line is kept out of, None when the program excludes nothing."""
        return self.earning.basis.excluded

    @property
    def plain(self) -> bool:
        """Whether rating needs to know no more of the member than what is always known."""
        return not self.counting and not self.earning.past

    @property
    def counting(self) -> bool:
        """Whether some rule looks at counters or limits."""
        return bool(self.earning.counting) or (self.gifts is not None and self.gifts.counting)

    @property
    def shares(self) -> bool:
        """Whether some rule has something that all members share: a budget or a stock."""
        shared = self.gifts is not None and any(rule.budget or rule.stock for rule in self.gifts.at_purchase)
        return bool(self.earning.budgets) or shared

    def budgets(self, at: datetime) -> Mapping[str, int]:
        """How much each rule gives to all members together at a moment, by the key of the limit."""
        if self.gifts is None or not self.gifts.counting:
            return self.earning.budgets
        day = local_day(at, self.settings.zone)
        return {**self.earning.budgets, **gift_rules.sizes(self.gifts.at_purchase, day)}

    @property
    def limited(self) -> bool:
        """Whether what promotions take off runs out, so that pricing needs to know what they took off before."""
        return self.promotions is not None and self.promotions.counts

    def needs(self, at: datetime) -> Needs:
        """The counters and limits to load before rating a basket of that moment."""
        if not self.counting:
            return NOTHING
        day = local_day(at, self.settings.zone)
        counters = [key for rule in self.earning.counting for key in counter_keys(rule, day)]
        found = Needs(frozenset(counters), frozenset(self.earning.budgets))
        return found | gift_rules.needs(self.gifts.at_purchase, day) if self.gifts else found


def check_document(document: Any) -> tuple[Fault, ...]:
    """Every fault of a program document: its settings and the rules of every feature."""
    faults = program_rules.check(document)
    if any(fault.code == "too_deep" for fault in faults):
        return faults
    rules, levels = _listed(document, "earn", "rules"), _listed(document, "tiers", "levels")
    lots = LotTerms() if faults else program_rules.settings(document).lots
    known = {fault.pointer for fault in faults}
    events = _listed(document, "earn", "events")
    inner = earning_rules.check(rules, lots=lots) + tier_rules.check(levels)
    inner += event_rules.check(events, lots=lots, taken=_ids(rules))
    promotions = _at(document, "promotions")
    inner += promotion_rules.check(promotions, taken=_ids([*rules, *events]))
    taken = _ids([*rules, *events, *promotions])
    inner += gift_rules.check(_section(document, "gifts"), taken=taken)
    inner += suggestion_rules.check(_section(document, "suggestions"))
    return faults + tuple(fault for fault in inner if fault.pointer not in known)


def _listed(document: Any, section: str, name: str) -> list[Any]:
    """A list that a feature checks itself, empty where there is none."""
    return _at(_section(document, section), name)


def _section(document: Any, name: str) -> Any:
    return document.get(name) if isinstance(document, Mapping) else None


def _ids(rules: Iterable[Any]) -> frozenset[str]:
    """The ids that rules have, however faulty they are otherwise."""
    found = [rule.get("id") for rule in rules if isinstance(rule, Mapping)]
    return frozenset([rule_id for rule_id in found if isinstance(rule_id, str)])


def _at(found: Any, name: str) -> list[Any]:
    listed = found.get(name) if isinstance(found, Mapping) else None
    return listed if isinstance(listed, list) else []


def compile_program(document: Mapping[str, Any], *, version: int) -> Program:
    """The document of one version, ready to be asked. Raises ``UnfitDocument`` with every fault."""
    settings = program_rules.settings(document)
    entries = settings.sections["exclusions"]
    excluded = exclusions(entries) if entries else None
    earning = earning_rules.parse(settings.sections["earn"], lots=settings.lots, excluded=excluded)
    promotions = promotion_rules.parse(
        settings.sections["promotions"],
        section=settings.sections["discounts"],
        excluded=excluded,
        visit_gap=settings.sections["earn"]["visit_gap_minutes"],
    )
    if promotions:
        earning = _also_asking(earning, promotions.asks)
    events = event_rules.parse(settings.sections["earn"], lots=settings.lots)
    levels = tier_rules.policy(settings, version=version)
    gifts = gift_rules.parse(
        settings.sections["gifts"],
        excluded=excluded,
        visit_gap=settings.sections["earn"]["visit_gap_minutes"],
    )
    if gifts:
        earning = _also_asking(earning, gifts.asks)
    suggestions = suggestion_rules.parse(settings.sections["suggestions"], excluded=excluded)
    made = Program(version, settings, earning, levels, events, promotions, gifts, suggestions)
    return replace(made, names=_names(made))


def _names(program: Program) -> dict[str, Mapping[str, str]]:
    """Put together once: every quote and receipt says some of them."""
    rules = {rule.rule_id: rule.name for rule in (*program.earning.every, *program.events.every)}
    rules |= program.promotions.names() if program.promotions else {}
    rules |= program.gifts.names() if program.gifts else {}
    return {**rules, **program.tiers.names()} if program.tiers else rules


def _also_asking(earning: Earning, asks: frozenset[str]) -> Earning:
    """Facts are loaded once for all rules, and the history goes on for those that only other rules ask about."""
    past = frozenset([key for key in asks if key.startswith(history.PREFIX)])
    return replace(earning, asks=earning.asks | asks, past=earning.past | past)


def without(program: Program, paused: frozenset[str]) -> Program:
    """The same version while these rules and levels are paused; those that it does not have change nothing."""
    earning = replace(program.earning, paused=paused)
    return replace(
        program, paused=paused, earning=earning, events=event_rules.without(program.events, paused)
    )


def without_gifts(program: Program) -> Program:
    """The same version for a purchase that brings points only (R25)."""
    return replace(program, gifts=None) if program.gifts else program

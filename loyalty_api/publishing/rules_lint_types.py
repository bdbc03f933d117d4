"""What lint says: findings, each with the sales that show it, and the ground on which it looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from loyalty_api.earning.rules_types import EarningRule
from loyalty_api.rating.rules import advance, evaluate
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.conditions_reading import read_conditions
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Facts

Severity = Literal["error", "warning", "note"]
REPEATED = 3
"""A limit that a sale meets again and again is met by the third of a kind, too."""


@dataclass(frozen=True, slots=True)
class Sale:
    """A basket of a member at a moment: all that ``evaluate`` needs."""

    basket: Basket
    facts: Facts
    at: datetime

    @property
    def paid(self) -> int:
        """What is paid for it, in minor units."""
        return sum([line.paid for line in self.basket.lines])


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, by its code.

    ``witness`` are sales that show it, in their order; ``points`` what the program gives for each. ``numbers`` and
    ``words`` fill the sentence. ``searched`` is how many sales were tried, where the finding is that none did it.
    """

    code: str
    severity: Severity
    rules: tuple[str, ...]
    witness: tuple[Sale, ...]
    points: tuple[int, ...]
    numbers: Mapping[str, int] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    searched: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is asked and as it was written; ``when`` as it was read."""

    compiled: EarningRule
    said: Mapping[str, Any]
    when: Mapping[str, Any]

    @property
    def rule_id(self) -> str:
        """Its id."""
        return self.compiled.rule_id

    @property
    def limited(self) -> bool:
        """Whether there is an end to what it gives to one member or to all."""
        periodic = any(cap.per != "purchase" for cap in self.compiled.caps)
        return periodic or self.compiled.budget is not None


@dataclass(frozen=True, slots=True)
class Ground:
    """A program that is looked at, with the moment at which somebody looks, and the ``stores`` there are, if known."""

    program: Program
    rules: tuple[Rule, ...]
    now: datetime
    stores: frozenset[str] | None = None

    @property
    def smallest(self) -> int:
        """The smallest basket that a shop sees, in minor units (``lint.smallest_basket``)."""
        found: int = self.program.settings.sections["lint"]["smallest_basket"]
        return found

    def alone(self, rule: Rule) -> Program:
        """The program with this one of its rules; a multiplier has those with it that give it something."""
        earning = self.program.earning
        rules = earning.rules if rule.compiled.multiplies else (rule.compiled,)
        multipliers = (rule.compiled,) if rule.compiled.multiplies else ()
        return replace(
            self.program, tiers=None, earning=replace(earning, rules=rules, multipliers=multipliers)
        )

    def decide(self, sale: Sale) -> Decision:
        """What the program gives for a sale."""
        return evaluate(sale.basket, sale.facts, self.program, sale.at)

    def again(self, sale: Sale) -> Sale:
        """The same sale for a member who has had it a few times already, one straight after the other."""
        facts = sale.facts
        for _ in range(REPEATED - 1):
            decision = evaluate(sale.basket, facts, self.program, sale.at)
            if not decision.claims:
                break
            facts = advance(facts, sale.basket, decision)
        return replace(sale, facts=facts) if facts is not sale.facts else sale

    def finding(
        self, code: str, severity: Severity, rules: Iterable[str], witness: Iterable[Sale], **more: Any
    ) -> Finding:
        """A finding with what the program really gives for its witness."""
        sales = tuple(witness)
        points = tuple([self.decide(sale).points() for sale in sales])
        return Finding(code, severity, tuple(rules), sales, points, **more)


def ground(program: Program, *, now: datetime, stores: frozenset[str] | None = None) -> Ground:
    """The ground for a compiled program."""
    said = {rule["id"]: rule for rule in program.settings.sections["earn"]["rules"]}
    rules = [
        Rule(rule, said[rule.rule_id], read_conditions(said[rule.rule_id].get("when", {}), "", []) or {})
        for rule in program.earning.every
    ]
    # Conditions ask for the time only where some rule does; who looks wants it always.
    timed = replace(program, earning=replace(program.earning, timed=True))
    return Ground(timed, tuple(rules), now, stores)


def gave(decision: Decision, rule_id: str) -> int:
    """The points that a rule gave."""
    return sum([effect.granted for effect in decision.effects if effect.rule == rule_id])

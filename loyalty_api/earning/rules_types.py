"""Earning rules in the form they are asked in: compiled once per program version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache

from loyalty_api.earning.rules_basis import Basis, BasisTerms
from loyalty_api.program.rules_lots import LotTerms
from loyalty_api.rulekit.decision import Claim, Effect, NearMiss, Rate, Reason
from loyalty_api.rulekit.selectors import Scopes, Selector
from loyalty_api.rulekit.situations import Test
from loyalty_api.values import dataclass


@dataclass(frozen=True, slots=True)
class Cap:
    """The most a rule gives to a member in a period: ``most`` points, or in so many purchases (``times``).

    ``per`` is purchase, day, week, month, year or program. ``refuses``: over it the rule gives nothing at all.
    """

    per: str
    most: int
    times: bool = False
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class EarningRule:
    """One rule. ``selects`` None means every line, ``test`` None no condition, ``lots`` None the program's terms.

    ``award`` is ``base`` or ``bonus``; ``minimum`` is in minor units. ``steps`` are (sum in minor units, rate)
    pairs from the lowest. ``multiplies`` names what a multiplier works on, ``all`` or ``base``. Of the rules with one
    ``group`` only the best gives. ``budget`` is how many points it gives to all members together.
    """

    rule_id: str
    award: str
    name: Mapping[str, str]
    rate: Rate
    selects: Selector | None
    test: Test | None
    ignores_basket_discounts: bool
    minimum: int
    caps: tuple[Cap, ...]
    lots: LotTerms | None
    steps: tuple[tuple[int, Rate], ...] = ()
    multiplies: str | None = None
    group: str | None = None
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class Earning:
    """The earning section: base rules first, then bonuses, then multipliers, each in the order of the document.

    ``timed`` says whether any rule asks for a day or an hour; ``lots`` are the program's terms. ``asks`` names the
    facts of the member that conditions need, ``past`` those that are about
    earlier purchases. ``counting`` are the rules with a cap of a period or a budget, and
    ``budgets`` how many points the latter give to all members, by the key of the limit. ``paused`` are the ids of rules
    that give nothing for now. ``scopes`` says which lines each rule is about.
    """

    rules: tuple[EarningRule, ...]
    multipliers: tuple[EarningRule, ...]
    basis: BasisTerms
    lots: LotTerms
    timed: bool
    asks: frozenset[str]
    past: frozenset[str]
    visit_gap: int
    counting: tuple[EarningRule, ...]
    budgets: Mapping[str, int]
    scopes: Scopes
    paused: frozenset[str] = frozenset()

    @property
    def every(self) -> tuple[EarningRule, ...]:
        """All rules, in the order in which they act."""
        return self.rules + self.multipliers


@dataclass(frozen=True, slots=True)
class Given:
    """What one rule would give: its effect, what its caps say, and what must be taken for it to stand."""

    rule: EarningRule
    effect: Effect
    capped: Reason | None = None
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Earned:
    """What all rules came to: the basis they worked on, what they gave, and why others gave nothing."""

    basis: Basis
    effects: list[Effect] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    near_misses: list[NearMiss] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)

    def nothing(self, rule: EarningRule, code: str, **numbers: int) -> None:
        """Notes that the rule gave nothing, and why."""
        if numbers:
            self.reasons.append(Reason(rule.rule_id, "not_applicable", code, numbers))
        else:
            self.reasons.append(_plain(rule.rule_id, code))

    def missing(self, rule: EarningRule, **numbers: int) -> None:
        """Notes how little was missing for the rule to give something."""
        self.near_misses.append(NearMiss(rule.rule_id, numbers))

    def keep(self, given: Given) -> None:
        """What a rule gives stands."""
        self.effects.append(given.effect)
        self.claims.extend(given.claims)
        if given.capped is not None:
            self.reasons.append(given.capped)


@lru_cache(maxsize=4096)
def _plain(rule_id: str, code: str) -> Reason:
    """Most rules give nothing for most baskets, and say so without a number: one reason serves them all."""
    return Reason(rule_id, "not_applicable", code)

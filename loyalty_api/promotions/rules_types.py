"""Promotions in the form they are asked in: compiled once per program version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from loyalty_api.promotions.rules_index import Index
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision, Discount, NearMiss, NextTime, Reason
from loyalty_api.rulekit.exclusions import Excluded
from loyalty_api.rulekit.selectors import Selector
from loyalty_api.rulekit.situations import Test
from loyalty_api.values import dataclass

LANES = ("line", "basket", "tender")
"""The lanes, in the order in which they act."""
NEXT = "next"
"""Where coupons for another purchase are given: behind all lanes, since they take nothing off this one."""
HUNDRED_PERCENT = 10_000
"""Percentages are whole numbers of hundredths of a percent."""


@dataclass(frozen=True, slots=True)
class Value:
    """What is taken off a sum: ``percent`` (hundredths of a percent), ``amount`` (minor units off), or ``price``
    (minor units that the sum costs afterwards)."""

    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class OnSum:
    """A discount on the sum of the lines in scope, or on each of them (``by_line``).

    ``steps`` are (sum in minor units, value) pairs from the lowest; one that begins at 0 is always reached.
    ``by_tier`` is the value of each level instead of steps.
    """

    steps: tuple[tuple[int, Value], ...] = ()
    by_line: bool = False
    by_tier: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slot:
    """So many units of some goods; ``selects`` None means all that the promotion is about."""

    quantity: int
    selects: Selector | None = None
    cheapest_first: bool = False


@dataclass(frozen=True, slots=True)
class InSets:
    """A discount on sets of units, once for each set that can be filled from the basket.

    The ``value`` is taken off the targets of each set: the units of the first slot (``of_first``), or the
    ``targets`` cheapest or dearest of all its units; 0 means all of them. ``most`` limits the sets, 0 does not.
    ``up_to`` lets a set be filled with fewer units. ``added`` is the product that may still be put into the basket.
    """

    slots: tuple[Slot, ...]
    value: Value
    targets: int = 0
    cheapest: bool = True
    of_first: bool = False
    most: int = 0
    up_to: bool = False
    added: str | None = None

    @property
    def targets_some(self) -> bool:
        """Whether other units must be there than those whose price is lowered."""
        return bool(self.targets) or self.of_first


@dataclass(frozen=True, slots=True)
class Limit:
    """How much (``amount``, minor units) or how often (``times``) in one of the program's periods (``per``)."""

    per: str
    amount: int | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a promotion ends: a ``budget`` for all members together, in each store by itself if ``by_store``; limits
    of each member; and so many days after a member used it on which it rests for that member (``cooldown``)."""

    budget: Limit | None = None
    by_store: bool = False
    of_member: tuple[Limit, ...] = ()
    cooldown: int = 0

    @property
    def asks_who(self) -> bool:
        """Whether it counts for each member, so that it is for members only."""
        return bool(self.of_member or self.cooldown)


@dataclass(frozen=True, slots=True)
class Coupon:
    """A coupon called ``name`` for another purchase, through the ``valid_days``-th local day after this one, in
    ``stores`` (none: everywhere); ``at_once``: already today."""

    name: str
    valid_days: int
    at_once: bool
    stores: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Promotion:
    """One promotion. ``selects`` None means every line, ``test`` None no condition.

    ``minimum`` and the amounts in its conditions are minor units, measured ``after`` earlier discounts or before
    them. The caps are None where there is none: money, units of one line, sets of one basket. ``left_out`` says that
    lines which have a discount already do not count. ``consumes``: a unit that takes part serves no other promotion
    of its lane. Of those with one ``group`` only the best stands; ``not_with`` are promotions it never joins.
    ``least`` is how many units of its goods one set takes where nothing else decides whether there is one, else 0.
    ``scoped`` says whether it is about some lines only; ``indivisible`` that what it gives cannot come back in part.
    """

    rule_id: str
    name: Mapping[str, str]
    lane: str
    priority: int
    benefit: OnSum | InSets | Coupon
    said: str
    selects: Selector | None
    test: Test | None
    minimum: int
    after: bool
    most_off: int | None
    most_units: int | None
    most_sets: int | None
    left_out: bool
    consumes: bool
    group: str | None
    not_with: frozenset[str]
    kinds: frozenset[str]
    additive: bool
    scoped: bool
    indivisible: bool = False
    limits: Limits | None = None
    least: int = 0

    @property
    def may_add(self) -> bool:
        """Whether it may be about a product that is not in the basket yet."""
        return isinstance(self.benefit, InSets) and bool(self.benefit.added)

    @property
    def basket_wide(self) -> bool:
        """Whether it is a discount on the whole basket (R10)."""
        return self.lane != "line" and not self.scoped


@dataclass(frozen=True, slots=True)
class Terms:
    """How cents are handled: ``discounts.*`` of the program, and what it keeps out of discounts and thresholds.

    ``floor`` is a pair of share (percent), amount (minor units) or cost (percent of a line's cost) and its number.
    """

    rounding: str
    by_line: bool
    spread: str
    floor: tuple[str, int]
    excluded: Excluded | None


@dataclass(frozen=True, slots=True)
class Promotions:
    """All promotions of a version, in the order in which they act, with what finds those a basket may meet.

    Those of one group stand side by side. ``timed`` says whether any asks for a day or an hour; ``asks`` names the
    facts of the member that conditions need. ``apart`` are, by id, the promotions that one never joins, whichever
    of the two says so. ``limited`` are those that run out, and ``ceiling`` is the most that all of them together take
    off for one member in a period.
    """

    rules: tuple[Promotion, ...]
    terms: Terms
    index: Index
    timed: bool
    asks: frozenset[str]
    apart: Mapping[str, frozenset[str]]
    visit_gap: int = 0
    limited: tuple[Promotion, ...] = ()
    ceiling: Limit | None = None
    by_id: Mapping[str, Promotion] = field(default_factory=dict, compare=False)

    @property
    def counts(self) -> bool:
        """Whether anything of them runs out, so that what was given has to be counted."""
        return bool(self.limited) or self.ceiling is not None

    def names(self) -> dict[str, Mapping[str, str]]:
        """The names of the promotions for people, by rule and language."""
        return {rule.rule_id: rule.name for rule in self.rules}

    def numbered(self, rule_id: str) -> Promotion | None:
        """The promotion with this id."""
        return self.by_id.get(rule_id)


@dataclass(frozen=True, slots=True)
class Priced:
    """A basket with the discounts of its promotions on its lines, settled, and why others gave nothing."""

    basket: Basket
    discounts: tuple[Discount, ...] = ()
    reasons: tuple[Reason, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    coupons: tuple[NextTime, ...] = ()

    def told(self, decision: Decision) -> Decision:
        """The decision on what remains, with the discounts that came before it."""
        return replace(
            decision,
            discounts=self.discounts,
            coupons=self.coupons,
            reasons=self.reasons + decision.reasons,
            near_misses=self.near_misses + decision.near_misses,
        )


Read = Mapping[str, Any]
"""A promotion as it was read from the document."""

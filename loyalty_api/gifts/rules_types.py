"""Gift rules in the form they are asked in: compiled once per program version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from loyalty_api.rulekit.birthdays import age_key
from loyalty_api.rulekit.exclusions import Excluded
from loyalty_api.rulekit.situations import Test

AT_PURCHASE = frozenset(("chance", "visit", "visits", "spent", "purchase"))
"""Triggers that a purchase pulls, which the pure evaluation asks."""
ELSEWHERE = frozenset(("birthday", "anniversary", "silence", "event", "staff", "list"))
"""Triggers that time, an event or a person pulls; conditions ask them only how the member is, and when it is."""


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely a chance is at its ``base``, and the bounds that pacing never leaves: exact, 0 < number ≤ 1."""

    base: Fraction
    least: Fraction
    most: Fraction


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one person of the staff may give: so many gifts of a rule in a local day, and of what ``cost`` together.

    ``per_member`` is how many of them one member may have in a month. ``reasons`` are the words to choose from; empty:
    a reason is free text.
    """

    per_day: int
    cost_per_day: int | None = None
    per_member: int | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a gift hangs on; ``kind`` names the member that says more, the others are None.

    ``number`` is that of the visit (``visit``), the n of every n visits (``visits``) or every n years of membership
    (``anniversary``), the money of a milestone in minor units (``spent``), the days of silence (``silence``), or the
    days that a birthday is celebrated before its day (``birthday``). ``once``: a milestone of spending is reached once.
    ``event`` is the name of a reported event.
    """

    kind: str
    number: int = 0
    once: bool = False
    odds: Odds | None = None
    event: str | None = None
    allowance: Allowance | None = None

    @property
    def at_purchase(self) -> bool:
        """Whether a purchase pulls it."""
        return self.kind in AT_PURCHASE


@dataclass(frozen=True, slots=True)
class Give:
    """What is given. ``kind`` is points, reward, product, free_item, coupon or message.

    ``points`` of points; ``reference`` the reward's id as it is shown, or the name of a coupon that can be used
    ``quantity`` times for so many ``days``; ``sku`` and ``quantity`` of goods; ``text`` for people, by language (``*``:
    any).
    """

    kind: str
    points: int = 0
    reference: str | None = None
    sku: str | None = None
    quantity: int = 1
    text: Mapping[str, str] = field(default_factory=dict)
    days: int = 0

    @property
    def pieces(self) -> int:
        """How many things are handed over; 0 of points, coupons and words."""
        return self.quantity if self.kind in ("product", "free_item", "reward") else 0

    def document(self) -> dict[str, Any]:
        """As it is kept with a gift: ``{kind, points?, reference?, sku?, quantity?, text?, days?}``."""
        said: dict[str, Any] = {"points": self.points, "reference": self.reference, "sku": self.sku}
        said |= {"text": dict(self.text), "days": self.days}
        found: dict[str, Any] = {"kind": self.kind, **{name: value for name, value in said.items() if value}}
        return (
            {**found, "quantity": self.quantity} if self.kind in ("product", "free_item", "coupon") else found
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a gift may cost all members together in a ``period``: so much money, points or so many pieces.

    ``measure`` is money (minor units of the gift's cost), points (that it gives) or pieces. ``period`` is day, week,
    month, year or program (the whole time of the rule).
    """

    measure: str
    most: int
    period: str


@dataclass(frozen=True, slots=True)
class Times:
    """How often one member gets a gift by a rule: ``most`` times in each ``per`` (day to program)."""

    most: int
    per: str


@dataclass(frozen=True, slots=True)
class GiftRule:
    """One rule. ``test`` None: no condition; ``stores`` None: all of them; ``first`` and ``last`` are local days.

    ``cost`` is what one gift costs the shop, in minor units. ``stock`` counts pieces for the whole time of the rule.
    ``cooldown_days`` is how long a member (or with ``household`` nobody of its account) gets another one by the rule.
    ``guarantee_after`` is after how many draws without luck the next one wins. ``claim_days`` is how many days a
    member has to take it. ``asks`` names the facts of the member that the condition needs. ``profiles``: it follows
    from what the member bought before, which a member may not want.
    """

    rule_id: str
    name: Mapping[str, str]
    trigger: Trigger
    give: Give
    test: Test | None
    asks: frozenset[str]
    stores: frozenset[str] | None
    first: date | None
    last: date | None
    cost: int
    budget: Budget | None
    stock: int | None
    times: tuple[Times, ...]
    cooldown_days: int | None
    household: bool
    guarantee_after: int | None
    claim_days: int
    profiles: bool = False

    def in_window(self, day: date) -> bool:
        """Whether a local day lies within the rule's own."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)

    @property
    def taken(self) -> int:
        """How much of its budget one gift takes, in the budget's measure."""
        if self.budget is None or self.budget.measure == "pieces":
            return 1
        return self.cost if self.budget.measure == "money" else self.give.points


@dataclass(frozen=True, slots=True)
class GiftTerms:
    """The published terms of chances tied to buying (R57): a ``version`` of their own, words by language and a link.

    ``least_age`` is from what age on, in whole years, a member takes part; None: at any. It stands here and not with a
    rule because it is the law that asks for it, of all chances alike, and because who answers for the terms answers for
    whom they hold for: another age is other terms, which take the role once more.
    """

    version: str
    text: Mapping[str, str]
    url: str | None = None
    least_age: int | None = None

    @property
    def age_fact(self) -> str | None:
        """Under what the facts say whether the member is old enough; None where any age is."""
        return None if self.least_age is None else age_key(self.least_age)


@dataclass(frozen=True, slots=True)
class Gifts:
    """All gift rules of a version, in the order of the document, with ``at_purchase`` those a purchase may pull.

    ``asks`` names the facts of the member that conditions of ``at_purchase`` need, ``counting`` says that some of them
    look at counters or limits. ``excluded`` says of a line what it is kept out of. ``remind_days`` is how many days
    before its end a gift that nobody took is called to mind, None for never. ``rewards`` are those that purchases may
    bring, by rule, as they are shown.
    """

    rules: tuple[GiftRule, ...]
    at_purchase: tuple[GiftRule, ...]
    asks: frozenset[str]
    past: frozenset[str]
    counting: bool
    excluded: Excluded | None
    terms: GiftTerms | None
    reveal_after_hours: int
    remind_days: int | None
    visit_gap: int = 0
    rewards: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> dict[str, Mapping[str, str]]:
        """The names of the rules for people, by rule and language."""
        return {rule.rule_id: rule.name for rule in self.rules}

    def numbered(self, rule_id: str) -> GiftRule | None:
        """The rule with this id."""
        return next((rule for rule in self.rules if rule.rule_id == rule_id), None)

    def of(self, kind: str) -> list[GiftRule]:
        """The rules with a trigger of this kind."""
        return [rule for rule in self.rules if rule.trigger.kind == kind]

    @property
    def skus(self) -> frozenset[str]:
        """The products that gifts of purchases may hand over."""
        return frozenset([rule.give.sku for rule in self.at_purchase if rule.give.sku is not None])

"""What the evaluation decided, and why; stored with the purchase and read again years later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from loyalty_api.values import dataclass

ENGINE = 4
"""The number of the evaluation; it changes when the same inputs give another decision, or say more of it.

2: conditions with their own codes, steps, multipliers, groups, caps of periods.
3: the discounts that promotions gave.
4: gifts, the draws they were made with, and coupons for another purchase.
"""
READABLE = frozenset((1, 2, 3, 4))
"""Stored documents of these numbers are read as they were written."""


@dataclass(frozen=True, slots=True)
class Rate:
    """``points`` for each ``per`` of ``unit``, rounded by ``round``.

    ``unit`` is ``amount`` (minor units of money), ``each``, ``g``, ``ml``, ``mm``, or ``basket`` for points
    that are given once, ``line`` for points that are given once a line, ``step`` for those of a sum of at least
    ``per`` minor units, ``event`` for those of something that a member did, and ``points`` for a multiplier's: it
    adds ``points`` ÷ ``per`` of those that are there.
    ``by_line`` rounds once a line instead of once a basket.
    """

    points: int
    per: int
    unit: str = "amount"
    round: str = "down"
    by_line: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that was decided: points, and the rule that gave them.

    ``desired`` is what the rule came to, ``granted`` what its cap let through; ``shares`` are (line_id,
    points) pairs in line order that sum to ``granted``, lines without points left out. ``basis`` is the sum
    that was converted, in the rate's unit. ``available_at`` is None while an event must release the points;
    ``expires_at`` is None when they never expire. ``sliding_months`` is set when they expire after that many
    months without activity, and ``expires_at`` is then the first such moment. ``awaits`` names the event that
    releases the points before ``available_at``, ``*`` for any; None when none does.
    """

    rule: str
    award: str
    desired: int
    granted: int
    shares: tuple[tuple[str, int], ...]
    basis: int
    rate: Rate
    available_at: datetime | None
    expires_at: datetime | None = None
    sliding_months: int | None = None
    kind: str = "points"
    awaits: str | None = None


@dataclass(frozen=True, slots=True)
class Discount:
    """What a promotion took off a basket, in minor units.

    ``lane`` is line, basket or tender, and ``benefit`` the kind of benefit the promotion says. ``desired`` is what it
    came to by the rules, ``granted`` what was taken off; ``shares`` are (line_id, minor units) pairs in line order that
    sum to ``granted``. ``times`` counts the sets it was given for. ``took_part`` are (line_id, minor units before the
    discount) of all units that a set needed, where more lines took part than bear the discount (R33).
    ``basket_wide`` marks a discount on the whole basket (R10). In a purchase ``granted`` is what the till took off
    under the promotion's name, and ``desired`` what it would have been by our own price (R2).
    """

    rule: str
    lane: str
    benefit: str
    desired: int
    granted: int
    shares: tuple[tuple[str, int], ...]
    times: int = 1
    took_part: tuple[tuple[str, int], ...] = ()
    basket_wide: bool = False


@dataclass(frozen=True, slots=True)
class NextTime:
    """A coupon called ``name`` that a promotion gives for another purchase: from ``valid_from`` until just before
    ``valid_until``, in ``stores`` (none: everywhere)."""

    rule: str
    name: str
    valid_from: datetime
    valid_until: datetime
    stores: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GiftGiven:
    """A gift that a rule gives: what ``kind`` of thing, by which ``trigger``, and the ``numbers`` behind it.

    ``numbers`` are those of the trigger: ``visit`` and ``every``, ``spent`` and ``every`` in minor units, ``row``,
    ``ticket`` and ``below`` of a draw. ``lines`` are the line_ids of a free item that lies in the basket.
    """

    rule: str
    kind: str
    trigger: str
    numbers: Mapping[str, int] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a rule gave nothing or less; ``numbers`` say by how much.

    ``rule`` is None when the whole basket is meant. ``by`` is the rule that stood instead, if one did.
    ``outcome`` is ``not_applicable``, ``skipped`` or ``capped``.
    """

    rule: str | None
    outcome: str
    code: str
    numbers: Mapping[str, int] = field(default_factory=dict)
    by: str | None = None


@dataclass(frozen=True, slots=True)
class NearMiss:
    """How far a rule was from giving something: for example ``{"amount": 210}`` in minor units."""

    rule: str
    missing: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Claim:
    """What must be taken for an effect to stand, or what is known once the purchase stands.

    ``amount`` comes off the remaining limit at ``key`` (``kind`` ``limit``) or onto the counter at ``key``
    (``kind`` ``counter``); a number of the member's history becomes ``amount`` (``kind`` ``history``). A draw was made
    for the gift rule at ``key`` by row ``amount`` of the day's odds table, won or not (``kind`` ``draw``).
    """

    kind: str
    key: str
    amount: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of one evaluation under one program version.

    ``at`` is the moment the rules were asked about. ``basis`` names the lines whose earning basis is not what
    was paid for them, as (line_id, minor units) pairs: 0 for an excluded line. ``discounts`` are those of promotions,
    in the order in which they acted, and ``coupons`` are those that they give for another purchase. ``gifts`` are given
    besides points. ``taken`` is what discounts that were given take of budgets and count: like them it stays as it is
    whatever is decided anew.
    """

    version: int
    at: datetime
    effects: tuple[Effect, ...] = ()
    reasons: tuple[Reason, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    claims: tuple[Claim, ...] = ()
    basis: tuple[tuple[str, int], ...] = ()
    engine: int = ENGINE
    discounts: tuple[Discount, ...] = ()
    coupons: tuple[NextTime, ...] = ()
    gifts: tuple[GiftGiven, ...] = ()
    taken: tuple[Claim, ...] = ()

    @property
    def all_claims(self) -> tuple[Claim, ...]:
        """What points and discounts claim together."""
        return self.claims + self.taken if self.taken else self.claims

    def points(self, *, award: str | None = None) -> int:
        """The points granted, by all rules or by those of one kind (``base`` or ``bonus``)."""
        return sum([effect.granted for effect in self.effects if award in (None, effect.award)])

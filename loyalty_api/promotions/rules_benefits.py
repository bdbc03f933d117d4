"""What a promotion would take off the sum of its lines: percentages, amounts, fixed prices, steps, levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from loyalty_api.promotions.rules_lines import Lines
from loyalty_api.promotions.rules_spreading import parts, taken_off, within
from loyalty_api.promotions.rules_types import OnSum, Promotion, Terms, Value
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.outcomes import Failure, fails
from loyalty_api.rulekit.rounding import spread
from loyalty_api.values import dataclass


@dataclass(slots=True)
class Offer:
    """What a promotion would take off: ``shares`` by place.

    ``desired`` is what it was before floors and caps, and ``granted`` what is left of it. ``used`` are, for sets, the
    units and the money by place of all that took part; ``times`` how many sets.
    """

    shares: dict[int, int]
    times: int = 1
    desired: int = 0
    used: dict[int, tuple[int, int]] = field(default_factory=dict)
    granted: int = 0

    @property
    def total(self) -> int:
        """In minor units."""
        return sum(self.shares.values())


@dataclass(frozen=True, slots=True)
class Scope:
    """What a promotion works on: its ``places`` among the lines, those ``below`` zero, and how cents are handled."""

    promotion: Promotion
    lines: Lines
    places: list[int]
    below: list[int]
    terms: Terms
    facts: Facts


def on_sum(benefit: OnSum, of: Scope) -> Offer | Failure:
    """The discount on the sum, or on each line; where several steps are reached, the one that takes off most."""
    values = _by_tier(benefit, of) if benefit.by_tier else _reached(benefit, of)
    if isinstance(values, Failure):
        return values
    bases = _bases(of)
    best, desired = _off(values[0], bases, benefit, of)
    for value in values[1:]:
        other = _off(value, bases, benefit, of)
        if sum(other[0]) > sum(best):
            best, desired = other
    return Offer({i: share for i, share in zip(of.places, best, strict=True) if share}, desired=desired)


def _by_tier(benefit: OnSum, of: Scope) -> list[Value] | Failure:
    member = of.facts.member
    if member is None:
        return fails("no_member")
    value = benefit.by_tier.get(member.tier or "")
    return [value] if value else fails("other_tier")


def _reached(benefit: OnSum, of: Scope) -> list[Value] | Failure:
    """The values of all steps that the sum in scope reaches."""
    first, only = benefit.steps[0]
    if not first and len(benefit.steps) == 1:
        return [only]
    paid = of.lines.paid(after=of.promotion.after)
    found = sum([paid[i] for i in of.places]) + sum([paid[i] for i in of.below])
    if found < first:
        missing = {"amount": first - found} if found > 0 else None
        return Failure("too_little_amount", {"least": first, "found": found}, missing)
    return [value for least, value in benefit.steps if least <= found]


def _bases(of: Scope) -> list[int]:
    """The money that each line brings to the sum: what is left of it, or for additive percentages what was there as
    the lane began; no more than of so many units, and less what lines below zero take back."""
    lines, most = of.lines, of.promotion.most_units
    money = lines.start if of.promotion.additive else lines.free
    bases = [money[i] for i in of.places]
    if most:
        bases = [
            base * most // lines.units[i] if lines.units[i] > most else base
            for base, i in zip(bases, of.places, strict=True)
        ]
    back = sum([lines.before[i] for i in of.below])
    if back and any(bases):
        return spread(max(sum(bases) + back, 0), bases)
    return bases


def _off(value: Value, bases: Sequence[int], benefit: OnSum, of: Scope) -> tuple[list[int], int]:
    """What is taken off each line, none below its floor, and what it would be in all without floors."""
    terms, total = of.terms, sum(bases)
    if not total:
        return [0] * len(bases), 0
    room = of.lines.spaces(of.places)
    if value.kind == "percent" and not terms.by_line:
        wanted = parts(taken_off(value, total, terms.rounding), bases, terms.spread)
    elif value.kind == "percent" or benefit.by_line:
        wanted = [taken_off(value, base, terms.rounding) for base in bases]
    else:
        off = taken_off(value, total, terms.rounding)
        return within(off, bases, room, terms.spread), off
    cut = [off if off < free else free for off, free in zip(wanted, room, strict=True)]
    return cut, sum(wanted)

"""What is known about the member at the moment of rating, and what the rules have counted so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from loyalty_api.values import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """The member as of the moment of rating. ``status`` is one of the member states of the till's rules.

    ``staff`` is a fact about the member, not something a cashier sets on a basket (R18). ``attributes`` hold
    what rules may ask about; never personal data, because facts are stored with the purchase. With ``no_gifts`` the
    member wants none, with ``no_profiling`` none that follow from what was bought before.
    """

    status: str = "active"
    tier: str | None = None
    staff: bool = False
    segments: tuple[str, ...] = ()
    attributes: Mapping[str, str | int | bool] = field(default_factory=dict)
    no_gifts: bool = False
    no_profiling: bool = False


@dataclass(frozen=True, slots=True)
class Chance:
    """A draw as rating sees it: it wins when ``ticket`` < ``below``. ``row`` is that of the day's odds table.

    All are whole numbers below 2**53, which every reader of JSON takes exactly.
    """

    ticket: int
    below: int
    row: int

    @property
    def wins(self) -> bool:
        """Whether the ticket is among those that win."""
        return self.ticket < self.below


@dataclass(frozen=True, slots=True)
class Facts:
    """The member, or none, with ``counters`` per rule, owner and period, and ``limits`` that remain.

    ``chances`` are the draws of the day by gift rule, none in a quote; a rule without one cannot be drawn. ``withheld``
    are the gift rules whose goods may not be a gift as the master has them now (R57), ``no_reward`` says of others why
    their reward cannot be given.

    ``coupons`` says of each of the merchant's own that was shown ``usable`` or why not; those that count stand in the
    basket under their names.
    """

    member: Member | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    coupons: Mapping[str, str] = field(default_factory=dict)
    chances: Mapping[str, Chance] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()
    no_reward: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Needs:
    """The keys of the counters and limits that rating a basket asks for, to be loaded at once."""

    counters: frozenset[str] = frozenset()
    limits: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether there is anything to load."""
        return bool(self.counters or self.limits)

    def __or__(self, other: Needs) -> Needs:
        """The keys of both."""
        return Needs(self.counters | other.counters, self.limits | other.limits)


NOBODY = Facts()

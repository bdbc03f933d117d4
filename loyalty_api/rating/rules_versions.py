"""Versions of the program through time, as a fold asks them. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime

from loyalty_api.gifts.rules_types import GiftRule
from loyalty_api.rating.rules_luck import Luck
from loyalty_api.rating.rules_program import Program
from loyalty_api.tiers.rules_standing import Timeline


class Versions:
    """Programs by when they come into force. ``taken`` of budgets is shared by all members that are folded with it.

    With ``luck`` gifts that hang on a chance are drawn; without it there are no draws.
    """

    def __init__(
        self,
        programs: Sequence[tuple[datetime, Program]],
        *,
        taken: Mapping[str, int] | None = None,
        luck: Luck | None = None,
    ) -> None:
        self._starts = [start for start, _ in programs]
        self.programs = [program for _, program in programs]
        self.timeline: Timeline = (
            [(start, program.tiers) for start, program in programs]
            if any(program.tiers for _, program in programs)
            else ()
        )
        self.past: frozenset[str] = frozenset().union(*[program.earning.past for _, program in programs])
        self.shares_limits = any(program.shares for _, program in programs)
        self.taken: dict[str, int] = dict(taken or {})
        self.luck = luck
        self.gifts: dict[tuple[int, str], GiftRule] = {
            (program.version, rule.rule_id): rule
            for program in self.programs
            if program.gifts
            for rule in program.gifts.at_purchase
        }

    def at(self, at: datetime) -> Program | None:
        """The version in force at a moment, None before the first."""
        place = bisect_right(self._starts, at)
        return self.programs[place - 1] if place else None

    @property
    def first(self) -> Program:
        """The earliest version."""
        return self.programs[0]

    @classmethod
    def always(cls, program: Program, *, taken: Mapping[str, int] | None = None) -> Versions:
        """One program, whatever the moment."""
        return cls([(_EVER, program)], taken=taken)


_EVER = datetime.fromisoformat("0001-01-02T00:00:00+00:00")

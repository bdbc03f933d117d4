"""Chances of a replay: they follow from the run, the purchase and the gift, and from nothing secret. Pure.

A ticket is made as that of a real draw is (``draws.rules``), with the run's seed in the place of the day's, and the
purchase in the place of whose draw it is. So the same run draws the same tickets, in whatever order its members come,
and both sides of a comparison draw the same one for the same purchase and gift: only the rules differ.

As at the till a member draws once for a gift and a day, and a guarantee counts draws without luck, here from the
replay's beginning. The odds stay at their base, whatever is left of a budget and whatever traffic is expected.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from loyalty_api.draws.rules import guaranteed, ticket
from loyalty_api.gifts import rules_drawing
from loyalty_api.gifts.rules_types import GiftRule
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Chance


class _Offer(NamedTuple):
    """A gift of a version that hangs on a chance, with its odds table and the row of the base odds."""

    rule: GiftRule
    table: tuple[int, ...]
    base: int


class Luck:
    """The chances of one run, by its seed; of versions, each with a number of its own, the odds are kept."""

    __slots__ = ("_offers", "_seed")

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._offers: dict[int, list[_Offer]] = {}

    def offers(self, program: Program) -> list[_Offer]:
        """The gifts of a version that hang on a chance."""
        known = self._offers.get(program.version)
        if known is None:
            rules = program.gifts.of("chance") if program.gifts else []
            known = [_Offer(rule, rules_drawing.table(rule), rules_drawing.base(rule)) for rule in rules]
            self._offers[program.version] = known
        return known

    def ticket(self, purchase_id: UUID, gift: str) -> int:
        """The ticket of a purchase for a gift."""
        return ticket(seed=self._seed, mark=f"{purchase_id} {gift}")

    def of_member(self) -> Fortune:
        """The draws of one more member, who has drawn nothing yet."""
        return Fortune(self)


class Fortune:
    """One member's draws on one side of a replay."""

    __slots__ = ("_drawn", "_dry", "_luck")

    def __init__(self, luck: Luck) -> None:
        self._luck = luck
        self._drawn: set[tuple[str, date]] = set()
        self._dry: defaultdict[str, int] = defaultdict(int)

    def draws(self, program: Program) -> bool:
        """Whether a version has gifts that hang on a chance."""
        return bool(self._luck.offers(program))

    def chances(self, program: Program, purchase_id: UUID, at: datetime) -> dict[str, Chance]:
        """The chances that a purchase has under a version, as far as the member has not drawn that day."""
        offers = self._luck.offers(program)
        if not offers:
            return {}
        found, day = {}, local_day(at, program.settings.zone)
        for rule, table, base in offers:
            gift = rule.rule_id
            if rule.in_window(day) and (gift, day) not in self._drawn:
                sure = guaranteed(table, after=rule.guarantee_after, dry=self._dry[gift])
                row = len(table) - 1 if sure else base
                found[gift] = Chance(self._luck.ticket(purchase_id, gift), table[row], row)
        return found

    def note(self, decision: Decision, program: Program) -> None:
        """Go on from the draws that a decision was made with, won or not."""
        won = {gift.rule for gift in decision.gifts}
        day = local_day(decision.at, program.settings.zone)
        for claim in decision.claims:
            if claim.kind == "draw":
                self._drawn.add((claim.key, day))
                self._dry[claim.key] = 0 if claim.key in won else self._dry[claim.key] + 1

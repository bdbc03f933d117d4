"""Draws at the till: read with the members, handed to the rules as chances, and written with the purchase.

Chances are given at the commit of a purchase only: a quote has none (R56), and what is rated later has none either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.draws.service import Day, DrawBook, Draws
from loyalty_api.gifts import rules_drawing
from loyalty_api.purchases.queries import Also, MemberRow
from loyalty_api.purchases.rated import Rated
from loyalty_api.rating.rules_program import Program
from loyalty_api.rows import Rows, Table
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.facts import Facts

Chances = Callable[[Facts], Facts]
"""Adds to facts, in which the limits stand, the draws that a member has at a moment."""


def unchanged(facts: Facts) -> Facts:
    """No chances."""
    return facts


@dataclass(slots=True)
class Drawing:
    """The draws of one transaction; ``also`` is what to read for them behind everything else."""

    also: list[Also] = field(default_factory=list)
    days: Mapping[date, Day] = field(default_factory=dict)
    book: DrawBook = field(default_factory=DrawBook)

    def opened(self, found: Sequence[Sequence[TupleRow]]) -> Sequence[Sequence[TupleRow]]:
        """Take what was read for draws from behind what was read; what others read is given back."""
        if not self.also:
            return found
        self.book = DrawBook.of(self.days, found[-1] if found else ())
        return found[: -len(self.also)]

    def chances(self, member: MemberRow | None, program: Program, at: datetime) -> Chances:
        """What adds the member's chances to the facts."""
        gifts = program.gifts
        if not self.days or member is None or gifts is None:
            return unchanged
        zone = program.settings.zone
        day = local_day(at, zone)
        wanted = rules_drawing.wanted(gifts, day)

        def added(facts: Facts) -> Facts:
            found = self.book.chances(
                member_id=member.member_id, enrolled_at=member.enrolled_at, at=at, zone=zone, wanted=wanted,
                limits=facts.limits,
            )  # fmt: skip
            return replace(facts, chances=found) if found else facts

        return added

    def drawn(self, member_id: UUID, purchase_id: UUID, rated: Rated, *, now: datetime) -> None:
        """Note the draws that a purchase was rated with."""
        if rated.facts.chances and rated.decision is not None and rated.program is not None:
            self.book.draw(
                member_id=member_id, purchase_id=purchase_id, facts=rated.facts, decision=rated.decision,
                zone=rated.program.settings.zone, now=now,
            )  # fmt: skip

    def rows(self) -> list[tuple[Table, Rows]]:
        """What is to be written when all is decided."""
        return self.book.rows()


def open_drawing(
    connection: Connection[TupleRow],
    draws: Draws,
    asked: Iterable[tuple[Program | None, datetime]],
    *,
    now: datetime,
) -> Drawing:
    """What draws need of purchases at these moments under these programs; nothing where none has a chance."""
    moments = [
        (at, program.settings.zone, rules_drawing.chance_ids(program.gifts))
        for program, at in asked
        if program is not None and program.gifts is not None
    ]
    if not moments:
        return Drawing()
    also, days = draws.reading(connection, moments, now=now)
    return Drawing(also, days)

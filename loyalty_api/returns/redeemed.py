"""Points that were spent on goods which come back: the one place where returns meet redemptions.

A purchase says in ``outcome["redemptions"]`` what was spent on it: the redemption, its points and money, and the lines
they were spread over. Where the points came from is what the ledger booked as redeemed because of that redemption.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.ledger import queries as ledger
from loyalty_api.ledger.rules import Lot, Posting
from loyalty_api.ledger.rules_spending import Taken, restore, taken_by
from loyalty_api.ledger.service import Book


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Points of a redemption that go back, with the postings and lots that the return's own journal is to book."""

    points: int = 0
    postings: tuple[Posting, ...] = ()
    lots: tuple[Lot, ...] = ()


def used(connection: Connection[TupleRow], member_id: UUID, redemption: str) -> tuple[Taken, ...]:
    """The lots that a redemption used points of, in the order in which they were taken."""
    redemption_id = ids.read("red", redemption)
    if redemption_id is None:
        return ()
    booked = ledger.postings_for(connection, member_id, cause=("redemption", redemption_id))
    return taken_by(posting for posting in booked if posting.to_account == "redeemed")


def give_back(
    connection: Connection[TupleRow],
    book: Book,
    *,
    redemption: str,
    points: int,
    before: int,
    now: datetime,
    grace_ends: datetime,
) -> GivenBack:
    """Give ``points`` of a redemption back after ``before`` of them: to the same lots, with the same expiry (R34)."""
    taken = used(connection, book.member_id, redemption)
    lots = [book.account.lots[lot_id] for lot_id, _ in taken]
    restored = restore(taken, lots=lots, before=before, points=points, now=now, grace_ends=grace_ends)
    return GivenBack(sum(posting.points for posting in restored.postings), restored.postings, restored.lots)

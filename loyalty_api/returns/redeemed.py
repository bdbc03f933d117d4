"""Points that were spent on goods which come back: the one place where returns meet redemptions.

A purchase says in ``outcome["redemptions"]`` what was spent on it: the redemption, its points and money, and the lines
they were spread over. Where the points came from is what the ledger booked as redeemed because of that redemption.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.ledger import queries as ledger
from loyalty_api.ledger.rules_spending import Restored, Taken, restore, taken_by
from loyalty_api.ledger.service import Book


def used(connection: Connection[TupleRow], member_id: UUID, redemption: str) -> tuple[Taken, ...]:
    """The lots that a redemption used points of, in the order in which they were taken."""
    redemption_id = ids.read("red", redemption)
    if redemption_id is None:
        return ()
    booked = ledger.postings_for(connection, member_id, cause=("redemption", redemption_id))
    return taken_by(posting for posting in booked if posting.to_account == "redeemed")


def give_back(
    book: Book, taken: tuple[Taken, ...], *, before: int, points: int, now: datetime, grace_ends: datetime
) -> Restored:
    """What gives ``points`` of a redemption back after ``before`` of them: same lots, same expiry (R34)."""
    lots = [book.account.lots[lot_id] for lot_id, _ in taken]
    return restore(taken, lots=lots, before=before, points=points, now=now, grace_ends=grace_ends)

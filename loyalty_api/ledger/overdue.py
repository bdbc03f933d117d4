"""What time does by itself, booked in batches of members so that no till waits for more than one.

Any moment is a good one to be killed at: a batch is one transaction, and what it booked is not due any more.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.ledger import queries_overdue as queries
from loyalty_api.ledger import service
from loyalty_api.ledger.queries_overdue import START, Booked, Place

__all__ = ["START", "Booked", "Place", "settle_batch"]

# Each member of a batch that is booked by itself gets ids from a range of its own.
_EACH = 1 << 32


def settle_batch(
    session: Session, *, after: Place = START, first_id: UUID, now: datetime, limit: int
) -> tuple[Booked, Place | None]:
    """Book what is due of up to ``limit`` members behind ``after``; what that was, and how far it came.

    It books exactly what ``Book.settle`` would, with two statements for all of them. Those who owe something are
    booked one by one, because what they get pays that first. The place is None when nobody is left.
    """
    connection = driver(session)
    members, place = queries.lock_due(connection, after=after, now=now, limit=limit)
    if not members:
        return Booked(), None
    booked = queries.book(connection, members=members, first_id=first_id, now=now)
    for n, member_id in enumerate(queries.still_due(connection, members=members, now=now), start=1):
        service.settle_member(session, member_id=member_id, first_id=ids.nth(first_id, n * _EACH), now=now)
    return booked, place

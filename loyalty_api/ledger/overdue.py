"""What time does by itself, booked in batches of members so that no till waits for more than one.

Any moment is a good one to be killed at: a batch is one transaction, and what it booked is not due any more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver
from loyalty_api.ledger import queries_overdue as queries
from loyalty_api.ledger import service
from loyalty_api.ledger.queries_overdue import START, Booked, Place, Soon

__all__ = ["START", "Booked", "Place", "announce_batch", "pass_over", "settle_batch"]

# Each member of a batch that is booked by itself gets ids from a range of its own.
_EACH = 1 << 32


def settle_batch(
    session: Session, *, after: Place = START, first_id: UUID, now: datetime, limit: int
) -> tuple[Booked, Place | None]:
    """Book what is due of up to ``limit`` members behind ``after``; what that was, and how far it came.

    It books exactly what ``Book.settle`` would, with two statements for all of them. Those who owe or hold
    something are booked one by one: what they get pays that first, and what they hold may be let go in between.
    The place is None when nobody is left.
    """
    connection = driver(session)
    members, place = queries.lock_due(connection, after=after, now=now, limit=limit)
    if not members:
        return Booked(), None
    booked = queries.book(connection, members=members, first_id=first_id, now=now)
    for n, member_id in enumerate(queries.still_due(connection, members=members, now=now), start=1):
        service.settle_member(session, member_id=member_id, first_id=ids.nth(first_id, n * _EACH), now=now)
    return booked, place


def pass_over(session: Session, *, after: Place, now: datetime) -> Place | None:
    """The place of the next member that is due behind ``after``, without booking anything of it."""
    return queries.lock_due(driver(session), after=after, now=now, limit=1)[1]


def announce_batch(
    session: Session,
    *,
    place: Place = START,
    since: datetime,
    now: datetime,
    days: int,
    zone: ZoneInfo,
    limit: int,
) -> tuple[int, Place | None]:
    """Tell of points that expire within so many local days, once for each member and moment.

    What had expired by ``since`` is left out. How many were told, and how far it came; None when nobody is left.
    An expiry that moves with the member's activity is another moment each time.
    """
    connection = driver(session)
    until = _later(now, days, zone)
    members, reached = queries.lock_unannounced(
        connection, place=place, after=since, until=until, limit=limit
    )
    if not members:
        return 0, reached
    told = queries.announce(connection, members=members, after=since, until=until, now=now)
    events.EVENTS.insert(
        connection, [_event(soon, now, _later(soon.expires_at, -days, zone)) for soon in told]
    )
    return len(told), reached


def _later(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same time of day so many calendar days later."""
    return (moment.astimezone(zone) + timedelta(days=days)).astimezone(UTC)


def _event(soon: Soon, now: datetime, due_at: datetime) -> tuple[object, ...]:
    """The announcement, dated when it was due, or earned if that was later."""
    return (
        soon.member_id, "points_expiring", ids.show("mbr", soon.member_id),
        min(now, max(due_at, soon.earned_at)), now,
        {"points": soon.points, "expires_at": soon.expires_at}, False,
    )  # fmt: skip

"""What time does to levels by itself, booked in batches of members so that no till waits for more than one.

Any moment is a good one to be killed at: a batch is one transaction, and what it booked is not due any more. It books
exactly what a purchase of the member would book first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.events import EVENTS
from loyalty_api.members.service import VERSIONS
from loyalty_api.program import service as programs
from loyalty_api.rows import write
from loyalty_api.tiers import queries, rules_reading, service
from loyalty_api.tiers.queries import Place
from loyalty_api.tiers.rules_standing import Timeline

__all__ = ["START", "WALKS", "Place", "read_timeline", "settle_batch"]

START: Place = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
WALKS = ("due_at", "rules_from")
"""The two walks: through those whom time changes, and through those whom new rules may raise."""


def read_timeline(session: Session, *, now: datetime) -> Timeline:
    """The tiers of every version through time, read anew; empty where the one in force has no levels."""
    known = [
        (start, rules_reading.policy(settings, version=version))
        for version, start, settings in programs.settings_through_time(session)
    ]
    in_force = [policy for start, policy in known if start <= now]
    return known if in_force and in_force[-1] else ()


def settle_batch(
    session: Session, *, walk: str, through: Timeline, after: Place = START, now: datetime, limit: int
) -> tuple[int, Place | None]:
    """Book what is due of up to ``limit`` members behind ``after``; how many levels that changed, and how far it came.

    Whoever is being served this moment is left out: serving books the same. The place is None when nobody is left.
    """
    connection = driver(session)
    until = now if walk == "due_at" else max(start for start, _ in through if start <= now)
    places = queries.due(connection, walk, until=until, after=after, limit=limit)
    if not places:
        return 0, None
    versions = queries.lock_free(connection, [member_id for _, member_id in places])
    return _settle(connection, versions, through, now), places[-1]


def _settle(
    connection: Connection[TupleRow], versions: Mapping[UUID, int], through: Timeline, now: datetime
) -> int:
    """Book what is due of members whose locks are held; what is looked at again has a new moment at which it is due."""
    rows = queries.read(connection, list(versions)) if versions else []
    books = service.open_books(rows, members=versions, through=through, now=now)
    moved: list[tuple[Any, ...]] = [(i, versions[i] + 1) for i, book in books.items() if book.made]
    write(
        connection,
        [
            *service.rows_of(books.values(), all_of_them=True),
            (VERSIONS, moved),
            (EVENTS, service.events_of(books.values())),
        ],
    )
    return sum(len(book.made) for book in books.values())

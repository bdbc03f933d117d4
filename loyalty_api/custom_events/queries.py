"""Statements on events that members earn by. They are only ever added, as the references that they came under."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.rows import Table

EVENTS = Table(
    "member_events",
    member_id="uuid",
    event_id="uuid",
    event="varchar",
    client_id="varchar",
    actor_kind="varchar",
    reference="varchar",
    occurred_at="timestamptz",
    recorded_at="timestamptz",
    program_version="integer",
    points="bigint",
    facts="jsonb",
    decision="jsonb",
    outcome="jsonb",
)
_TAKE = (
    "INSERT INTO event_references (client_id, reference, member_id, event_id, content) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING RETURNING true"
)
_KNOWN = (
    f"SELECT r.content, {', '.join('e.' + column for column in EVENTS.columns)} FROM event_references r"
    " JOIN member_events e USING (member_id, event_id) WHERE r.client_id = %s AND r.reference = %s"
)


def find(connection: Connection[TupleRow], member_id: UUID, event_id: UUID) -> dict[str, Any] | None:
    """One event of a member's, by column."""
    row = connection.execute(
        f"SELECT {', '.join(EVENTS.columns)} FROM member_events WHERE member_id = %s AND event_id = %s",
        (member_id, event_id),
        prepare=True,
    ).fetchone()
    return dict(zip(EVENTS.columns, row, strict=True)) if row else None


def take(
    connection: Connection[TupleRow],
    *,
    client_id: str,
    reference: str,
    member_id: UUID,
    event_id: UUID,
    mark: bytes,
) -> bool:
    """Take a client's reference for an event; False when it was used before. Whoever takes it now is waited for."""
    row = (client_id, reference, member_id, event_id, mark)
    return connection.execute(_TAKE, row, prepare=True).fetchone() is not None


def known(
    connection: Connection[TupleRow], *, client_id: str, reference: str
) -> tuple[bytes, dict[str, Any]] | None:
    """The hash of what came under a client's reference, and the event by column."""
    row = connection.execute(_KNOWN, (client_id, reference), prepare=True).fetchone()
    return (bytes(row[0]), dict(zip(EVENTS.columns, row[1:], strict=True))) if row else None

"""Statements on corrections. They are only ever added."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.rows import Table

_LOCK = 7_310_002
ADJUSTMENTS = Table(
    "adjustments",
    member_id="uuid",
    adjustment_id="uuid",
    points="bigint",
    reason="varchar",
    note="bytea",
    actor_kind="varchar",
    client_id="varchar",
    cashier="varchar",
    created_at="timestamptz",
)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A correction as it is kept: whose points, how many, why, and who did it."""

    member_id: UUID
    adjustment_id: UUID
    points: int
    reason: str
    note: str | None
    actor_kind: str
    client_id: str
    cashier: str | None
    created_at: datetime

    def row(self, *, sealed_note: bytes | None) -> tuple[Any, ...]:
        """Its columns in the order of the table; the note as it is kept."""
        note = None if sealed_note is None else "\\x" + sealed_note.hex()
        return astuple(replace(self, note=note))


def find(connection: Connection[TupleRow], member_id: UUID, adjustment_id: UUID) -> Adjustment | None:
    """One correction of a member's, without its note, which is sealed."""
    row = connection.execute(
        "SELECT member_id, adjustment_id, points, reason, NULL, actor_kind, client_id, cashier, created_at"
        " FROM adjustments WHERE member_id = %s AND adjustment_id = %s",
        (member_id, adjustment_id),
        prepare=True,
    ).fetchone()
    return Adjustment(*row) if row else None


def made_by(connection: Connection[TupleRow], client_id: str, *, since: datetime) -> int:
    """How many corrections a client has made since a moment. Those of one client take turns from here on."""
    connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, client_id))
    row = connection.execute(
        "SELECT count(*) FROM adjustments WHERE client_id = %s AND created_at >= %s", (client_id, since)
    ).fetchone()
    return int(row[0]) if row else 0

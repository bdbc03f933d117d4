"""The statements behind the gate: who agreed to what, and whether anybody has bought anything."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow


def approve(
    connection: Connection[TupleRow],
    *,
    draft_id: UUID,
    fingerprint: str,
    by: str,
    note: str | None,
    now: datetime,
) -> datetime:
    """Note that somebody agrees to a document; when they first did."""
    connection.execute(
        "INSERT INTO program_approvals (draft_id, fingerprint, approved_by, approved_at, note)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (draft_id, fingerprint, by, now, note),
    )
    row = connection.execute(
        "SELECT approved_at FROM program_approvals WHERE draft_id = %s AND fingerprint = %s AND approved_by = %s",
        (draft_id, fingerprint, by),
    ).fetchone()
    at: datetime = row[0] if row else now
    return at


def think(connection: Connection[TupleRow]) -> None:
    """Let this transaction say nothing for a while: linting hundreds of rules takes longer than a till may wait."""
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = '2min'")


def approved_by(connection: Connection[TupleRow], *, draft_id: UUID, fingerprint: str) -> list[str]:
    """Who agreed to a document."""
    rows = connection.execute(
        "SELECT approved_by FROM program_approvals WHERE draft_id = %s AND fingerprint = %s",
        (draft_id, fingerprint),
    )
    return [row[0] for row in rows]


def has_purchases(connection: Connection[TupleRow]) -> bool:
    """Whether anything was ever bought."""
    return connection.execute("SELECT FROM purchases LIMIT 1").fetchone() is not None

"""Statements on codes: the six digits from a member's app, and the single-use codes of rewards."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

MOST_ATTEMPTS = 5


def keep_app_code(connection: Connection[TupleRow], member_id: UUID, blind: bytes, until: datetime) -> None:
    """Keep a member's code in place of the one before."""
    connection.execute(
        "INSERT INTO app_codes (member_id, blind, expires_at) VALUES (%s, %s, %s) ON CONFLICT (member_id)"
        " DO UPDATE SET blind = excluded.blind, expires_at = excluded.expires_at, attempts = 0",
        (member_id, blind, until),
    )


def count_attempt(connection: Connection[TupleRow], member_id: UUID) -> None:
    """Count an attempt at a member's code."""
    connection.execute(
        "UPDATE app_codes SET attempts = attempts + 1 WHERE member_id = %s AND attempts <= %s",
        (member_id, MOST_ATTEMPTS),
    )


def use_app_code(connection: Connection[TupleRow], member_id: UUID, blind: bytes, now: datetime) -> bool:
    """Use a member's code up; False when it is another one, has ended, or too many were tried."""
    row = connection.execute(
        "DELETE FROM app_codes WHERE member_id = %s AND blind = %s AND expires_at > %s AND attempts <= %s"
        " RETURNING true",
        (member_id, blind, now, MOST_ATTEMPTS),
    ).fetchone()
    return row is not None

"""The statements behind pauses. What a process rates by it reads with the versions of the program."""

from __future__ import annotations

from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

PAUSE = "number, rule_id, paused_at, paused_by, reason, resumed_at, resumed_by, resume_reason"
_PAUSE_LOCK = 7_310_018


def hold_pausing(connection: Connection[TupleRow]) -> None:
    """Let one transaction at a time pause and resume, so that numbers are seen in their order."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_PAUSE_LOCK,))


def pause_of(connection: Connection[TupleRow], rule_id: str) -> TupleRow | None:
    """The pause of a rule that lasts, if one does."""
    return connection.execute(
        f"SELECT {PAUSE} FROM program_pauses WHERE rule_id = %s AND resumed_at IS NULL", (rule_id,)
    ).fetchone()


def pause(connection: Connection[TupleRow], *, rule_id: str, by: str, reason: str, now: datetime) -> TupleRow:
    """Note that a rule is paused from now on."""
    row = connection.execute(
        "INSERT INTO program_pauses (number, rule_id, paused_at, paused_by, reason)"
        f" SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s FROM program_pauses RETURNING {PAUSE}",
        (rule_id, now, by, reason),
    ).fetchone()
    assert row is not None  # noqa: S101 - an insert of one row returns it
    return row


def resume(connection: Connection[TupleRow], *, number: int, by: str, reason: str, now: datetime) -> TupleRow:
    """Note that a pause is over."""
    row = connection.execute(
        "UPDATE program_pauses SET resumed_at = %s, resumed_by = %s, resume_reason = %s"
        f" WHERE number = %s RETURNING {PAUSE}",
        (now, by, reason, number),
    ).fetchone()
    assert row is not None  # noqa: S101 - the caller has found it
    return row


def pauses(connection: Connection[TupleRow], *, before: int | None, limit: int) -> list[TupleRow]:
    """Pauses, the newest first, with a number below ``before``."""
    return connection.execute(
        f"SELECT {PAUSE} FROM program_pauses WHERE %(before)s::bigint IS NULL OR number < %(before)s"
        " ORDER BY number DESC LIMIT %(limit)s",
        {"before": before, "limit": limit},
    ).fetchall()

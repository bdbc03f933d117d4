"""Lots as they are listed and explained: each with what brought it and everything that has moved it since."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

COLUMNS = (
    "lot_id", "source_type", "source_id", "earned_at", "recorded_at", "available_at", "expires_at", "points",
    "pending", "available", "held", "sliding_months", "program_version", "awaits",
)  # fmt: skip
_LOTS = f"SELECT {', '.join(COLUMNS)} FROM lots WHERE member_id = %(member)s"
_PAGE = (
    f"{_LOTS} AND (%(at)s::timestamptz IS NULL OR (earned_at, lot_id) < (%(at)s, %(id)s::uuid))"
    " ORDER BY earned_at DESC, lot_id DESC LIMIT %(limit)s"
)
_MOVES = {
    "journal_id": "j.journal_id",
    "kind": "j.kind",
    "from_account": "p.from_account",
    "to_account": "p.to_account",
    "points": "p.points",
    "rule": "p.rule",
    "program_version": "p.program_version",
    "occurred_at": "j.occurred_at",
    "cause_type": "j.cause_type",
    "cause_id": "j.cause_id",
    "reference": "j.reference",
    "store_name": "s.name",
}
_MOVED = (
    f"SELECT {', '.join(_MOVES.values())} FROM journals j JOIN postings p ON p.member_id = j.member_id"
    " AND p.journal_id = j.journal_id LEFT JOIN stores s ON s.store_id = j.store_id"
    " WHERE j.member_id = %s AND p.lot_id = %s ORDER BY j.version DESC, p.ordinal DESC LIMIT %s"
)
MOST_MOVES = 200
"""What is told of a lot at most: one that is used in many small parts must not become a book."""
_OWED_BEFORE = (
    "SELECT j.kind, j.occurred_at FROM journals j JOIN postings p ON p.member_id = j.member_id"
    " AND p.journal_id = j.journal_id WHERE j.member_id = %s AND j.version < %s AND p.from_account = 'debt'"
    " ORDER BY j.version DESC LIMIT 1"
)


def lots_page(
    connection: Connection[TupleRow],
    member_id: UUID,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """A member's lots, the latest earned first, that lie before (earned_at, id)."""
    given = {"member": member_id, "at": before and before[0], "id": before and before[1], "limit": limit}
    return [dict(zip(COLUMNS, row, strict=True)) for row in connection.execute(_PAGE, given, prepare=True)]


def lot(connection: Connection[TupleRow], member_id: UUID, lot_id: UUID) -> dict[str, Any] | None:
    """One lot of a member's, empty or not."""
    row = connection.execute(
        f"{_LOTS} AND lot_id = %(lot)s", {"member": member_id, "lot": lot_id}, prepare=True
    ).fetchone()
    return dict(zip(COLUMNS, row, strict=True)) if row else None


def moves_of(connection: Connection[TupleRow], member_id: UUID, lot_id: UUID) -> list[dict[str, Any]]:
    """The latest postings of a lot with their journals' kind, moment and cause, in the order they were booked."""
    rows = connection.execute(_MOVED, (member_id, lot_id, MOST_MOVES), prepare=True)
    return [dict(zip(_MOVES, row, strict=True)) for row in rows][::-1]


def owed_before(
    connection: Connection[TupleRow], member_id: UUID, version: int
) -> tuple[str, datetime] | None:
    """The kind and moment of the journal that last made a debt before the member's ``version``."""
    row = connection.execute(_OWED_BEFORE, (member_id, version), prepare=True).fetchone()
    return (row[0], row[1]) if row else None

"""The statements behind what a batch refused for good and a person clears."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow


def add_reject(
    connection: Connection[TupleRow],
    *,
    reject_id: UUID,
    client_id: str,
    store_id: str | None,
    type: str,
    reference: str | None,
    code: str,
    errors: str,
    sealed: bytes,
    fingerprint: bytes,
    now: datetime,
) -> None:
    """Keep a refused item for a person; the same item sent again is not kept twice."""
    connection.execute(
        "INSERT INTO rejects (reject_id, client_id, store_id, type, reference, code, errors, sealed, fingerprint,"
        " created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (client_id, fingerprint)"
        " DO NOTHING",
        (reject_id, client_id, store_id, type, reference, code, errors, sealed, fingerprint, now),
    )


_REJECT_COLUMNS = (
    "reject_id, type, store_id, reference, code, errors, client_id, created_at, cleared_at, cleared_by, note,"
    " sealed"
)


def rejects(
    connection: Connection[TupleRow],
    *,
    store_id: str | None,
    before: UUID | None,
    cleared: bool,
    limit: int,
) -> list[dict[str, Any]]:
    """Refused items, the latest first, open or cleared, of one store or of all."""
    rows = connection.execute(
        f"SELECT {_REJECT_COLUMNS} FROM rejects WHERE (cleared_at IS NOT NULL) = %(cleared)s"
        " AND (%(store)s::text IS NULL OR store_id = %(store)s)"
        " AND (%(before)s::uuid IS NULL OR reject_id < %(before)s) ORDER BY reject_id DESC LIMIT %(limit)s",
        {"cleared": cleared, "store": store_id, "before": before, "limit": limit},
    )
    names = _REJECT_COLUMNS.replace(" ", "").split(",")
    return [dict(zip(names, row, strict=True)) for row in rows]


def clear_reject(
    connection: Connection[TupleRow],
    *,
    reject_id: UUID,
    store_id: str | None,
    note: str | None,
    by: str,
    now: datetime,
) -> bool:
    """Mark a refused item as seen to; False when there is no open one with this id (in that store)."""
    cursor = connection.execute(
        "UPDATE rejects SET cleared_at = %s, cleared_by = %s, note = %s"
        " WHERE reject_id = %s AND cleared_at IS NULL AND (%s::text IS NULL OR store_id = %s)",
        (now, by, note, reject_id, store_id, store_id),
    )
    return cursor.rowcount == 1

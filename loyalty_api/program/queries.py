"""The statements behind program versions. Documents are kept as the canonical text that was hashed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow

if TYPE_CHECKING:
    from loyalty_api.program.service import Version

DRAFT = "draft_id, document, note, revision, created_by, created_at, updated_at, published_version"
VERSION = "version, draft_id, document, fingerprint, effective_from, published_at, published_by"
_PUBLISH_LOCK = 7_310_002


def add_draft(
    connection: Connection[TupleRow],
    *,
    draft_id: UUID,
    document: Any,
    note: str | None,
    by: str,
    now: datetime,
) -> None:
    """Store a new draft at revision 1."""
    connection.execute(
        "INSERT INTO program_drafts (draft_id, document, note, created_by, created_at, updated_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (draft_id, orjson.dumps(document).decode(), note, by, now, now),
    )


def change_draft(
    connection: Connection[TupleRow], *, draft_id: UUID, document: Any, note: str | None, now: datetime
) -> None:
    """Replace a draft's document; its revision goes up by one."""
    connection.execute(
        "UPDATE program_drafts SET document = %s, note = %s, updated_at = %s, revision = revision + 1"
        " WHERE draft_id = %s",
        (orjson.dumps(document).decode(), note, now, draft_id),
    )


def draft(connection: Connection[TupleRow], draft_id: UUID, *, lock: bool = False) -> TupleRow | None:
    """One draft, locked for the present transaction when it is about to change."""
    return connection.execute(
        f"SELECT {DRAFT} FROM program_drafts WHERE draft_id = %s {'FOR UPDATE' if lock else ''}", (draft_id,)
    ).fetchone()


def drafts(connection: Connection[TupleRow], *, before: UUID | None, limit: int) -> list[TupleRow]:
    """Drafts, the newest first, that are older than ``before``."""
    return connection.execute(
        f"SELECT {DRAFT} FROM program_drafts WHERE %(before)s::uuid IS NULL OR draft_id < %(before)s"
        " ORDER BY draft_id DESC LIMIT %(limit)s",
        {"before": before, "limit": limit},
    ).fetchall()


def versions(connection: Connection[TupleRow], *, above: int = 0) -> list[TupleRow]:
    """Published versions with a number above ``above``, in the order of their numbers."""
    return connection.execute(
        f"SELECT {VERSION} FROM program_versions WHERE version > %s ORDER BY version", (above,)
    ).fetchall()


def hold_publishing(connection: Connection[TupleRow]) -> None:
    """Let one transaction at a time publish, so that version numbers have no gap and no double."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_PUBLISH_LOCK,))


def publish(connection: Connection[TupleRow], made: Version) -> None:
    """Add a version and mark its draft as published."""
    connection.execute(
        f"INSERT INTO program_versions ({VERSION}) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            made.version, made.draft_id, made.document, made.fingerprint, made.effective_from, made.published_at,
            made.published_by,
        ),
    )  # fmt: skip
    connection.execute(
        "UPDATE program_drafts SET published_version = %s, updated_at = %s WHERE draft_id = %s",
        (made.version, made.published_at, made.draft_id),
    )


def document_in_force(connection: Connection[TupleRow], moment: datetime) -> str | None:
    """The canonical text of the version in force at ``moment``, or None before the first."""
    row = connection.execute(
        "SELECT document FROM program_versions WHERE effective_from <= %s"
        " ORDER BY effective_from DESC, version DESC LIMIT 1",
        (moment,),
    ).fetchone()
    return row[0] if row else None


def pauses_through_time(connection: Connection[TupleRow]) -> list[TupleRow]:
    """The number, rule, beginning and end of every pause there was, in the order of their numbers."""
    return connection.execute(
        "SELECT number, rule_id, paused_at, resumed_at FROM program_pauses ORDER BY number"
    ).fetchall()

"""How a member stands as it is shown: what time has done since the last write is worked out, not stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.language import DEFAULT_LANGUAGE
from loyalty_api.tiers import queries
from loyalty_api.tiers.rules import Level
from loyalty_api.tiers.rules_outlook import Needed, Outlook
from loyalty_api.tiers.service import TierBook, change_rows

# How the id of what brought a change about begins.
_PREFIXES = {"reached": "pur", "assigned": "asg", "assignment_ended": "asg"}
LAST = 1 << 30
"""The place of a cursor before the first page: no member has had so many changes."""


def level_document(level: Level, language: str) -> dict[str, Any]:
    """A level in a language."""
    return {
        "code": level.level_id,
        "name": _said(level.names, language) or level.level_id,
        "threshold": level.threshold,
        "text": _said(level.texts, language),
    }


def _said(texts: Mapping[str, str], language: str) -> str | None:
    for key in (language, "*", DEFAULT_LANGUAGE):
        if key in texts:
            return texts[key]
    return next(iter(texts.values()), None)


def summary(found: Outlook) -> dict[str, Any]:
    """How a member stands, in no language."""
    return {
        "code": found.level.level_id if found.level else None,
        "since": found.since if found.level else None,
        "until": found.until,
        "progress": {
            "metric": found.policy.metric,
            "value": found.value,
            "since": found.period_from,
            "until": found.period_until,
        },
        "keep": needed(found.keep),
        "next": needed(found.ahead),
    }


def needed(found: Needed | None) -> dict[str, Any] | None:
    """What is missing to a level."""
    if found is None:
        return None
    return {"code": found.level.level_id, "missing": found.missing, "since": found.since, "by": found.by}


def nothing() -> dict[str, Any]:
    """What is shown where the program has no levels."""
    return {
        "since": None,
        "until": None,
        "progress": None,
        "keep": None,
        "next": None,
        "level": None,
        "levels": [],
    }


def standing(found: Outlook, language: str) -> dict[str, Any]:
    """How a member stands, in a language, and all levels there are."""
    document = summary(found)
    del document["code"]
    return {
        **document,
        "level": level_document(found.level, language) if found.level else None,
        "levels": [level_document(level, language) for level in found.policy.levels],
    }


def assignment(connection: Connection[TupleRow], book: TierBook) -> dict[str, Any] | None:
    """The level that somebody gave the member, while it lasts."""
    held = book.state.assigned
    if held is None:
        return None
    made = queries.assignment_of(connection, book.member_id)
    return {"code": held.level, "until": held.until, "reason": made["assigned_reason"] if made else None}


def history(
    connection: Connection[TupleRow], member_id: UUID, book: TierBook | None, *, below: int, limit: int
) -> list[dict[str, Any]]:
    """Changes with numbers below ``below``, the latest first; those that time made and nobody has written yet too."""
    unwritten = change_rows(book) if book else []
    fresh = [dict(zip(queries.CHANGES.columns, row, strict=True)) for row in reversed(unwritten)]
    found = [row for row in fresh if row["change_no"] < below][:limit]
    if len(found) == limit:
        return found
    return found + queries.changes_of(connection, member_id, below=below, limit=limit - len(found))


def change_of(
    connection: Connection[TupleRow], member_id: UUID, book: TierBook | None, number: int
) -> dict[str, Any] | None:
    """One change of a member's level by its number, whether or not it is written yet."""
    found = history(connection, member_id, book, below=number + 1, limit=1) if 0 < number < LAST else []
    return next((row for row in found if row["change_no"] == number), None)


def change_document(row: Mapping[str, Any], *, whose: str) -> dict[str, Any]:
    """A change of level as it is shown; ``whose`` is the path of the member it is shown of."""
    prefix = "evn" if row["cause_type"] == "event" else _PREFIXES.get(row["reason"])
    return {
        "change_no": row["change_no"],
        "code": row["level"],
        "previous": row["previous"],
        "reason": row["reason"],
        "occurred_at": row["occurred_at"],
        "recorded_at": row["recorded_at"],
        "assigned_until": row["assigned_until"],
        "assigned_reason": row["assigned_reason"],
        "source": ids.show(prefix, row["cause_id"]) if prefix and row["cause_id"] else None,
        "actor": {"kind": row["actor_kind"], "client": row["actor_id"]},
        "explanation": f"{whose}/tier/changes/{row['change_no']}/explanation",
    }

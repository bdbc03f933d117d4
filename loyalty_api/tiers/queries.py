"""The statements behind tiers. All that a level follows from is read by one of them, for any number of members."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.rows import Table

_STATE = "level, level_since, shown, since, as_of, assigned, assigned_until, recheck_at"
READ = (
    f"SELECT m.member_id, m.enrolled_at, t.changes, {', '.join('t.' + name for name in _STATE.split(', '))},"
    " (SELECT json_agg(json_build_array(p.day, p.points, p.spend, p.visits)) FROM tier_progress p"
    " WHERE p.member_id = m.member_id) FROM members m LEFT JOIN member_tiers t ON t.member_id = m.member_id"
    " WHERE m.member_id = {named} AND m.kind = 'person'"
)
"""What tiers know of members: read it once their locks are held. ``named`` says which they are."""
PROGRESS = Table(
    "tier_progress",
    "ON CONFLICT (member_id, day) DO UPDATE SET points = excluded.points, spend = excluded.spend,"
    " visits = excluded.visits",
    member_id="uuid",
    day="date",
    points="bigint",
    spend="bigint",
    visits="bigint",
)
MORE_PROGRESS = Table(
    "tier_progress",
    "ON CONFLICT (member_id, day) DO UPDATE SET points = tier_progress.points + excluded.points,"
    " spend = tier_progress.spend + excluded.spend, visits = tier_progress.visits + excluded.visits",
    member_id="uuid",
    day="date",
    points="bigint",
    spend="bigint",
    visits="bigint",
)
"""Adds to what counts on days, of which nobody has read anything; each day once in a statement."""
UNRANKED = Table(
    "member_tiers",
    "ON CONFLICT (member_id) DO NOTHING",
    member_id="uuid",
    level_since="timestamptz",
    since="timestamptz",
    as_of="timestamptz",
    changes="integer",
    rules_from="timestamptz",
)
"""Members of whom something counts before there are levels, so that whoever books new rules finds them."""
STANDING = Table(
    "member_tiers",
    f"ON CONFLICT (member_id) DO UPDATE SET ({_STATE}, changes, due_at, rules_from) ="
    f" ({', '.join('excluded.' + name for name in _STATE.split(', '))}, excluded.changes, excluded.due_at,"
    " excluded.rules_from)",
    member_id="uuid",
    level="varchar",
    level_since="timestamptz",
    shown="varchar",
    since="timestamptz",
    as_of="timestamptz",
    assigned="varchar",
    assigned_until="timestamptz",
    recheck_at="timestamptz",
    changes="integer",
    due_at="timestamptz",
    rules_from="timestamptz",
)
CHANGES = Table(
    "tier_changes",
    member_id="uuid",
    change_no="integer",
    level="varchar",
    previous="varchar",
    reason="varchar",
    occurred_at="timestamptz",
    recorded_at="timestamptz",
    assigned_until="timestamptz",
    assigned_reason="varchar",
    cause_id="uuid",
    actor_kind="varchar",
    actor_id="varchar",
    grounds="jsonb",
    cause_type="varchar",
)
_READ = READ.format(named="ANY (%s)")
_LEVEL_AT = "SELECT level FROM tier_changes WHERE member_id = %s AND occurred_at <= %s ORDER BY change_no DESC LIMIT 1"
_CHANGES_OF = (
    f"SELECT {', '.join(CHANGES.columns)} FROM tier_changes WHERE member_id = %s AND change_no < %s"
    " ORDER BY change_no DESC LIMIT %s"
)
_ASSIGNMENT = (
    f"SELECT {', '.join(CHANGES.columns)} FROM tier_changes WHERE member_id = %s AND assigned_reason IS NOT NULL"
    " ORDER BY change_no DESC LIMIT 1"
)
_DUE = {
    "due_at": "SELECT due_at, member_id FROM member_tiers WHERE due_at <= %s AND (due_at, member_id) > (%s, %s)"
    " ORDER BY due_at, member_id LIMIT %s",
    "rules_from": "SELECT rules_from, member_id FROM member_tiers WHERE rules_from < %s"
    " AND (rules_from, member_id) > (%s, %s) ORDER BY rules_from, member_id LIMIT %s",
}
# Whoever sells to them or serves them this moment does it all by itself.
_LOCK = (
    "SELECT member_id, version FROM members WHERE member_id = ANY (%s) ORDER BY member_id"
    " FOR NO KEY UPDATE SKIP LOCKED"
)
Place = tuple[datetime, UUID]
"""How far a walk has come: a moment, and the member behind which it goes on."""


def read(connection: Connection[TupleRow], member_ids: Sequence[UUID]) -> list[TupleRow]:
    """What tiers know of these members, whose locks the caller holds if it is going to write."""
    return connection.execute(_READ, (list(member_ids),), prepare=True).fetchall()


def level_at(connection: Connection[TupleRow], member_id: UUID, at: datetime) -> tuple[str | None] | None:
    """The level that was shown at a moment, as a row; None when nothing had changed by then."""
    row = connection.execute(_LEVEL_AT, (member_id, at), prepare=True).fetchone()
    return (row[0],) if row else None


def changes_of(
    connection: Connection[TupleRow], member_id: UUID, *, below: int, limit: int
) -> list[dict[str, Any]]:
    """A member's changes of level, the latest first, with numbers below ``below``."""
    rows = connection.execute(_CHANGES_OF, (member_id, below, limit), prepare=True)
    return [dict(zip(CHANGES.columns, row, strict=True)) for row in rows]


def assignment_of(connection: Connection[TupleRow], member_id: UUID) -> dict[str, Any] | None:
    """The last time somebody gave the member a level."""
    row = connection.execute(_ASSIGNMENT, (member_id,)).fetchone()
    return dict(zip(CHANGES.columns, row, strict=True)) if row else None


def due(
    connection: Connection[TupleRow], column: str, *, until: datetime, after: Place, limit: int
) -> list[Place]:
    """Whose ``due_at`` has come by ``until``, or whose ``rules_from`` lies before it, behind ``after``."""
    found = connection.execute(_DUE[column], (until, *after, limit)).fetchall()
    return [(row[0], row[1]) for row in found]


def lock_free(connection: Connection[TupleRow], member_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Lock those of the members whom nobody holds, without waiting; their versions."""
    rows = connection.execute(_LOCK, (list(member_ids),))
    return {row[0]: row[1] for row in rows}

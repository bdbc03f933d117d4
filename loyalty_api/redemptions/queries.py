"""Redemptions' statements. A redemption is read and changed under its member's lock.

Only what time has ended is noted without it: row by row, passing over those that somebody holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.redemptions.rules import Redemption
from loyalty_api.rows import Table
from loyalty_api.wire import Statement, round_trip

_NAMES = tuple(field.name for field in fields(Redemption))
_COLUMNS = ", ".join(_NAMES)
_LOTS = _NAMES.index("lots")
# What never changes once it is written.
_FIXED = (
    "member_id", "redemption_id", "purpose", "points", "amount", "currency", "rate", "reward_id", "quantity",
    "store_id", "terminal", "cashier", "channel", "client_id", "actor_kind", "held_at", "expires_at",
)  # fmt: skip
REDEMPTIONS = Table(
    "redemptions",
    "ON CONFLICT (member_id, redemption_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _NAMES if name not in _FIXED),
    member_id="uuid",
    redemption_id="uuid",
    purpose="varchar",
    status="varchar",
    points="bigint",
    amount="bigint",
    currency="char(3)",
    rate="jsonb",
    reward_id="uuid",
    quantity="integer",
    takes_stock="boolean",
    store_id="varchar",
    terminal="varchar",
    cashier="varchar",
    channel="varchar",
    client_id="varchar",
    actor_kind="varchar",
    held_at="timestamptz",
    expires_at="timestamptz",
    lots="jsonb",
    captured_points="bigint",
    captured_amount="bigint",
    captured_debt="bigint",
    captured_at="timestamptz",
    reversed_points="bigint",
    reversed_amount="bigint",
    reversed_because="varchar",
    purchase_id="uuid",
    ended_at="timestamptz",
)

_FIND = f"SELECT {_COLUMNS} FROM redemptions WHERE redemption_id = $1"
_LOCK = f"SELECT {_COLUMNS} FROM redemptions WHERE member_id = $1 AND redemption_id = $2 FOR NO KEY UPDATE"
_SOME = f"SELECT {_COLUMNS} FROM redemptions WHERE member_id = %s AND redemption_id = ANY(%s)"
_OF_PURCHASE = (
    f"SELECT {_COLUMNS} FROM redemptions WHERE member_id = %s AND purchase_id = %s ORDER BY redemption_id"
)
_HELD_UNTIL = (
    f"SELECT {_COLUMNS} FROM redemptions WHERE member_id = %s AND expires_at = %s ORDER BY redemption_id"
)
_OF_MEMBER = (
    f"SELECT {_COLUMNS} FROM redemptions WHERE member_id = %(member)s AND (%(at)s::timestamptz IS NULL"
    " OR (held_at, redemption_id) < (%(at)s, %(id)s::uuid)) ORDER BY held_at DESC, redemption_id DESC LIMIT %(limit)s"
)
_DUE = (
    "SELECT DISTINCT member_id FROM (SELECT member_id FROM redemptions WHERE status = 'held' AND expires_at <= %s"
    " ORDER BY expires_at LIMIT %s) due ORDER BY member_id"
)
_DUE_OF = (
    f"SELECT {_COLUMNS} FROM redemptions WHERE member_id = %s AND status = 'held' AND expires_at <= %s"
    " ORDER BY redemption_id FOR NO KEY UPDATE"
)
_EXPIRE_FOR = (
    "UPDATE redemptions r SET status = 'expired', ended_at = r.expires_at, takes_stock = false FROM"
    " (SELECT member_id, redemption_id FROM redemptions WHERE reward_id = %s AND status = 'held' AND takes_stock"
    " AND expires_at <= %s ORDER BY expires_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED) due"
    " WHERE r.member_id = due.member_id AND r.redemption_id = due.redemption_id"
    " RETURNING r.quantity"
)

_HAD = (
    "SELECT reward_id, held_at, quantity FROM redemptions WHERE member_id = %s AND reward_id = ANY(%s) AND points > 0"
    " AND (status IN ('captured', 'partly_reversed') OR (status = 'held' AND expires_at > %s))"
)
_ENDED_STOCK = (
    "SELECT reward_id, sum(quantity)::bigint FROM redemptions WHERE reward_id = ANY(%s) AND status = 'held'"
    " AND takes_stock AND expires_at <= %s GROUP BY reward_id"
)


def row_of(found: Redemption) -> dict[str, Any]:
    """A redemption by column."""
    return {name: getattr(found, name) for name in _NAMES}


def _read(row: Sequence[Any]) -> Redemption:
    values = list(row)
    values[_LOTS] = tuple([(UUID(lot_id), points) for lot_id, points in values[_LOTS]])
    return Redemption(*values)


def find(connection: Connection[TupleRow], redemption_id: UUID) -> Redemption | None:
    """The redemption with this id, whoever's it is."""
    return first(round_trip(connection, [(_FIND, [str(redemption_id)])])[0])


def first(rows: Sequence[Sequence[Any]]) -> Redemption | None:
    """The redemption in the first of the rows that one of these statements brought."""
    return _read(rows[0]) if rows else None


def lock(connection: Connection[TupleRow], member_id: UUID, redemption_id: UUID) -> Redemption | None:
    """One redemption of a member, kept from changing until the transaction ends."""
    return first(round_trip(connection, [locking(member_id, redemption_id)])[0])


def locking(member_id: UUID, redemption_id: UUID) -> Statement:
    """The statement that reads one redemption of a member and keeps it from changing."""
    return _LOCK, [str(member_id), str(redemption_id)]


def of_purchase(connection: Connection[TupleRow], member_id: UUID, purchase_id: UUID) -> list[Redemption]:
    """What paid for a purchase."""
    return [_read(row) for row in connection.execute(_OF_PURCHASE, (member_id, purchase_id), prepare=True)]


def some(
    connection: Connection[TupleRow], member_id: UUID, redemption_ids: Sequence[UUID]
) -> list[Redemption]:
    """A member's redemptions with these ids."""
    return [_read(row) for row in connection.execute(_SOME, (member_id, list(redemption_ids)), prepare=True)]


def held_until(connection: Connection[TupleRow], member_id: UUID, moment: datetime) -> list[Redemption]:
    """A member's redemptions whose holds ended at a moment."""
    return [_read(row) for row in connection.execute(_HELD_UNTIL, (member_id, moment), prepare=True)]


def of_member(
    connection: Connection[TupleRow], member_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[Redemption]:
    """A member's redemptions, the latest first."""
    place = {"at": before and before[0], "id": before and before[1]}
    rows = connection.execute(_OF_MEMBER, {"member": member_id, "limit": limit, **place}, prepare=True)
    return [_read(row) for row in rows]


def due_members(connection: Connection[TupleRow], *, now: datetime, limit: int) -> list[UUID]:
    """Members with holds that ended by ``now`` and were not noted yet, in the order in which they are locked."""
    return [row[0] for row in connection.execute(_DUE, (now, limit), prepare=True)]


def due_of(connection: Connection[TupleRow], member_id: UUID, *, now: datetime) -> list[Redemption]:
    """A member's redemptions whose holds ended by ``now``, kept from changing."""
    return [_read(row) for row in connection.execute(_DUE_OF, (member_id, now), prepare=True)]


def expire_for(connection: Connection[TupleRow], reward_id: UUID, *, now: datetime) -> int:
    """Note the holds on a reward that ended by ``now``; how many pieces of it they had taken."""
    return sum([row[0] for row in connection.execute(_EXPIRE_FOR, (reward_id, now), prepare=True)])


def had_of(
    connection: Connection[TupleRow], member_id: UUID, reward_ids: Sequence[UUID], *, now: datetime
) -> list[tuple[UUID, datetime, int]]:
    """What a member has, or holds, of some rewards for points: which, since when, how many."""
    if not reward_ids:
        return []
    rows = connection.execute(_HAD, (member_id, list(reward_ids), now), prepare=True)
    return [(row[0], row[1], row[2]) for row in rows]


def ended_stock(
    connection: Connection[TupleRow], reward_ids: Sequence[UUID], *, now: datetime
) -> dict[UUID, int]:
    """How many pieces of each reward are still kept by holds that ended by ``now``."""
    return dict(connection.execute(_ENDED_STOCK, (list(reward_ids), now), prepare=True).fetchall())

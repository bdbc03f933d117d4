"""Gifts' statements. A gift is read and changed under its member's lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.gifts.rules_life import Gift
from loyalty_api.rows import Table

_NAMES = tuple(field.name for field in fields(Gift))
_COLUMNS = ", ".join(_NAMES)
# What changes in a gift's life; everything else stays as it was granted.
_LIVING = (
    "state", "remind_at", "shown_at", "claimed_at", "handed_over_at", "handed_over_store", "handed_over_by",
    "ended_at", "taken_back_by", "state_before", "result", "redemption_id",
    "takes_stock",
)  # fmt: skip
GIFTS = Table(
    "gifts",
    "ON CONFLICT (member_id, gift_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _LIVING),
    member_id="uuid",
    gift_id="uuid",
    rule="varchar",
    program_version="integer",
    trigger="varchar",
    kind="varchar",
    state="varchar",
    give="jsonb",
    why="jsonb",
    cost="bigint",
    claims="jsonb",
    cause_type="varchar",
    cause_id="uuid",
    once_key="varchar",
    purchase_id="uuid",
    store_id="varchar",
    client_id="varchar",
    granted_at="timestamptz",
    expires_at="timestamptz",
    remind_at="timestamptz",
    shown_at="timestamptz",
    claimed_at="timestamptz",
    handed_over_at="timestamptz",
    handed_over_store="varchar",
    handed_over_by="varchar",
    ended_at="timestamptz",
    taken_back_by="uuid",
    state_before="varchar",
    result="jsonb",
    reward_id="uuid",
    redemption_id="uuid",
    takes_stock="boolean",
)
_OPEN = "state IN ('granted', 'shown', 'claimed')"
_LIST = (
    f"SELECT {_COLUMNS} FROM gifts WHERE member_id = %(member)s AND (%(at)s::timestamptz IS NULL"
    " OR (granted_at, gift_id) < (%(at)s, %(id)s::uuid)) ORDER BY granted_at DESC, gift_id DESC LIMIT %(limit)s"
)


def row_of(gift: Gift) -> dict[str, Any]:
    """A gift by column."""
    return {**{name: getattr(gift, name) for name in _NAMES}, "result": dict(gift.result or {})}


def find(connection: Connection[TupleRow], gift_id: UUID) -> Gift | None:
    """The gift with this id, whoever's it is."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM gifts WHERE gift_id = %s", (gift_id,)).fetchone()
    return Gift(*row) if row else None


def of_member(
    connection: Connection[TupleRow], member_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[Gift]:
    """A member's gifts, the latest first, that are older than ``before``."""
    asked = {"member": member_id, "at": before and before[0], "id": before and before[1], "limit": limit}
    return [Gift(*row) for row in connection.execute(_LIST, asked, prepare=True)]


def of_purchase(connection: Connection[TupleRow], member_id: UUID, purchase_id: UUID) -> list[Gift]:
    """The gifts that came with a purchase, in the order of their ids."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM gifts WHERE member_id = %s AND purchase_id = %s ORDER BY gift_id",
        (member_id, purchase_id),
        prepare=True,
    )
    return [Gift(*row) for row in rows]


def under(connection: Connection[TupleRow], member_id: UUID, rule: str, once_key: str) -> Gift | None:
    """What a rule has given to a member under a key."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM gifts WHERE member_id = %s AND rule = %s AND once_key = %s",
        (member_id, rule, once_key),
        prepare=True,
    ).fetchone()
    return Gift(*row) if row else None


def unopened(connection: Connection[TupleRow], member_id: UUID, now: datetime) -> tuple[int, datetime | None]:
    """How many gifts a member has not opened yet, and when the first of them ends."""
    row = connection.execute(
        "SELECT count(*), min(expires_at) FROM gifts WHERE member_id = %s AND state = 'granted' AND expires_at > %s",
        (member_id, now),
        prepare=True,
    ).fetchone()
    return (row[0], row[1]) if row else (0, None)


def standing(connection: Connection[TupleRow], rule: str) -> tuple[int, int]:
    """How many gifts a rule has given that neither ended nor were taken back, and what they cost together."""
    row = connection.execute(
        "SELECT count(*), coalesce(sum(cost), 0)::bigint FROM gifts WHERE rule = %s"
        " AND state NOT IN ('expired', 'taken_back')",
        (rule,),
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def due_members(connection: Connection[TupleRow], *, now: datetime, limit: int) -> Sequence[UUID]:
    """Members with gifts that have ended, or are to be called to mind, by now; in the order in which all lock them."""
    rows = connection.execute(
        "SELECT DISTINCT member_id FROM ("
        f"(SELECT member_id FROM gifts WHERE {_OPEN} AND expires_at <= %(now)s ORDER BY expires_at LIMIT %(limit)s)"
        " UNION ALL (SELECT member_id FROM gifts WHERE remind_at IS NOT NULL AND remind_at <= %(now)s"
        " ORDER BY remind_at LIMIT %(limit)s)) due ORDER BY member_id LIMIT %(limit)s",
        {"now": now, "limit": limit},
    )
    return [row[0] for row in rows]


def due_of(connection: Connection[TupleRow], member_id: UUID, *, now: datetime) -> list[Gift]:
    """A member's gifts of which something is due by now."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM gifts WHERE member_id = %s AND {_OPEN} AND (expires_at <= %s OR remind_at <= %s)"
        " ORDER BY gift_id",
        (member_id, now, now),
    )
    return [Gift(*row) for row in rows]

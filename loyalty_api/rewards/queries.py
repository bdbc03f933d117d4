"""Statements on rewards. The stock is a counter that only a conditional UPDATE lowers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.rewards.rules import Limit, Reward
from loyalty_api.rows import Table

_COLUMNS = "reward_id, kind, status, document, revision, stock_left"
_TAKE = (
    "UPDATE rewards SET stock_left = stock_left - %(n)s, stock_taken = stock_taken + %(n)s"
    " WHERE reward_id = %(reward)s AND stock_left >= %(n)s RETURNING true"
)
_GIVE_BACK = (
    "UPDATE rewards SET stock_left = stock_left + %(n)s, stock_taken = stock_taken - %(n)s"
    " WHERE reward_id = %(reward)s"
)

TAKEN = Table(
    "rewards",
    statement="UPDATE rewards SET stock_left = rewards.stock_left - given.pieces,"
    " stock_taken = rewards.stock_taken + given.pieces FROM {given} WHERE rewards.reward_id = given.reward_id",
    reward_id="uuid",
    pieces="bigint",
)
"""Takes pieces of counted stocks that the caller has locked and found there."""


def read(row: Sequence[Any]) -> Reward:
    """A reward from its columns."""
    reward_id, kind, status, document, revision, stock_left = row
    audience, limit, price = document["audience"], document["limit"], document["price"]
    return Reward(
        reward_id, kind, status, document["name"], document["text"] or {}, document["image_url"],
        document["terms_url"], price["points"], price["money"], document["value"],
        _moment(document["valid_from"]), _moment(document["valid_until"]), tuple(audience["tags"]),
        tuple(audience["tiers"]), tuple(document["stores"]),
        Limit(limit["number"], limit["per"]) if limit else None, document["fulfilment"], stock_left, revision,
    )  # fmt: skip


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def add(
    connection: Connection[TupleRow],
    *,
    reward_id: UUID,
    document: Mapping[str, Any],
    stock: int | None,
    by: str,
    now: datetime,
) -> None:
    """Write a new reward."""
    connection.execute(
        "INSERT INTO rewards (reward_id, kind, status, document, revision, stock_left, created_at, created_by,"
        " updated_at) VALUES (%s, %s, 'active', %s, 1, %s, %s, %s, %s)",
        (reward_id, document["kind"], _json(document), stock, now, by, now),
    )


def find(connection: Connection[TupleRow], reward_id: UUID, *, lock: bool = False) -> Sequence[Any] | None:
    """The columns of a reward; with ``lock`` nobody else changes it until the transaction ends."""
    locking = " FOR NO KEY UPDATE" if lock else ""
    return connection.execute(
        f"SELECT {_COLUMNS} FROM rewards WHERE reward_id = %s{locking}", (reward_id,), prepare=True
    ).fetchone()


def some(connection: Connection[TupleRow], reward_ids: Sequence[UUID]) -> list[Reward]:
    """The rewards with these ids."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM rewards WHERE reward_id = ANY(%s)", (list(reward_ids),), prepare=True
    )
    return [read(row) for row in rows]


def lock_some(connection: Connection[TupleRow], reward_ids: Sequence[UUID]) -> list[Reward]:
    """The rewards with these ids, kept from changing until the transaction ends; all lock them in this order."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM rewards WHERE reward_id = ANY(%s) ORDER BY reward_id FOR NO KEY UPDATE",
        (list(reward_ids),),
        prepare=True,
    )
    return [read(row) for row in rows]


def page(
    connection: Connection[TupleRow], *, after: UUID | None, limit: int, status: str | None
) -> list[Sequence[Any]]:
    """Rewards in the order in which they were made, from behind ``after``; only those in a state if one is named."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM rewards WHERE (%(after)s::uuid IS NULL OR reward_id > %(after)s)"
        " AND (%(status)s::text IS NULL OR status = %(status)s) ORDER BY reward_id LIMIT %(limit)s",
        {"after": after, "status": status, "limit": limit},
        prepare=True,
    )
    return list(rows)


def change(
    connection: Connection[TupleRow],
    *,
    reward_id: UUID,
    document: Mapping[str, Any],
    status: str,
    now: datetime,
) -> None:
    """Replace what a reward says and its state."""
    connection.execute(
        "UPDATE rewards SET document = %s, status = %s, revision = revision + 1, updated_at = %s"
        " WHERE reward_id = %s",
        (_json(document), status, now, reward_id),
    )


def set_stock(connection: Connection[TupleRow], reward_id: UUID, left: int | None) -> None:
    """Say how many pieces are left; what was taken stays taken."""
    connection.execute("UPDATE rewards SET stock_left = %s WHERE reward_id = %s", (left, reward_id))


def take(connection: Connection[TupleRow], reward_id: UUID, quantity: int) -> bool:
    """Take pieces from a counted stock; False when fewer are left."""
    row = connection.execute(_TAKE, {"reward": reward_id, "n": quantity}, prepare=True).fetchone()
    return row is not None


def give_back(connection: Connection[TupleRow], reward_id: UUID, quantity: int) -> None:
    """Put pieces back that were taken."""
    connection.execute(_GIVE_BACK, {"reward": reward_id, "n": quantity}, prepare=True)


def _json(document: Mapping[str, Any]) -> str:
    return orjson.dumps(document, option=orjson.OPT_UTC_Z).decode()

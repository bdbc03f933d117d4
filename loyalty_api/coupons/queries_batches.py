"""Statements on batches of coupons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from loyalty_api.rows import Table

MEMBER_COUPONS = Table("member_coupons", member_id="uuid", coupon_id="uuid", batch_id="uuid")
MADE_FOR_MEMBERS = Table(
    "member_coupons",
    statement="UPDATE member_coupons m SET blind = given.blind FROM {given}"
    " WHERE m.member_id = given.member_id AND m.coupon_id = given.coupon_id",
    member_id="uuid", coupon_id="uuid", blind="bytea",
)  # fmt: skip
BROUGHT = Table(
    "coupon_codes",
    blind="bytea", coupon_id="uuid", batch_id="uuid", tail="varchar", most_uses="integer", name="varchar",
)  # fmt: skip
LEADS = Table("brought_codes", blind="bytea", coupon_blind="bytea", name="varchar")
_COLUMNS = (
    "batch_id, name, kind, total, made, uses, valid_from, valid_until, stores, audience, needs_activation, note,"
    " secret, handed_to, handed_out_at, blocked_at, blocked_by, created_at, created_by, giver, brought"
)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it is kept. ``made`` of ``total`` codes are there, each for ``uses`` uses; ``secret`` is sealed.

    ``handed_to`` is the client that has begun to read the codes, ``handed_out_at`` when it said that it has them.
    ``giver`` is what gives the coupons of the batch one by one, such as ``promotion:thanks``; nobody asked for it, and
    it has no number. Of codes that were ``brought`` the merchant has its own print.
    """

    batch_id: UUID
    name: str
    kind: str
    total: int
    made: int
    uses: int
    valid_from: datetime | None
    valid_until: datetime | None
    stores: Sequence[str]
    audience: dict[str, Any] | None
    needs_activation: bool
    note: str | None
    secret: bytes | None
    handed_to: str | None
    handed_out_at: datetime | None
    blocked_at: datetime | None
    blocked_by: str | None
    created_at: datetime
    created_by: str
    giver: str | None = None
    brought: bool = False


def add(connection: Connection[TupleRow], batch: Batch) -> None:
    """Write a new batch."""
    connection.execute(
        "INSERT INTO coupon_batches (batch_id, name, kind, total, made, uses, valid_from, valid_until, stores,"
        " audience, needs_activation, note, secret, handed_to, handed_out_at, created_at, created_by, brought)"
        f" VALUES ({', '.join(['%s'] * 18)})",
        (
            batch.batch_id, batch.name, batch.kind, batch.total, batch.made, batch.uses, batch.valid_from,
            batch.valid_until, list(batch.stores), Jsonb(batch.audience) if batch.audience is not None else None,
            batch.needs_activation, batch.note, batch.secret, batch.handed_to, batch.handed_out_at, batch.created_at,
            batch.created_by, batch.brought,
        ),
    )  # fmt: skip


def find(connection: Connection[TupleRow], batch_id: UUID, *, lock: bool = False) -> Batch | None:
    """A batch by its id; with ``lock`` nobody else changes it until the transaction ends."""
    locking = " FOR NO KEY UPDATE" if lock else ""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM coupon_batches WHERE batch_id = %s{locking}", (batch_id,), prepare=True
    ).fetchone()
    return Batch(*row) if row else None


def some(connection: Connection[TupleRow], batch_ids: Sequence[UUID]) -> dict[UUID, Batch]:
    """The batches with these ids."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM coupon_batches WHERE batch_id = ANY(%s)", (list(batch_ids),), prepare=True
    )
    return {row[0]: Batch(*row) for row in rows}


def page(connection: Connection[TupleRow], *, before: UUID | None, limit: int) -> list[Batch]:
    """Batches, the latest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM coupon_batches WHERE (%(before)s::uuid IS NULL OR batch_id < %(before)s)"
        " ORDER BY batch_id DESC LIMIT %(limit)s",
        {"before": before, "limit": limit},
        prepare=True,
    )
    return [Batch(*row) for row in rows]


def next_unmade(connection: Connection[TupleRow]) -> Batch | None:
    """The oldest batch that is still to be made and that nobody else is at, locked."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM coupon_batches WHERE made < total AND blocked_at IS NULL ORDER BY batch_id LIMIT 1"
        " FOR NO KEY UPDATE SKIP LOCKED"
    ).fetchone()
    return Batch(*row) if row else None


def members_of(connection: Connection[TupleRow], first: UUID, last: UUID) -> dict[UUID, UUID]:
    """Whose personal coupons are, by the coupons' ids from one to another."""
    rows = connection.execute(
        "SELECT coupon_id, member_id FROM member_coupons WHERE coupon_id BETWEEN %s AND %s", (first, last)
    )
    return {row[0]: row[1] for row in rows}


def note_made(connection: Connection[TupleRow], batch_id: UUID, made: int) -> None:
    """Say how many of a batch's codes are there."""
    connection.execute("UPDATE coupon_batches SET made = %s WHERE batch_id = %s", (made, batch_id))


def hand_to(connection: Connection[TupleRow], batch_id: UUID, client_id: str) -> None:
    """Note which client reads the codes."""
    connection.execute("UPDATE coupon_batches SET handed_to = %s WHERE batch_id = %s", (client_id, batch_id))


def note_handed_out(
    connection: Connection[TupleRow], batch_id: UUID, *, keep_secret: bool, now: datetime
) -> None:
    """Note that the codes have arrived; unless members still read theirs, they can never be worked out again."""
    connection.execute(
        "UPDATE coupon_batches SET handed_out_at = %s, secret = CASE WHEN %s THEN secret END WHERE batch_id = %s",
        (now, keep_secret, batch_id),
    )


def block(connection: Connection[TupleRow], batch_id: UUID, *, by: str, now: datetime) -> None:
    """Block all coupons of a batch, for good."""
    connection.execute(
        "UPDATE coupon_batches SET blocked_at = %s, blocked_by = %s WHERE batch_id = %s AND blocked_at IS NULL",
        (now, by, batch_id),
    )

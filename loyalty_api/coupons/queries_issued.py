"""Statements on coupons that were given one by one."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.coupons import queries
from loyalty_api.coupons.rules import Coupon
from loyalty_api.rows import Table

STANDING = Table(
    "coupon_batches",
    "ON CONFLICT (batch_id) DO NOTHING",
    batch_id="uuid", name="varchar", kind="varchar", total="integer", uses="integer", stores="text[]",
    needs_activation="boolean", created_at="timestamptz", created_by="varchar", giver="varchar",
)  # fmt: skip
"""Batches of what one giver gives; one that stands already stays as it is."""
CODES = Table(
    "coupon_codes",
    blind="bytea", coupon_id="uuid", batch_id="uuid", member_id="uuid", tail="varchar", most_uses="integer",
    valid_from="timestamptz", valid_until="timestamptz",
)  # fmt: skip
GIVEN = Table("given_coupons", batch_id="uuid", coupon_id="uuid", blind="bytea", given_at="timestamptz")
OF_MEMBERS = Table("member_coupons", member_id="uuid", coupon_id="uuid", batch_id="uuid", blind="bytea")


def page(connection: Connection[TupleRow], batch_id: UUID, *, after: UUID | None, limit: int) -> list[Coupon]:
    """The coupons of a batch that was given one by one, by their ids."""
    rows = connection.execute(
        "SELECT blind FROM given_coupons WHERE batch_id = %(batch)s"
        " AND (%(after)s::uuid IS NULL OR coupon_id > %(after)s) ORDER BY coupon_id LIMIT %(limit)s",
        {"batch": batch_id, "after": after, "limit": limit},
    ).fetchall()
    found = queries.some(connection, [row[0] for row in rows])
    return [found[row[0]] for row in rows]


def locked(connection: Connection[TupleRow], coupon_ids: Sequence[UUID]) -> list[Coupon]:
    """Coupons by their ids, in the order of their hashes; nobody else uses them until the transaction ends."""
    rows = connection.execute("SELECT blind FROM coupon_codes WHERE coupon_id = ANY(%s)", (list(coupon_ids),))
    return list(queries.some(connection, [row[0] for row in rows], lock=True).values())


def take_back(connection: Connection[TupleRow], blinds: Sequence[bytes], because: UUID) -> None:
    """Note what took back coupons that the caller holds."""
    connection.execute(
        "UPDATE coupon_codes SET taken_back_by = %s WHERE blind = ANY(%s)", (because, list(blinds))
    )


def give_again(connection: Connection[TupleRow], blinds: Sequence[bytes], because: UUID) -> None:
    """What this took back counts again."""
    connection.execute(
        "UPDATE coupon_codes SET taken_back_by = NULL WHERE blind = ANY(%s) AND taken_back_by = %s",
        (list(blinds), because),
    )

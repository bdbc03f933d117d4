"""Statements on what is reserved for quotes.

A reservation is locked after its member and before coupons and limits, so that nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.coupons.service import let_go
from loyalty_api.purchases.queries import Also
from loyalty_api.rows import Table, dump

_COLUMNS = (
    "reservation_id, quote, member_id, store_id, status, budgets, coupons, redemption_id, reserved_at,"
    " expires_at"
)
RESERVATIONS = Table(
    "reservations",
    "ON CONFLICT DO NOTHING",
    quote="bytea", reservation_id="uuid", member_id="uuid", store_id="varchar", client_id="varchar", status="varchar",
    budgets="jsonb", coupons="jsonb", redemption_id="uuid", reserved_at="timestamptz", expires_at="timestamptz",
)  # fmt: skip
# Whose members are held already does not matter: a quote to nobody may be paid by a member.
_OF_QUOTES = (
    f"SELECT {_COLUMNS}, member_id = {{named}} FROM reservations WHERE quote = ANY (array(SELECT decode(h, 'hex')"
    " FROM json_array_elements_text($4::json) h)) AND status = 'held' AND expires_at > $5::timestamptz"
    " ORDER BY quote FOR NO KEY UPDATE"
)


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is reserved for a quote: of ``budgets`` by promotion, ``coupons`` as an answer shows them, and points.

    ``quote`` is a keyed hash of the quote's id. ``member_id`` is a store's walk-in account where nobody was known.
    """

    reservation_id: UUID
    quote: bytes
    member_id: UUID
    store_id: str
    status: str
    budgets: Sequence[Mapping[str, Any]]
    coupons: Sequence[Mapping[str, Any]]
    redemption_id: UUID | None
    reserved_at: datetime
    expires_at: datetime

    def status_at(self, now: datetime) -> str:
        """Its state at ``now``: what is held ends by itself."""
        return "expired" if self.status == "held" and now >= self.expires_at else self.status


def of_quotes(quotes: Iterable[bytes], now: datetime) -> list[Also]:
    """What to read and lock with the members for sales that name these quotes; nothing when none does."""
    named = [quote.hex() for quote in quotes]
    return [(_OF_QUOTES, [dump(named), now.isoformat()])] if named else []


def read(rows: Iterable[TupleRow]) -> dict[bytes, Reservation]:
    """What ``of_quotes`` has brought, by quote."""
    return {row[1]: Reservation(*row[:10]) for row in rows}


def held_in(reserved: Mapping[bytes, Reservation]) -> list[UUID]:
    """The ids of reservations."""
    return [one.reservation_id for one in reserved.values()]


def held_for(connection: Connection[TupleRow], quote: bytes) -> Reservation | None:
    """What is reserved for a quote; its time may be over."""
    return _one(connection, "quote = %s AND status = 'held'", quote)


def find(connection: Connection[TupleRow], reservation_id: UUID, *, lock: bool = False) -> Reservation | None:
    """A reservation by its id."""
    return _one(connection, f"reservation_id = %s{' FOR NO KEY UPDATE' if lock else ''}", reservation_id)


def _one(connection: Connection[TupleRow], where: str, value: object) -> Reservation | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM reservations WHERE {where}", (value,), prepare=True
    ).fetchone()
    return Reservation(*row) if row else None


def due(connection: Connection[TupleRow], *, now: datetime, limit: int) -> list[UUID]:
    """Reservations whose time is over, locked, but for those that others have in hand."""
    rows = connection.execute(
        "SELECT reservation_id FROM reservations WHERE status = 'held' AND expires_at <= %s ORDER BY expires_at"
        " LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
        (now, limit),
    )
    return [row[0] for row in rows]


def end(
    connection: Connection[TupleRow],
    reservation_ids: Sequence[UUID],
    *,
    status: str,
    now: datetime,
    purchase_id: UUID | None = None,
) -> None:
    """Note that reservations which the caller has locked were used, released or have ended."""
    connection.execute(
        "UPDATE reservations SET status = %s, ended_at = %s, purchase_id = %s"
        " WHERE reservation_id = ANY(%s) AND status = 'held'",
        (status, now, purchase_id, list(reservation_ids)),
    )


def use_reserved(connection: Connection[TupleRow], reservation: Reservation, row: Mapping[str, Any]) -> None:
    """The purchase of ``row`` has used what was reserved; what it held of limits was freed for it before."""
    let_go(connection, [reservation.reservation_id])
    end(
        connection, [reservation.reservation_id], status="used", now=row["recorded_at"],
        purchase_id=row["purchase_id"],
    )  # fmt: skip

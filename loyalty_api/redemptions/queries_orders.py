"""Statements on what a captured reward becomes: a single-use code, an order to make ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.redemptions.rules import Redemption

_ORDER = "member_id, redemption_id, reward_id, quantity, fulfilment, store_id, state, issued_at, changed_at, changed_by"


@dataclass(frozen=True, slots=True)
class Order:
    """Something physical on its way to a member: issued, ready, handed_over or cancelled."""

    member_id: UUID
    redemption_id: UUID
    reward_id: UUID
    quantity: int
    fulfilment: str
    store_id: str | None
    state: str
    issued_at: datetime
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was issued: whose redemption it stands for, and whether it was used."""

    member_id: UUID
    redemption_id: UUID
    state: str
    used_store: str | None
    used_at: datetime | None
    used_reference: str | None
    used_by: str | None


def add_code(connection: Connection[TupleRow], blind: bytes, member_id: UUID, redemption_id: UUID) -> None:
    """Keep a code's blind index."""
    connection.execute(
        "INSERT INTO reward_codes (blind, member_id, redemption_id, state) VALUES (%s, %s, %s, 'issued')",
        (blind, member_id, redemption_id),
        prepare=True,
    )


def code(connection: Connection[TupleRow], blind: bytes) -> Code | None:
    """The code with this blind index."""
    row = connection.execute(
        "SELECT member_id, redemption_id, state, used_store, used_at, used_reference, used_by FROM reward_codes"
        " WHERE blind = %s",
        (blind,),
        prepare=True,
    ).fetchone()
    return Code(*row) if row else None


def used_codes(connection: Connection[TupleRow], blinds: Sequence[bytes]) -> set[bytes]:
    """Which of these codes were used."""
    rows = connection.execute(
        "SELECT blind FROM reward_codes WHERE blind = ANY(%s) AND state = 'used'",
        (list(blinds),),
        prepare=True,
    )
    return {bytes(row[0]) for row in rows}


def use_code(
    connection: Connection[TupleRow],
    blind: bytes,
    *,
    store_id: str | None,
    terminal: str | None,
    reference: str | None,
    by: str,
    now: datetime,
) -> bool:
    """Use a code up; False when somebody was first."""
    row = connection.execute(
        "UPDATE reward_codes SET state = 'used', used_at = %s, used_store = %s, used_terminal = %s,"
        " used_reference = %s, used_by = %s WHERE blind = %s AND state = 'issued' RETURNING true",
        (now, store_id, terminal, reference, by, blind),
    ).fetchone()
    return row is not None


def add_order(
    connection: Connection[TupleRow], found: Redemption, *, fulfilment: str, by: str, now: datetime
) -> None:
    """Keep an order; a redemption that is captured anew has the one it had."""
    connection.execute(
        f"INSERT INTO reward_orders ({_ORDER}) VALUES (%s, %s, %s, %s, %s, %s, 'issued', %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (found.member_id, found.redemption_id, found.reward_id, found.quantity, fulfilment, found.store_id, now,
         now, by),
    )  # fmt: skip


def orders_of(
    connection: Connection[TupleRow], member_id: UUID, redemption_ids: Sequence[UUID]
) -> dict[UUID, Order]:
    """A member's orders by their redemptions."""
    rows = connection.execute(
        f"SELECT {_ORDER} FROM reward_orders WHERE member_id = %s AND redemption_id = ANY(%s)",
        (member_id, list(redemption_ids)),
        prepare=True,
    )
    return {order.redemption_id: order for order in (Order(*row) for row in rows)}


def order(connection: Connection[TupleRow], redemption_id: UUID, *, lock: bool = False) -> Order | None:
    """The order of a redemption; with ``lock`` kept from changing."""
    locking = " FOR NO KEY UPDATE" if lock else ""
    row = connection.execute(
        f"SELECT {_ORDER} FROM reward_orders WHERE redemption_id = %s{locking}", (redemption_id,)
    ).fetchone()
    return Order(*row) if row else None


def orders(
    connection: Connection[TupleRow],
    *,
    store_id: str | None,
    state: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Order]:
    """Orders, the oldest first; of a store and in a state if they are named."""
    rows = connection.execute(
        f"SELECT {_ORDER} FROM reward_orders WHERE (%(store)s::text IS NULL OR store_id = %(store)s)"
        " AND (%(state)s::text IS NULL OR state = %(state)s) AND (%(at)s::timestamptz IS NULL"
        " OR (issued_at, redemption_id) > (%(at)s, %(id)s::uuid)) ORDER BY issued_at, redemption_id LIMIT %(limit)s",
        {
            "store": store_id,
            "state": state,
            "at": after and after[0],
            "id": after and after[1],
            "limit": limit,
        },
        prepare=True,
    )
    return [Order(*row) for row in rows]


def move_order(connection: Connection[TupleRow], order: Order, state: str, *, by: str, now: datetime) -> None:
    """Note an order's new state."""
    connection.execute(
        "UPDATE reward_orders SET state = %s, changed_at = %s, changed_by = %s WHERE member_id = %s"
        " AND redemption_id = %s",
        (state, now, by, order.member_id, order.redemption_id),
    )


def reopen_order(connection: Connection[TupleRow], found: Redemption, *, by: str, now: datetime) -> None:
    """Issue the order of a redemption anew that was cancelled."""
    connection.execute(
        "UPDATE reward_orders SET state = 'issued', changed_at = %s, changed_by = %s WHERE member_id = %s"
        " AND redemption_id = %s AND state = 'cancelled'",
        (now, by, found.member_id, found.redemption_id),
    )


def cancel_order(connection: Connection[TupleRow], found: Redemption, *, by: str, now: datetime) -> None:
    """Cancel the order of a redemption, unless it was handed over."""
    connection.execute(
        "UPDATE reward_orders SET state = 'cancelled', changed_at = %s, changed_by = %s WHERE member_id = %s"
        " AND redemption_id = %s AND state IN ('issued', 'ready')",
        (now, by, found.member_id, found.redemption_id),
    )

"""The statements behind returns. A return's receipt is taken before the member is locked, as a purchase's is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.purchases.queries import LOCATORS
from loyalty_api.returns.rules import ReceiptKey
from loyalty_api.rows import Table, dump, write

Row = dict[str, Any]
RETURNS = Table(
    "returns",
    member_id="uuid",
    return_id="uuid",
    store_id="varchar",
    terminal="varchar",
    business_date="date",
    reference="varchar",
    kind="varchar",
    status="varchar",
    reason="varchar",
    exchange_reference="varchar",
    occurred_at="timestamptz",
    recorded_at="timestamptz",
    currency="char(3)",
    purchase_id="uuid",
    client_id="varchar",
    cashier="varchar",
    points_taken_back="bigint",
    points_given_back="bigint",
    refundable="bigint",
    body="jsonb",
    outcome="jsonb",
)
LINES = Table(
    "return_lines",
    member_id="uuid",
    return_id="uuid",
    line_no="smallint",
    purchase_id="uuid",
    line_id="varchar",
    sku="varchar",
    quantity="bigint",
    value="bigint",
    money="bigint",
    points_part="bigint",
    points_taken_back="bigint",
    points_given_back="bigint",
)
_SELECT = f"SELECT {', '.join('r.' + column for column in RETURNS.columns)} FROM returns r"
_KEY = "store_id = %s AND terminal = %s AND business_date = %s AND reference = %s"


def take_receipt(
    connection: Connection[TupleRow], key: ReceiptKey, *, return_id: UUID, content: bytes
) -> bool:
    """Take a return's receipt for this transaction; False when it was taken before."""
    row = connection.execute(
        "INSERT INTO return_receipts (store_id, terminal, business_date, reference, return_id, content)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING true",
        (*key, return_id, content),
        prepare=True,
    ).fetchone()
    return row is not None


def known(connection: Connection[TupleRow], key: ReceiptKey) -> tuple[bytes, UUID] | None:
    """The hash of the content and the id of the return under this receipt."""
    row = connection.execute(
        f"SELECT content, return_id FROM return_receipts WHERE {_KEY}", key, prepare=True
    ).fetchone()
    return (bytes(row[0]), row[1]) if row else None


def purchase_under(connection: Connection[TupleRow], key: ReceiptKey) -> UUID | None:
    """The purchase that was recorded under a receipt."""
    row = connection.execute(f"SELECT purchase_id FROM receipts WHERE {_KEY}", key, prepare=True).fetchone()
    return row[0] if row else None


def lock_purchase(connection: Connection[TupleRow], member_id: UUID, purchase_id: UUID) -> None:
    """Hold a purchase that no member's lock holds, so that two returns and a claim of it take turns."""
    connection.execute(
        "SELECT 1 FROM purchases WHERE member_id = %s AND purchase_id = %s FOR UPDATE",
        (member_id, purchase_id),
        prepare=True,
    )


def add(connection: Connection[TupleRow], row: Row, lines: Sequence[Row]) -> None:
    """Write a return with its lines; its locator leads to it."""
    write(
        connection,
        [(RETURNS, [row]), (LINES, lines), (LOCATORS, [(row["return_id"], row["member_id"])])],
    )


def remove(connection: Connection[TupleRow], row: Row) -> None:
    """Take a return that waited from where it lay, for it is written again under its member."""
    connection.execute(
        "DELETE FROM returns WHERE member_id = %s AND return_id = %s", (row["member_id"], row["return_id"])
    )


def mark_voided(connection: Connection[TupleRow], row: Row) -> None:
    """Keep that a return was voided, with what its outcome says of it."""
    connection.execute(
        "UPDATE returns SET status = 'voided', outcome = %s WHERE member_id = %s AND return_id = %s",
        (dump(row["outcome"]), row["member_id"], row["return_id"]),
    )


def find(connection: Connection[TupleRow], return_id: UUID) -> Row | None:
    """One return as a row by column, wherever it lies."""
    row = connection.execute(
        f"{_SELECT} JOIN locators l ON l.member_id = r.member_id AND l.id = r.return_id WHERE l.id = %s",
        (return_id,),
        prepare=True,
    ).fetchone()
    return dict(zip(RETURNS.columns, row, strict=True)) if row else None


def lock_waiting(connection: Connection[TupleRow], return_id: UUID) -> Row | None:
    """A return that still waits, held until this transaction ends; None when it does not wait any more."""
    row = connection.execute(
        f"{_SELECT} JOIN locators l ON l.member_id = r.member_id AND l.id = r.return_id"
        " WHERE l.id = %s AND r.status = 'waiting' FOR UPDATE OF r",
        (return_id,),
    ).fetchone()
    return dict(zip(RETURNS.columns, row, strict=True)) if row else None


def await_purchase(
    connection: Connection[TupleRow], key: ReceiptKey, *, return_id: UUID, now: datetime
) -> None:
    """Remember a return whose purchase is not here yet."""
    connection.execute(
        "INSERT INTO awaited_returns (store_id, terminal, business_date, reference, return_id, recorded_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (*key, return_id, now),
    )


def awaiting(connection: Connection[TupleRow], purchase_id: UUID) -> list[UUID]:
    """The returns that waited for this purchase, in the order in which they came."""
    rows = connection.execute(
        "SELECT a.return_id FROM locators l JOIN purchases p ON p.member_id = l.member_id AND p.purchase_id = l.id"
        " JOIN awaited_returns a USING (store_id, terminal, business_date, reference) WHERE l.id = %s"
        " ORDER BY a.recorded_at, a.return_id",
        (purchase_id,),
    )
    return [row[0] for row in rows]


def stop_waiting(connection: Connection[TupleRow], return_id: UUID) -> None:
    """Take a return off the list of those that wait."""
    connection.execute("DELETE FROM awaited_returns WHERE return_id = %s", (return_id,))


def overdue(connection: Connection[TupleRow], *, limit: int) -> list[tuple[UUID, UUID]]:
    """Returns (return, purchase) that wait although their purchase is here: both came at the same moment.

    In the order of members, in which everybody locks them, and of each in the order in which they came.
    """
    return connection.execute(
        "SELECT return_id, purchase_id FROM (SELECT a.return_id, r.purchase_id, l.member_id, a.recorded_at"
        " FROM awaited_returns a JOIN receipts r USING (store_id, terminal, business_date, reference)"
        " JOIN locators l ON l.id = r.purchase_id ORDER BY a.recorded_at, a.return_id LIMIT %s) AS found"
        " ORDER BY member_id, recorded_at, return_id",
        (limit,),
    ).fetchall()


def waited_since(connection: Connection[TupleRow], *, before: datetime, limit: int) -> list[UUID]:
    """Returns that have waited since before a moment."""
    rows = connection.execute(
        "SELECT return_id FROM awaited_returns WHERE recorded_at < %s ORDER BY recorded_at, return_id LIMIT %s",
        (before, limit),
    )
    return [row[0] for row in rows]


def bought_by(
    connection: Connection[TupleRow], member_id: UUID, sku: str, *, since: datetime, until: datetime
) -> list[UUID]:
    """A member's purchases of a product between two moments that may have some of it left, the newest first."""
    rows = connection.execute(
        "SELECT p.purchase_id FROM purchases p WHERE p.member_id = %s AND p.occurred_at BETWEEN %s AND %s"
        " AND p.status IN ('recorded', 'partly_returned') AND EXISTS (SELECT FROM purchase_lines l"
        " WHERE l.member_id = p.member_id AND l.purchase_id = p.purchase_id AND l.sku = %s AND l.amount > 0)"
        " ORDER BY p.occurred_at DESC, p.purchase_id DESC LIMIT 20",
        (member_id, since, until, sku),
    )
    return [row[0] for row in rows]


def day_of(connection: Connection[TupleRow], store: str, terminal: str, business_date: date) -> int:
    """How many returns there are of a lane and a business date; voided ones left out."""
    row = connection.execute(
        "SELECT count(*) FROM return_receipts k JOIN locators l ON l.id = k.return_id"
        " JOIN returns r ON r.member_id = l.member_id AND r.return_id = l.id WHERE k.store_id = %s"
        " AND k.terminal = %s AND k.business_date = %s AND r.status <> 'voided'",
        (store, terminal, business_date),
    ).fetchone()
    return row[0] if row else 0

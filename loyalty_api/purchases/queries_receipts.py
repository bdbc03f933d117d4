"""Receipts that came before, and those that are given up again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.purchases.queries import PURCHASES
from loyalty_api.purchases.rules import ReceiptKey

_KNOWN = (
    "SELECT r.store_id, r.terminal, r.business_date, r.reference, r.content,"
    f" {', '.join('p.' + column for column in PURCHASES.columns)}"
    " FROM unnest(%s::text[], %s::text[], %s::date[], %s::text[]) AS k(store_id, terminal, business_date, reference)"
    " JOIN receipts r USING (store_id, terminal, business_date, reference) JOIN locators l ON l.id = r.purchase_id"
    " JOIN purchases p ON p.member_id = l.member_id AND p.purchase_id = l.id"
)


def known_receipts(
    connection: Connection[TupleRow], keys: Sequence[ReceiptKey]
) -> dict[ReceiptKey, tuple[bytes, dict[str, Any]]]:
    """The hash of the content and the purchase of each of these receipts that was recorded before."""
    if not keys:
        return {}
    rows = connection.execute(_KNOWN, [list(column) for column in zip(*keys, strict=True)], prepare=True)
    return {
        (row[0], row[1], row[2], row[3]): (bytes(row[4]), dict(zip(PURCHASES.columns, row[5:], strict=True)))
        for row in rows
    }


def give_up(connection: Connection[TupleRow], keys: Sequence[ReceiptKey]) -> None:
    """Let go of receipts that were taken and then refused, so that a mended copy can come."""
    for key in keys:
        connection.execute(
            "DELETE FROM receipts WHERE store_id = %s AND terminal = %s AND business_date = %s AND reference = %s",
            key,
        )

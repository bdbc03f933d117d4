"""The statements behind suggestions: baskets are read a few members at a time, counts are written under a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.rows import Table

Connected = Connection[TupleRow]
_AT_ONCE = 2_000
REFRESH = (
    "refresh, began_at, finished_at, weeks, min_baskets, min_lift_percent, every, baskets, products, pairs"
)

PRODUCTS = Table(
    "suggestion_products",
    refresh="integer",
    number="integer",
    sku="varchar",
    baskets="integer",
    price="bigint",
    others="integer[]",
    together="integer[]",
)
STORES = Table(
    "suggestion_stores",
    refresh="integer",
    store_id="varchar",
    baskets="integer",
    products="integer[]",
    sold="integer[]",
)
_ACCOUNTS = "SELECT member_id FROM members WHERE member_id > %s ORDER BY member_id LIMIT %s"
# A price is that of a piece before discounts; what is weighed has none.
_BASKETS = (
    "SELECT p.purchase_id, p.store_id, p.occurred_at, l.skus, l.prices FROM purchases p CROSS JOIN LATERAL"
    " (SELECT array_agg(sku), array_agg(CASE WHEN unit = 'each' AND quantity > 0 THEN amount / quantity END)"
    " FROM purchase_lines WHERE member_id = p.member_id AND purchase_id = p.purchase_id AND sku IS NOT NULL"
    " AND type = 'goods' AND amount > 0) AS l (skus, prices)"
    " WHERE p.member_id = ANY(%s) AND p.occurred_at >= %s AND p.occurred_at < %s AND p.kind = 'sale'"
    " AND p.status NOT IN ('voided', 'returned', 'moved') AND l.skus IS NOT NULL"
)


def accounts(connection: Connected, *, after: UUID, limit: int) -> list[UUID]:
    """Members and walk-in accounts behind ``after``, in the order of their ids."""
    return [row[0] for row in connection.execute(_ACCOUNTS, (after, limit))]


def baskets(
    connection: Connected, members: Sequence[UUID], *, since: datetime, until: datetime
) -> Iterator[TupleRow]:
    """(purchase id, store, when, skus, prices) of what these bought in a window, as a stream.

    They are looked up by key, whatever the planner makes of their number.
    """
    connection.execute("SET LOCAL enable_hashjoin = off")
    connection.execute("SET LOCAL enable_mergejoin = off")
    with connection.cursor(name="suggestions", withhold=False) as cursor:
        cursor.itersize = _AT_ONCE
        cursor.execute(_BASKETS, (list(members), since, until))
        yield from cursor


def newest(connection: Connected) -> dict[str, Any] | None:
    """The newest refresh that was finished."""
    row = connection.execute(
        f"SELECT {REFRESH} FROM suggestion_refreshes WHERE finished_at IS NOT NULL ORDER BY refresh DESC LIMIT 1"
    ).fetchone()
    return dict(zip(REFRESH.split(", "), row, strict=True)) if row else None


def begin(connection: Connected, *, now: datetime, settings: Sequence[int]) -> int:
    """Number a refresh, and clear away what was begun and never finished."""
    for table in ("suggestion_products", "suggestion_stores"):
        connection.execute(
            f"DELETE FROM {table} WHERE refresh NOT IN"
            " (SELECT refresh FROM suggestion_refreshes WHERE finished_at IS NOT NULL)"
        )
    connection.execute("DELETE FROM suggestion_refreshes WHERE finished_at IS NULL")
    row = connection.execute(
        "INSERT INTO suggestion_refreshes (refresh, began_at, weeks, min_baskets, min_lift_percent)"
        " SELECT coalesce(max(refresh), 0) + 1, %s, %s, %s, %s FROM suggestion_refreshes RETURNING refresh",
        (now, *settings),
    ).fetchone()
    return int(row[0]) if row else 0


def finish(connection: Connected, *, refresh: int, now: datetime, counts: Sequence[int]) -> None:
    """From now on this one is read. The one before stays, for those who are just reading it."""
    connection.execute(
        "UPDATE suggestion_refreshes SET finished_at = %s, every = %s, baskets = %s, products = %s, pairs = %s"
        " WHERE refresh = %s",
        (now, *counts, refresh),
    )
    for table in ("suggestion_products", "suggestion_stores", "suggestion_refreshes"):
        connection.execute(f"DELETE FROM {table} WHERE refresh < %s", (refresh - 1,))


def products(connection: Connected, refresh: int) -> list[TupleRow]:
    """(sku, baskets, price, others, together) of a refresh in the order of their numbers."""
    return connection.execute(
        "SELECT sku, baskets, price, others, together FROM suggestion_products WHERE refresh = %s ORDER BY number",
        (refresh,),
        binary=True,
    ).fetchall()


def sold(connection: Connected, refresh: int, store: str) -> TupleRow | None:
    """(baskets, products, sold) of a store."""
    return connection.execute(
        "SELECT baskets, products, sold FROM suggestion_stores WHERE refresh = %s AND store_id = %s",
        (refresh, store),
        binary=True,
    ).fetchone()

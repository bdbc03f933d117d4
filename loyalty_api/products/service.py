"""Products: kept, found, and remembered by each process until the master changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakValueDictionary

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import masters
from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.products import rules
from loyalty_api.products.rules import Product

_COLUMNS = {
    "sku": "text",
    "name": "text",
    "category": "text[]",
    "department": "text",
    "brand": "text",
    "legal_class": "text",
    "deposit": "bigint",
    "unit": "text",
    "cost": "bigint",
    "type": "text",
    "tags": "text[]",
}
MASTER = masters.Master(name="products", shown="sku", columns=_COLUMNS, read=rules.read)

_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM products"
_RESOLVE = (
    "SELECT sku, category, department, brand, legal_class, unit, type, tags FROM products WHERE sku = ANY(%s)"
)
_REMEMBERED = 60_000


class ProductUnknown(NotFound):
    """No product has this sku."""

    code, title = "product_unknown", "We do not know this product"


def get(session: Session, *, sku: str) -> dict[str, Any]:
    """The product ``sku`` as its document; money in minor units.

    :raises ProductUnknown: there is none.
    """
    row = None
    if rules.is_sku(sku):
        row = driver(session).execute(f"{_SELECT} WHERE sku = %s", (sku,)).fetchone()
    if row is None:
        raise ProductUnknown(f"We do not know the product {sku[:80]!r}.")
    return dict(zip(_COLUMNS, row, strict=True))


def list_products(session: Session, *, after: str | None = None, limit: int) -> list[dict[str, Any]]:
    """Up to ``limit`` products as documents in the order of their skus, from behind ``after``."""
    rows = driver(session).execute(f"{_SELECT} WHERE sku > %s ORDER BY sku LIMIT %s", (after or "", limit))
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]


_UNKNOWN = Product((), None, None, None, "each", "goods")
"""Remembered in place of a product that the master does not hold."""


def names(connection: psycopg.Connection[TupleRow], skus: Sequence[str]) -> dict[str, str]:
    """What people call the known ones among ``skus``."""
    return dict(
        connection.execute("SELECT sku, name FROM products WHERE sku = ANY(%s)", (list(skus),)).fetchall()
    )


class _Held:
    """What is remembered of one version, in two generations: bounded, and what is in use is not forgotten."""

    __slots__ = ("most", "old", "version", "young")

    def __init__(self, version: int, most: int) -> None:
        self.version, self.most = version, most
        self.young: dict[str, Product] = {}
        self.old: dict[str, Product] = {}

    def get(self, sku: str) -> Product | None:
        product = self.young.get(sku)
        if product is None and (product := self.old.get(sku)) is not None:
            self.put(sku, product)
        return product

    def put(self, sku: str, product: Product) -> None:
        if len(self.young) >= self.most // 2:
            self.old, self.young = self.young, {}
        self.young[sku] = product


class Catalogue:
    """What rules need of each product, remembered by a process until the master's version differs.

    At most ``most`` skus are remembered, unknown ones too. Products that rules cannot tell apart share one
    object, so that a large assortment costs little more than its skus.
    """

    def __init__(self, *, most: int = _REMEMBERED) -> None:
        self._most = most
        self._held = _Held(-1, most)
        self._shapes: WeakValueDictionary[tuple[Any, ...], Product] = WeakValueDictionary()

    def resolve(
        self, connection: psycopg.Connection[TupleRow], skus: Iterable[str], *, version: int
    ) -> dict[str, Product]:
        """The known ones among ``skus``, at least as new as ``version``.

        The caller has read it from the database: it is the number that ``master_versions`` has for
        ``products`` (see ``masters.version``). What a thread reads goes to the version it began with, so that
        it is never taken for a later one.
        """
        held = self._held
        if held.version != version:
            held = self._held = _Held(version, self._most)
        found: dict[str, Product] = {}
        missing: list[str] = []
        for sku in set(skus):
            product = held.get(sku)
            if product is None:
                missing.append(sku)
            elif product is not _UNKNOWN:
                found[sku] = product
        return found | self._load(connection, held, missing) if missing else found

    def _load(
        self, connection: psycopg.Connection[TupleRow], held: _Held, skus: list[str]
    ) -> dict[str, Product]:
        found = {row[0]: self._share(row) for row in connection.execute(_RESOLVE, (skus,))}
        for sku in skus:
            held.put(sku, found.get(sku, _UNKNOWN))
        return found

    def _share(self, row: tuple[Any, ...]) -> Product:
        shape = (tuple(row[1]), *row[2:-1], tuple(row[-1]))
        found = self._shapes.get(shape)
        if found is None:
            found = self._shapes[shape] = Product(*shape)
        return found

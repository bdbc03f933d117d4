"""Stores: kept, found, and remembered by each process until they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import masters
from loyalty_api.db import driver
from loyalty_api.errors import Conflict, NotFound
from loyalty_api.stores import rules
from loyalty_api.stores.rules import Store

_COLUMNS = {"store_id": "text", "name": "text", "time_zone": "text", "city": "text", "active": "boolean"}
MASTER = masters.Master(name="stores", shown="store", columns=_COLUMNS, read=rules.read)

_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM stores"


class StoreUnknown(NotFound):
    """No store has this id."""

    code, title = "store_unknown", "We do not know this store"


class StoreExists(Conflict):
    """A store with this id is there already."""

    code, title = "store_exists", "There is a store with this id already"


def get(session: Session, *, store_id: str) -> Store:
    """The store ``store_id``.

    :raises StoreUnknown: there is none.
    """
    row = None
    if rules.is_store_id(store_id):
        row = driver(session).execute(f"{_SELECT} WHERE store_id = %s", (store_id,)).fetchone()
    if row is None:
        raise StoreUnknown(f"We do not know the store {store_id[:80]!r}.")
    return Store(*row)


def list_stores(session: Session, *, after: str | None = None, limit: int) -> list[Store]:
    """Up to ``limit`` stores in the order of their ids, from behind ``after``."""
    rows = driver(session).execute(
        f"{_SELECT} WHERE store_id > %s ORDER BY store_id LIMIT %s", (after or "", limit)
    )
    return [Store(*row) for row in rows]


def create_store(
    session: Session,
    *,
    store_id: str,
    name: str,
    time_zone: str,
    now: datetime,
    by: str,
    city: str | None = None,
) -> Store:
    """Add a store. ``by`` says who did it.

    :raises Invalid: the id, the name or the time zone is not one.
    :raises StoreExists: the id is taken.
    """
    row = rules.read({"store": store_id, "name": name, "time_zone": time_zone, "city": city})
    found = driver(session).execute(f"{_SELECT} WHERE store_id = %s", (store_id,)).fetchone()
    if found is not None:
        raise StoreExists(f"There is a store {store_id} already.")
    masters.store(session, MASTER, [row], now=now, by=by)
    return Store(*row)


@dataclass(frozen=True, slots=True)
class _Held:
    version: int
    stores: Mapping[str, Store] = field(default_factory=dict)


class Directory:
    """Every store, held by a process until the master's version differs."""

    def __init__(self) -> None:
        self._held = _Held(version=-1)

    def known(self, connection: psycopg.Connection[TupleRow], *, version: int) -> Mapping[str, Store]:
        """All stores by their ids, at least as new as ``version``.

        The caller has read it from the database: it is the number that ``master_versions`` has for ``stores``
        (see ``masters.version``).
        """
        held = self._held
        if held.version != version:
            held = _Held(version, {row[0]: Store(*row) for row in connection.execute(_SELECT)})
            self._held = held
        return held.stores

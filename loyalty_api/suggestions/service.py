"""Suggestions: counted by a job, held in memory by each process, looked up for a basket.

A refresh reads what was bought a few members at a time, counts it, writes it under a number of its own, and is read
from the moment it is finished. One that was killed leaves rows that nobody reads and the next one clears away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock
from typing import Any, Protocol
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import Database, driver
from loyalty_api.products.rules import Product
from loyalty_api.products.service import names
from loyalty_api.program import service as programs
from loyalty_api.rulekit.basket import Basket
from loyalty_api.suggestions import queries
from loyalty_api.suggestions.rules import (
    Associations,
    Because,
    Sold,
    Suggesting,
    Suggestion,
    factor,
    suggested,
)
from loyalty_api.suggestions.rules_counting import Baskets, Together

__all__ = ["Because", "Memory", "Suggestion", "refresh_due"]

UnitOfWork = Callable[[], AbstractContextManager[Session]]
Connected = Connection[TupleRow]
_START = UUID(int=0)
_MEMBERS_AT_ONCE, _ROWS_AT_ONCE = 500, 500
_REREAD_SECONDS = 15.0
_NAMES_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a refresh counts: the sales of so many weeks, and which pairs are worth keeping."""

    weeks: int
    min_baskets: int
    min_lift_percent: int

    @property
    def numbers(self) -> tuple[int, int, int]:
        return self.weeks, self.min_baskets, self.min_lift_percent


class Limit(Protocol):
    """How long a job may go on."""

    @property
    def reached(self) -> bool:
        """Whether it is to stop."""
        ...


def refresh_due(database: Database, *, now: datetime, limit: Limit) -> int:
    """Count anew what is bought together, if the program in force wants suggestions and it is time; the pairs kept.

    Nothing is changed when the ``limit`` is reached before all is read.
    """
    unit_of_work = database.unit_of_work
    with unit_of_work() as session:
        terms = _due(session, now)
    if terms is None:
        return 0
    baskets = _read(unit_of_work, terms, now, limit)
    return _write(unit_of_work, terms, baskets, now) if baskets is not None else 0


def _due(session: Session, now: datetime) -> _Terms | None:
    """What is to be counted now. Other terms than those of the newest refresh are not waited for."""
    program = programs.settings_in_force(session, now=now)
    section = program.sections["suggestions"] if program else None
    if section is None or not section["most"]:
        return None
    terms = _Terms(section["weeks"], section["min_baskets"], section["min_lift_percent"])
    last = queries.newest(driver(session))
    if last is None or terms.numbers != tuple(last[name] for name in _Terms.__slots__):
        return terms
    return terms if last["began_at"] + timedelta(days=section["refresh_days"]) <= now else None


def _read(unit_of_work: UnitOfWork, terms: _Terms, now: datetime, limit: Limit) -> Baskets | None:
    baskets, since, place = Baskets(), now - timedelta(weeks=terms.weeks), _START
    while not limit.reached:
        with unit_of_work() as session:
            members = queries.accounts(driver(session), after=place, limit=_MEMBERS_AT_ONCE)
            for bought_id, store, at, skus, prices in queries.baskets(
                driver(session), members, since=since, until=now
            ):
                baskets.add(bought_id.int, store, int(at.timestamp()), skus, prices)
        if len(members) < _MEMBERS_AT_ONCE:
            return baskets
        place = members[-1]
    return None


def _write(unit_of_work: UnitOfWork, terms: _Terms, baskets: Baskets, now: datetime) -> int:
    with unit_of_work() as session:
        refresh = queries.begin(driver(session), now=now, settings=terms.numbers)
    counted = baskets.together(min_baskets=terms.min_baskets, min_lift_percent=terms.min_lift_percent)
    products = pairs = 0
    for rows in _in_handfuls(_product_rows(refresh, counted)):
        products, pairs = products + len(rows), pairs + sum(len(row[-1]) for row in rows)
        with unit_of_work() as session:
            queries.PRODUCTS.insert(driver(session), rows)
    for rows in _in_handfuls(_store_rows(refresh, counted)):
        with unit_of_work() as session:
            queries.STORES.insert(driver(session), rows)
    with unit_of_work() as session:
        counts = (baskets.every, len(baskets), products, pairs)
        queries.finish(driver(session), refresh=refresh, now=now, counts=counts)
    return pairs


Row = tuple[Any, ...]


def _product_rows(refresh: int, counted: Together) -> Iterator[Row]:
    for one in counted.products():
        yield (refresh, one.number, one.sku, one.baskets, one.price, _array(one.others), _array(one.together))


def _store_rows(refresh: int, counted: Together) -> Iterator[Row]:
    for store, sold in counted.stores():
        yield (refresh, store, sold.baskets, _array(sold.products), _array(sold.products.values()))


def _array(numbers: Iterable[int]) -> list[int]:
    return list(numbers)


def _in_handfuls(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while handful := list(islice(rows, _ROWS_AT_ONCE)):
        yield handful


class Memory:
    """What a process knows of what is bought together, until a newer refresh is finished.

    It looks for one every few seconds at most. One thread loads it, while the others go on with what is known.
    """

    def __init__(self) -> None:
        self._known: Associations | None = None
        self._names: tuple[int, dict[str, str]] = (-1, {})
        self._loading = Lock()
        self._looked_at = float("-inf")

    def suggest(
        self,
        connection: Connected,
        wanted: Suggesting,
        basket: Basket,
        *,
        products: Callable[[Sequence[str]], Mapping[str, Product]],
    ) -> list[Suggestion]:
        """What a basket is suggested; ``products`` looks products up in the master."""
        known = self.known(connection)
        sold = self.sold(connection, known, basket.store) if known else None
        return suggested(wanted, basket, known, sold=sold, products=products)

    def known(self, connection: Connected, *, within: float = _REREAD_SECONDS) -> Associations | None:
        """The newest counts, looked for anew when the last look is not ``within`` so many seconds."""
        if time.monotonic() - self._looked_at < within or not self._loading.acquire(blocking=False):
            return self._known
        try:
            newest = queries.newest(connection)
            if newest and (self._known is None or self._known.refresh != newest["refresh"]):
                self._known = _loaded(connection, newest)
            self._looked_at = time.monotonic()
        finally:
            self._loading.release()
        return self._known

    def sold(self, connection: Connected, known: Associations, store: str) -> Sold | None:
        """What a store sold, read the first time somebody asks; None when nothing was counted of it."""
        if store not in known.stores:
            row = queries.sold(connection, known.refresh, store)
            known.stores[store] = Sold(row[0], dict(zip(row[1], row[2], strict=True))) if row else None
        return known.stores[store]

    def names(self, connection: Connected, skus: Iterable[str], *, version: int) -> Mapping[str, str]:
        """The names of products, remembered until the master's ``version`` differs."""
        held, found = self._names
        if held != version or len(found) > _NAMES_REMEMBERED:
            self._names = (version, found := {})
        missing = [sku for sku in set(skus) if sku not in found]
        if missing:
            found |= dict.fromkeys(missing, "") | names(connection, missing)
        return found

    def about(
        self,
        connection: Connected,
        wanted: Suggesting,
        *,
        sku: str,
        store: str | None,
        products: Callable[[Sequence[str]], Mapping[str, Product]],
    ) -> dict[str, Any]:
        """What was bought together with a product, the best first, and why some of it is not suggested."""
        known, head = self.known(connection, within=0), queries.newest(connection)
        number = known.numbers.get(sku) if known else None
        about = {
            "sku": sku,
            "refreshed_at": head and head["began_at"],
            "baskets": known.baskets if known else 0,
            "bought": known.bought[number] if known and number is not None else 0,
        }
        if known is None or number is None:
            return {**about, "data": []}
        sold = self.sold(connection, known, store) if store else None
        masters = products([known.skus[other] for other in known.others[number]])
        shown = [
            _pair(known, number, other, n, wanted, masters, sold)
            for other, n in zip(known.others[number], known.together[number], strict=True)
        ]
        return {**about, "data": shown}


def _pair(
    known: Associations,
    number: int,
    other: int,
    together: int,
    wanted: Suggesting,
    masters: Mapping[str, Product],
    sold: Sold | None,
) -> dict[str, Any]:
    sku = known.skus[other]
    kept_out = wanted.verdict(sku, masters.get(sku))
    if kept_out is None and sold and not factor(known, sold, other):
        kept_out = "not_sold_here"
    percent = 100 * together * known.baskets // (known.bought[number] * known.bought[other])
    return {
        "sku": sku, "together": together, "bought": known.bought[other], "lift_percent": percent,
        "kept_out": kept_out,
    }  # fmt: skip


def _loaded(connection: Connected, newest: Mapping[str, Any]) -> Associations:
    known = Associations(newest["refresh"], newest["baskets"])
    for sku, bought, price, others, together in queries.products(connection, known.refresh):
        known.add(sku, bought=bought, price=price, others=others, together=together)
    known.weigh()
    return known

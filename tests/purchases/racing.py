"""Callers at the same moment: each with a thread and a connection of its own."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import psycopg
from sqlalchemy import exc

from loyalty_api.db import Database
from loyalty_api.deliveries import deliver_due
from loyalty_api.operations.invariants import INVARIANTS
from tests.support.engines import until
from tests.support.shop import Caller, Reply, Shop

Result = TypeVar("Result")
_keys = itertools.count(1)

# A till sends the same again when it hears one of these.
AGAIN = {409, 429, 503}
# Of the refusals those that say so: what others do at this moment, or a machine that is busy, stood in the way.
BUSY = {"request_in_progress", "unavailable", "rate_limited", "batch_running"}
_TRIES = 200


def at_once(*work: Callable[[], Result]) -> list[Result]:
    """Run everything at the same moment; the results in the order of the work."""
    gate = threading.Barrier(len(work))

    def run(task: Callable[[], Result]) -> Result:
        gate.wait(120)
        return task()

    with ThreadPoolExecutor(len(work)) as threads:
        return list(threads.map(run, work))


def patiently(task: Callable[..., Result], *given: Any) -> Result:
    """The result of work below HTTP, done again while it is told that it waited for too long."""
    for _ in range(_TRIES):
        try:
            return task(*given)
        except (psycopg.OperationalError, exc.OperationalError, exc.TimeoutError):
            time.sleep(0.05)
    return task(*given)


def times(number: int, task: Callable[..., Result], *given: Any) -> list[Callable[[], Result]]:
    """The same work so many times."""
    return [partial(task, *given)] * number


def another(caller: Caller) -> Caller:
    """The same client on a connection of its own: a test client serves one thread."""
    return Caller(caller.app, caller.headers)


def insist(work: Callable[[], Reply]) -> Reply:
    """What every client does: the same again, under the same key, until it is told what became of it."""
    for _ in range(_TRIES):
        answer = work()
        if answer.code not in BUSY and answer.status != 503:
            return answer
        time.sleep(0.05)
    raise AssertionError(answer.body)


def insisting(caller: Caller, path: str, body: Any = None, *, key: str | None = "") -> Callable[[], Reply]:
    """A POST that is sent until it is answered, on a connection and under a key of its own unless one is given."""
    mine, key = another(caller), f"race-{next(_keys)}" if key == "" else key
    return partial(insist, partial(mine.post, path, body, key=key))


def until_answered(till: Caller, body: dict[str, Any], seen: list[int]) -> Reply:
    """What a till does: the same body again until it is told what became of it."""
    for _ in range(_TRIES):
        answer = till.post("/v1/purchases", body, key=None)
        seen.append(answer.status)
        if answer.status not in AGAIN or answer.code == "receipt_mismatch":
            return answer
        time.sleep(0.05)
    raise AssertionError(seen)


def wait_for_waiting(shop: Shop, kind: str) -> None:
    """Until some transaction waits for a lock of this kind (``advisory``, ``transactionid``, …)."""
    query = (
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = %s AND NOT granted AND datname = current_database()"
    )

    def waits() -> bool:
        row = shop.database.fetch_one(query, (kind,))
        return row is not None and row[0] > 0

    until(waits, f"somebody waits for a lock ({kind})")


def settled(shop: Shop) -> Shop:
    """The shop once all that follows from what happened has been done."""
    while deliver_due(shop.database, shop.app.extensions["desk"]):
        pass
    return shop


def breaches(shop: Shop) -> list[Sequence[Any]]:
    """What is not as it must always be, by the invariants that ``loyalty verify`` runs."""
    return breaches_in(shop.database)


def breaches_in(database: Database) -> list[Sequence[Any]]:
    """The same of any database."""
    with database.snapshot() as connection:
        return [
            (invariant.code, invariant.rule, row)
            for invariant in INVARIANTS
            for row in connection.execute(invariant.broken).fetchall()
        ]

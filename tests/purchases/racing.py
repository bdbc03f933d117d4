"""Callers at the same moment: each with a thread and a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from loyalty_api.db import Database
from loyalty_api.deliveries import deliver_due
from loyalty_api.operations.invariants import INVARIANTS
from tests.support.engines import until
from tests.support.shop import Caller, Reply, Shop

Result = TypeVar("Result")

# A till sends the same again when it hears one of these.
AGAIN = {409, 429, 503}


def at_once(*work: Callable[[], Result]) -> list[Result]:
    """Run everything at the same moment; the results in the order of the work."""
    gate = threading.Barrier(len(work))

    def run(task: Callable[[], Result]) -> Result:
        gate.wait(30)
        return task()

    with ThreadPoolExecutor(len(work)) as threads:
        return list(threads.map(run, work))


def times(number: int, task: Callable[..., Result], *given: Any) -> list[Callable[[], Result]]:
    """The same work so many times."""
    return [partial(task, *given)] * number


def another(caller: Caller) -> Caller:
    """The same client on a connection of its own: a test client serves one thread."""
    return Caller(caller.app, caller.headers)


def until_answered(till: Caller, body: dict[str, Any], seen: list[int]) -> Reply:
    """What a till does: the same body again until it is told what became of it."""
    for _ in range(100):
        answer = till.post("/v1/purchases", body, key=None)
        seen.append(answer.status)
        if answer.status not in AGAIN or answer.code == "receipt_mismatch":
            return answer
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

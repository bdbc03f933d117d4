"""``loyalty verify``: runs the invariants over one moment of the database, in production too.

PostgreSQL does the folding, so our memory does not grow with the history; only the first few ids of what is
wrong come back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from loyalty_api.operations.invariant import Invariant
from loyalty_api.operations.invariants import INVARIANTS
from loyalty_api.operations.place import connect

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many things an invariant was checked on, how many break it, and the first: (id, trouble)."""

    invariant: Invariant
    checked: int
    broken: int
    first: tuple[tuple[str, str], ...]


def verify(url: str) -> Iterator[Verdict]:
    """A verdict on each invariant, all of them over the same snapshot.

    :raises EngineUnavailable: the database cannot be reached.
    """
    with connect(url) as connection:
        # This reads whole tables, so the limits that guard requests are not for it.
        connection.execute("SET statement_timeout = 0")
        connection.execute("SET work_mem = '64MB'")
        connection.execute("SET jit = off")
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield from judge(connection)


def judge(connection: psycopg.Connection[TupleRow]) -> Iterator[Verdict]:
    """A verdict on each invariant, as the present transaction sees the database."""
    return (_judge(connection, invariant) for invariant in INVARIANTS)


def _judge(connection: psycopg.Connection[TupleRow], invariant: Invariant) -> Verdict:
    counted = connection.execute(invariant.checked).fetchone()
    rows = connection.execute(
        f"SELECT count(*) OVER (), broken.* FROM ({invariant.broken}) AS broken(id, what) LIMIT {_SHOWN}"
    ).fetchall()
    return Verdict(
        invariant,
        checked=counted[0] if counted else 0,
        broken=rows[0][0] if rows else 0,
        first=tuple((row[1], row[2]) for row in rows),
    )

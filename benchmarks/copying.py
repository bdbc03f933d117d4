"""Batches against COPY: the rows that a batch really stored go into the same tables of another database.

One connection on each side, and so one process of ours and one of PostgreSQL's against one of PostgreSQL's. COPY
gets its text ready-made and commits once a batch; it has the same columns, constraints and indexes. What the batch
changes in rows that were there (members' versions, balances) is not asked of COPY.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
import psycopg

from benchmarks import baskets
from benchmarks.figures import Figure, Pace, Street
from benchmarks.load import LoadFailed
from benchmarks.place import connect
from loyalty_api import migrating
from loyalty_api.demo.client import NDJSON, Connection
from loyalty_api.demo.data import Purchase

_MOST_ROUNDS = 5
_BASKETS = 1_500
_OURS = "SELECT purchase_id FROM purchases WHERE recorded_at >= %(since)s"
# In the order of their foreign keys; each with the rows that were stored since a moment.
_TABLES = {
    "receipts": f"purchase_id IN ({_OURS})",
    "locators": f"id IN ({_OURS})",
    "purchases": "recorded_at >= %(since)s",
    "purchase_lines": f"purchase_id IN ({_OURS})",
    "journals": "recorded_at >= %(since)s",
    "postings": "journal_id IN (SELECT journal_id FROM journals WHERE recorded_at >= %(since)s)",
    "lots": "recorded_at >= %(since)s",
    "events": "recorded_at >= %(since)s",
}


@dataclass(frozen=True, slots=True)
class _Copy:
    """One table's rows as COPY takes them."""

    statement: str
    text: bytes


def batches(street: Street, pace: Pace) -> Figure:
    """Lines stored a second, real baskets as they happened, whole chunks at a time."""
    connection = connect(street.api)
    owner_url, app_url = street.shop.other_database("copied")
    migrating.upgrade(owner_url=owner_url, app_url=app_url)
    ours, copied = [], []
    with psycopg.connect(street.shop.owner_url, autocommit=True) as source, psycopg.connect(owner_url) as to:
        # The planner takes nothing to be newer than its statistics, and would read all lines for each purchase.
        source.execute("SET enable_nestloop = off")
        for chunk in _chunks(min(pace.rounds, _MOST_ROUNDS) + 1):
            since = _now(source)
            lines = sum(len(purchase.lines) for purchase in chunk)
            ours.append(lines / _send(street, connection, chunk))
            copied.append(lines / _copy(to, list(_stored(source, since))))
    rounds = [mine / theirs for mine, theirs in zip(ours, copied, strict=True)][1:]
    more = {
        "measured": {"lines_per_second": round(statistics.median(ours[1:]))},
        "ceiling": {"lines_per_second": round(statistics.median(copied[1:]))},
        "connections": 1,
    }
    title = "batch purchases, lines stored a second ÷ COPY of the same rows (1 connection each)"
    return Figure("batch", title, statistics.median(rounds), 0.20, rounds=rounds, more=more)


def _chunks(count: int) -> Iterator[Sequence[Purchase]]:
    bought = iter(baskets.of_members())
    for _ in range(count):
        yield list(islice(bought, _BASKETS))


def _send(street: Street, connection: Connection, chunk: Sequence[Purchase]) -> float:
    """Seconds until the last result was there.

    :raises LoadFailed: something was not recorded.
    """
    body = baskets.batch(chunk, street.shop.cards)
    began = time.perf_counter()
    answer = connection.call(
        method="POST", path="/v1/batch", client=street.shop.office, body=body, content_type=NDJSON
    )
    took = time.perf_counter() - began
    found = [orjson.loads(line) for line in answer.body.splitlines()]
    if answer.status != 200 or [result["status"] for result in found] != ["created"] * len(chunk):
        raise LoadFailed(f"A batch was not recorded: {answer.status} {answer.body[:500]!r}")
    return took


def _now(source: psycopg.Connection[Any]) -> datetime:
    row = source.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    found: datetime = row[0]
    return found


def _stored(source: psycopg.Connection[Any], since: datetime) -> Iterator[_Copy]:
    for table, condition in _TABLES.items():
        columns = ", ".join(
            row[0]
            for row in source.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
                " AND NOT attisdropped ORDER BY attnum",
                (table,),
            )
        )
        rows = f"COPY (SELECT {columns} FROM {table} WHERE {condition}) TO STDOUT"
        with source.cursor().copy(rows, {"since": since}) as copy:
            yield _Copy(f"COPY {table} ({columns}) FROM STDIN", b"".join(copy))


def _copy(to: psycopg.Connection[Any], copies: Sequence[_Copy]) -> float:
    """Seconds until the rows were there for good."""
    began = time.perf_counter()
    with to.transaction(), to.cursor() as cursor:
        for given in copies:
            with cursor.copy(given.statement) as copy:
                copy.write(given.text)
    to.commit()
    return time.perf_counter() - began

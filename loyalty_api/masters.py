"""How the merchant's master (stores, products) is uploaded, and how caches of it know that it changed.

A master is a table whose rows are replaced by documents. A chunk of documents is one transaction: the row of
``master_versions`` is locked first, so that uploads take turns and each line's answer is exact; it counts up
once for a chunk that changed anything. Whoever caches the master compares that number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from loyalty_api.db import Base, driver
from loyalty_api.documents import load_line
from loyalty_api.errors import LoyaltyError

CHUNK = 500
"""Documents a transaction: what is acknowledged is durable, and no till waits long for a lock."""

Row = tuple[Any, ...]
UnitOfWork = Callable[[], AbstractContextManager[Session]]


class MasterVersion(Base):
    """How often a master has changed."""

    __tablename__ = "master_versions"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True)
class Master:
    """One master: its table, its columns with their PostgreSQL types (the key first), how to read a document.

    ``read`` gives the columns' values in their order and raises Invalid. ``shown`` is what documents call the
    key.
    """

    name: str
    shown: str
    columns: Mapping[str, str]
    read: Callable[[Any], Row]
    select: str = field(init=False)
    upsert: str = field(init=False)

    def __post_init__(self) -> None:
        key, *others = self.columns
        names = ", ".join(self.columns)
        typed = ", ".join(f"{column} {kind}" for column, kind in self.columns.items())
        replaced = ", ".join(f"{c} = excluded.{c}" for c in (*others, "changed_at", "changed_by"))
        object.__setattr__(self, "select", f"SELECT {names} FROM {self.name} WHERE {key} = ANY(%s)")
        object.__setattr__(
            self,
            "upsert",
            f"INSERT INTO {self.name} ({names}, changed_at, changed_by)"
            f" SELECT {names}, %s, %s FROM json_to_recordset(%s::json) AS fresh ({typed})"
            f" ON CONFLICT ({key}) DO UPDATE SET {replaced}",
        )


def version(connection: psycopg.Connection[TupleRow], name: str) -> int:
    """How often the master ``name`` has changed, as of the connection's transaction."""
    row = connection.execute("SELECT version FROM master_versions WHERE name = %s", (name,)).fetchone()
    return row[0] if row else 0


def store(session: Session, master: Master, rows: Sequence[Row], *, now: datetime, by: str) -> list[str]:
    """Write ``rows`` and say of each, in order, whether it was ``created``, ``updated`` or ``unchanged``.

    A key that comes twice is written as it stands last. ``by`` is the client that sent them.
    """
    connection = driver(session)
    connection.execute("SELECT 1 FROM master_versions WHERE name = %s FOR UPDATE", (master.name,))
    held = {row[0]: row for row in connection.execute(master.select, ([row[0] for row in rows],))}
    statuses, changed = [], dict[Any, Row]()
    for row in rows:
        before = held.get(row[0])
        statuses.append("created" if before is None else "unchanged" if before == row else "updated")
        if before != row:
            held[row[0]] = changed[row[0]] = row
    if changed:
        _write(connection, master, changed.values(), now=now, by=by)
    return statuses


def _write(
    connection: psycopg.Connection[TupleRow], master: Master, rows: Iterable[Row], *, now: datetime, by: str
) -> None:
    documents = [dict(zip(master.columns, row, strict=True)) for row in rows]
    connection.execute(master.upsert, (now, by, orjson.dumps(documents).decode()))
    connection.execute("UPDATE master_versions SET version = version + 1 WHERE name = %s", (master.name,))


def load(
    unit_of_work: UnitOfWork, master: Master, lines: Iterator[bytes], *, now: datetime, by: str
) -> Iterator[bytes]:
    """Write documents, one a line, and yield one result a line, a chunk at a time, each after its commit.

    A line that cannot be read is answered ``rejected`` and holds up no other.
    """
    start = 0
    while chunk := list(islice(lines, CHUNK)):
        results = [_read(master, index, line) for index, line in enumerate(chunk, start)]
        good = [result for result in results if result.row is not None]
        if good:
            with unit_of_work() as session:
                statuses = store(session, master, [r.row for r in good if r.row], now=now, by=by)
            for result, status in zip(good, statuses, strict=True):
                result.answer["status"] = status
        yield b"".join([orjson.dumps(r.answer, option=orjson.OPT_APPEND_NEWLINE) for r in results])
        start += len(chunk)


@dataclass(slots=True)
class _Result:
    answer: dict[str, Any]
    row: Row | None = None


def _read(master: Master, index: int, line: bytes) -> _Result:
    document: Any = None
    try:
        document = load_line(line)
        row = master.read(document)
    except LoyaltyError as error:
        return _Result(_rejected(master, index, document, error))
    return _Result({"index": index, master.shown: row[0], "status": "", "code": None, "errors": []}, row)


def _rejected(master: Master, index: int, document: Any, error: LoyaltyError) -> dict[str, Any]:
    key = document.get(master.shown) if isinstance(document, dict) else None
    faults = [{"pointer": f.pointer, "code": f.code, "message": f.message} for f in error.errors]
    return {
        "index": index,
        master.shown: key if isinstance(key, str) and len(key) <= 80 else None,
        "status": "rejected",
        "code": error.code,
        "errors": faults or [{"pointer": "", "code": error.code, "message": error.detail}],
    }

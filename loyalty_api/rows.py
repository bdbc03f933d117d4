"""Many rows into a table by one statement, whatever their number.

Rows travel as one JSON text that PostgreSQL takes apart: one parameter instead of one per column and row costs a
fraction of the client's time, and a statement that never changes stays prepared. Columns are named, so that a
release that does not know a newer column leaves it to its default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow


class Table:
    """A table's columns, by name and type, in the order in which rows are given."""

    def __init__(self, name: str, conflict: str = "", **columns: str) -> None:
        names = ", ".join(columns)
        types = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        self.name = name
        self.columns = tuple(columns)
        self.statement = f"INSERT INTO {name} ({names}) SELECT {names} FROM json_to_recordset(%s::json) AS given({types}) {conflict}"

    def insert(self, connection: Connection[TupleRow], rows: Sequence[Sequence[Any]]) -> None:
        """Insert ``rows``; nothing is sent when there are none."""
        if rows:
            connection.execute(self.statement, (self.document(rows),), prepare=True)

    def document(self, rows: Sequence[Sequence[Any]]) -> str:
        """The JSON text that stands for ``rows``."""
        columns = self.columns
        documents = [dict(zip(columns, row, strict=True)) for row in rows]
        return orjson.dumps(documents, option=orjson.OPT_UTC_Z).decode()

"""Many rows into many tables by one statement, whatever their number.

Rows travel as one JSON text a table that PostgreSQL takes apart: one parameter instead of one per column and row, and
one statement instead of one per table, cost a fraction of the client's time; a statement that never changes stays
prepared. Columns are named, so that a release that does not know a newer column leaves it to its default.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.wire import Statement, round_trip

Rows = Sequence[Sequence[Any] | dict[str, Any]]
"""Rows in the order of a table's columns, or already by column."""


class Table:
    """What is done with rows that are given by column: inserted into ``name``, or as ``statement`` says.

    ``columns`` are names with their types, in the order in which a row is given. ``conflict`` is the end of an INSERT.
    A ``statement`` of its own reads the rows from ``{given}``.
    """

    def __init__(self, name: str, conflict: str = "", /, *, statement: str = "", **columns: str) -> None:
        names = ", ".join(columns)
        types = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        self.name = name
        self.columns = tuple(columns)
        template = statement or f"INSERT INTO {name} ({names}) SELECT {names} FROM {{given}} {conflict}"
        self._template = template.replace("{given}", f"json_to_recordset({{place}}::json) AS given({types})")

    def statement(self, place: str = "$1") -> str:
        """The SQL, with the rows' JSON text at the placeholder ``place``."""
        return self._template.replace("{place}", place)

    def insert(self, connection: Connection[TupleRow], rows: Rows) -> None:
        """Write ``rows``; nothing is sent when there are none."""
        write(connection, [(self, rows)])

    def documents(self, rows: Rows) -> list[dict[str, Any]]:
        """The rows as JSON documents by column."""
        columns = self.columns
        return [row if isinstance(row, dict) else dict(zip(columns, row, strict=True)) for row in rows]


def dump(value: Any) -> str:
    """``value`` as JSON text; times in UTC with ``Z``."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()


def write(connection: Connection[TupleRow], given: Sequence[tuple[Table, Rows]]) -> None:
    """Write the rows of several tables by one statement; tables without rows are left out."""
    round_trip(connection, statements(given))


def statements(given: Sequence[tuple[Table, Rows]]) -> list[Statement]:
    """The one statement that writes the rows of several tables, or none when there are no rows.

    The parts see one moment of the database, so none of them may need what another writes; foreign keys between them
    are checked when all are done.
    """
    filled = [(table, rows) for table, rows in given if rows]
    if not filled:
        return []
    statement = _statement(tuple(table for table, _ in filled))
    return [(statement, [dump(table.documents(rows)) for table, rows in filled])]


@cache
def _statement(tables: tuple[Table, ...]) -> str:
    if len(tables) == 1:
        return tables[0].statement("$1")
    parts = ", ".join(f"part{n} AS ({table.statement(f'${n}')})" for n, table in enumerate(tables, start=1))
    return f"WITH {parts} SELECT 1"

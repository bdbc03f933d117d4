"""The sandbox's clock: one row, or none while business time is still the machine's."""

from __future__ import annotations

from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

_Connection = Connection[TupleRow]
READ = "SELECT moment FROM sandbox_clock"


def lock(connection: _Connection) -> datetime | None:
    """The moment it shows, locked against everyone else who would move it; None when it was never set."""
    connection.execute("LOCK TABLE sandbox_clock IN SHARE ROW EXCLUSIVE MODE")
    row = connection.execute(READ).fetchone()
    return row[0] if row else None


def put(connection: _Connection, moment: datetime) -> None:
    """Have it show ``moment``."""
    connection.execute(
        "INSERT INTO sandbox_clock (moment) VALUES (%s) ON CONFLICT (one) DO UPDATE SET moment = excluded.moment",
        (moment,),
    )


def something_happened(connection: _Connection) -> bool:
    """Whether anything has happened to any member yet."""
    row = connection.execute("SELECT EXISTS (SELECT FROM events)").fetchone()
    return bool(row and row[0])

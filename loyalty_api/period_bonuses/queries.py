"""Statements on bonuses of periods. What was settled is only ever added to; how far a period has come is kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.rows import Table

BONUSES = Table(
    "period_bonuses",
    member_id="uuid",
    period="varchar",
    n="smallint",
    settlement_id="uuid",
    total="bigint",
    due="bigint",
    points="bigint",
    lapsed="bigint",
    program_version="integer",
    occurred_at="timestamptz",
    settled_at="timestamptz",
)
RUNS = Table(
    "period_runs",
    "ON CONFLICT (period) DO UPDATE SET passed_at = excluded.passed_at, closed = excluded.closed",
    period="varchar",
    passed_at="timestamptz",
    closed="boolean",
)
"""Until when everybody's bonus of a period was looked at last, and whether that was the last time."""


class Settled(NamedTuple):
    """One settlement of a period: what came before it is among the others of the member and period."""

    member_id: UUID
    period: str
    n: int
    settlement_id: UUID
    total: int
    due: int
    points: int
    lapsed: int
    program_version: int
    occurred_at: datetime
    settled_at: datetime


_BUYERS = (
    "SELECT DISTINCT member_id FROM tier_progress WHERE member_id > %s AND day >= %s AND day < %s"
    " ORDER BY member_id LIMIT %s"
)
# Who is at a till this moment is left for the next time.
_LOCK = (
    "SELECT member_id FROM members WHERE member_id = ANY (%s) AND kind = 'person' AND status = ANY (%s)"
    " ORDER BY member_id FOR NO KEY UPDATE SKIP LOCKED"
)
_MAY_EARN = (
    "SELECT count(*) FROM members WHERE member_id = ANY (%s) AND kind = 'person' AND status = ANY (%s)"
)
_DAYS = (
    "SELECT member_id, day, spend FROM tier_progress WHERE member_id = ANY (%s) AND day >= %s AND day < %s"
)
_SETTLED = f"SELECT {', '.join(BONUSES.columns)} FROM period_bonuses"


def runs(connection: Connection[TupleRow]) -> dict[str, tuple[datetime, bool]]:
    """How far each period has come: when it was passed last, and whether it is closed."""
    rows = connection.execute("SELECT period, passed_at, closed FROM period_runs")
    return {row[0]: (row[1], row[2]) for row in rows}


def buyers(
    connection: Connection[TupleRow], *, after: UUID, first: date, end: date, limit: int
) -> list[UUID]:
    """Members of whom something counted on one of these days, behind ``after``."""
    return [row[0] for row in connection.execute(_BUYERS, (after, first, end, limit), prepare=True)]


def lock_free(
    connection: Connection[TupleRow], members: Sequence[UUID], statuses: Sequence[str]
) -> tuple[list[UUID], bool]:
    """Lock those of the members who may earn and whom nobody holds; and whether somebody was left out."""
    names = (list(members), list(statuses))
    held = [row[0] for row in connection.execute(_LOCK, names, prepare=True)]
    row = connection.execute(_MAY_EARN, names, prepare=True).fetchone()
    return held, row is not None and row[0] > len(held)


def days_of(
    connection: Connection[TupleRow], members: Sequence[UUID], *, first: date, end: date
) -> list[tuple[UUID, date, int]]:
    """What counted as spent by these members on each of these days, in minor units."""
    return [(row[0], row[1], row[2]) for row in connection.execute(_DAYS, (list(members), first, end))]


def settled(
    connection: Connection[TupleRow], members: Sequence[UUID], periods: Sequence[str] | None = None
) -> list[Settled]:
    """What was settled for these members, of all periods or of these."""
    rows: Any = connection.execute(
        f"{_SETTLED} WHERE member_id = ANY (%s) AND (%s::text[] IS NULL OR period = ANY (%s)) ORDER BY n",
        (list(members), periods and list(periods), periods and list(periods)),
    )
    return [Settled(*row) for row in rows]

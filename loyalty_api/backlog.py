"""What lies there undone: how late the work of time is, and how much waits for a program or a person to look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from loyalty_api.db import Database

# Counting ends where it no longer matters how many more there are.
_MOST = 10_000
_ASKED = f"""
SELECT (SELECT min(next_due_at) FROM balances WHERE next_due_at IS NOT NULL),
       (SELECT min(expires_at) FROM redemptions WHERE status = 'held'),
       (SELECT count(*) FROM (SELECT FROM events WHERE reaction_due LIMIT {_MOST}) AS due),
       (SELECT count(*) FROM (SELECT FROM rejects WHERE cleared_at IS NULL LIMIT {_MOST}) AS open),
       (SELECT count(*) FROM jobs.procrastinate_jobs WHERE status = 'failed')
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Whole seconds that the oldest of its kind is late, and how many of its kind wait (10,000 stands for any more)."""

    points_late: int
    holds_late: int
    reactions: int
    rejects: int
    failed_jobs: int


def look(database: Database, *, now: datetime) -> Backlog:
    """What lies there at ``now``, business time. Raises what the driver raises when there is no database."""
    row = database.fetch_one(_ASKED, ())
    assert row is not None  # noqa: S101 - it asks for one row of counts
    points, holds, reactions, rejects, failed = row
    return Backlog(_late(points, now), _late(holds, now), reactions, rejects, failed)


def _late(due: datetime | None, now: datetime) -> int:
    return max(0, int((now - due).total_seconds())) if due else 0

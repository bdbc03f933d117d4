"""The statements behind back-tests as things that are asked for, go on, and end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.rows import Table, dump

Row = dict[str, Any]
RUNS = Table(
    "backtests",
    backtest_id="uuid",
    draft_id="uuid",
    document="text",
    fingerprint="varchar",
    versions="integer",
    starts="timestamptz",
    ends="timestamptz",
    sample="smallint",
    state="varchar",
    done="bigint",
    total="bigint",
    tries="smallint",
    place="uuid",
    partial="jsonb",
    result="jsonb",
    failure="varchar",
    created_by="varchar",
    created_at="timestamptz",
    finished_at="timestamptz",
)
_COLUMNS = ", ".join(RUNS.columns)
# What a list shows: neither the document nor what is only for whoever goes on.
_SHOWN = (
    "backtest_id", "draft_id", "fingerprint", "starts", "ends", "sample", "state", "done", "total", "result", "failure",
    "created_by", "created_at", "finished_at",
)  # fmt: skip
_OPEN = "state IN ('queued', 'running')"


def add(connection: Connection[TupleRow], row: Row) -> None:
    """Store a new run."""
    RUNS.insert(connection, [row])


def find(connection: Connection[TupleRow], draft_id: UUID, backtest_id: UUID) -> Row | None:
    """One run of a draft as it is shown."""
    row = connection.execute(
        f"SELECT {', '.join(_SHOWN)} FROM backtests WHERE backtest_id = %s AND draft_id = %s",
        (backtest_id, draft_id),
    ).fetchone()
    return dict(zip(_SHOWN, row, strict=True)) if row else None


def of_draft(
    connection: Connection[TupleRow], draft_id: UUID, *, before: UUID | None, limit: int
) -> list[Row]:
    """A draft's runs, the newest first, that are older than ``before``."""
    rows = connection.execute(
        f"SELECT {', '.join(_SHOWN)} FROM backtests WHERE draft_id = %(draft)s"
        " AND (%(before)s::uuid IS NULL OR backtest_id < %(before)s) ORDER BY backtest_id DESC LIMIT %(limit)s",
        {"draft": draft_id, "before": before, "limit": limit},
    )
    return [dict(zip(_SHOWN, row, strict=True)) for row in rows]


def next_open(connection: Connection[TupleRow]) -> Row | None:
    """The run that has waited longest, or that somebody began and did not end; held until this transaction ends."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM backtests WHERE {_OPEN} ORDER BY created_at, backtest_id LIMIT 1"
        " FOR UPDATE SKIP LOCKED"
    ).fetchone()
    return dict(zip(RUNS.columns, row, strict=True)) if row else None


def begin(connection: Connection[TupleRow], backtest_id: UUID, *, total: int) -> None:
    """It goes on from where it is; how often that was tried without getting any further is counted."""
    connection.execute(
        "UPDATE backtests SET state = 'running', total = %s, tries = tries + 1 WHERE backtest_id = %s",
        (total, backtest_id),
    )


def advance(
    connection: Connection[TupleRow],
    backtest_id: UUID,
    *,
    was: int,
    done: int,
    place: UUID | None,
    partial: Mapping[str, Any] | None,
) -> bool:
    """Keep how far it has come; False when it was cancelled meanwhile, or somebody else goes on with it."""
    row = connection.execute(
        "UPDATE backtests SET done = %s, place = %s, partial = %s, tries = 0"
        " WHERE backtest_id = %s AND state = 'running' AND done = %s RETURNING true",
        (done, place, None if partial is None else dump(partial), backtest_id, was),
    ).fetchone()
    return row is not None


def finish(
    connection: Connection[TupleRow],
    backtest_id: UUID,
    *,
    state: str,
    result: Mapping[str, Any] | None,
    failure: str | None,
    now: datetime,
) -> bool:
    """It has ended this way; False when it had ended already."""
    row = connection.execute(
        "UPDATE backtests SET state = %s, result = %s, failure = %s, finished_at = %s, partial = NULL, place = NULL"
        f" WHERE backtest_id = %s AND {_OPEN} RETURNING true",
        (state, None if result is None else dump(result), failure, now, backtest_id),
    ).fetchone()
    return row is not None


def newest_done(connection: Connection[TupleRow], draft_id: UUID, fingerprint: str) -> TupleRow | None:
    """The newest run of exactly this document that came to its end."""
    return connection.execute(
        "SELECT backtest_id, finished_at, result, sample FROM backtests WHERE draft_id = %s AND fingerprint = %s"
        " AND state = 'done' ORDER BY backtest_id DESC LIMIT 1",
        (draft_id, fingerprint),
    ).fetchone()

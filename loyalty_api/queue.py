"""Named jobs: deferred in the same transaction as what they follow from, run by a worker.

The queue is procrastinate's, in the schema ``jobs``. Deferring is one INSERT on the caller's own connection, so a job
is there exactly when what it belongs to has been committed; a trigger wakes the workers then.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.engines import with_timeouts

if TYPE_CHECKING:
    import procrastinate

QUEUE = "loyalty"
_SESSION = "-c search_path=jobs -c statement_timeout=5000 -c lock_timeout=2000 -c timezone=UTC"
# A job with an alias that waits to be run already is not deferred a second time.
_DEFER = (
    "INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, scheduled_at)"
    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING RETURNING id"
)


def defer(
    session: Session,
    *,
    job: str,
    arguments: Mapping[str, Any] | None = None,
    one_at_a_time: str | None = None,
    only_one_waiting: str | None = None,
    not_before: datetime | None = None,
) -> bool:
    """Have a worker run ``job`` once the present transaction has been committed; False when it waits already.

    ``arguments`` are JSON. Jobs of one ``one_at_a_time`` run one after the other; of those with the same
    ``only_one_waiting`` there is never more than one that has not begun. ``not_before`` is machine time.
    """
    row = (
        driver(session)
        .execute(
            _DEFER, (QUEUE, job, one_at_a_time, only_one_waiting, Jsonb(dict(arguments or {})), not_before)
        )
        .fetchone()
    )
    return row is not None


def open_queue(url: str, *, connections: int) -> procrastinate.App:
    """procrastinate's application over the database at ``url``, for a worker to register its jobs with."""
    # Whoever only defers does without it: a process that serves starts the sooner.
    import procrastinate

    connector = procrastinate.PsycopgConnector(
        conninfo=with_timeouts(url), kwargs={"options": _SESSION}, min_size=1, max_size=connections
    )
    return procrastinate.App(connector=connector)

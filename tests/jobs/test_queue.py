"""A job is there exactly when what it belongs to has been committed."""

from __future__ import annotations

import asyncio

import pytest

from loyalty_api.db import Database, driver
from loyalty_api.queue import QUEUE, defer, open_queue
from tests.support.shop import Shop


def waiting(database: Database) -> list[tuple[str, object]]:
    with database.snapshot() as connection:
        rows = connection.execute(
            "SELECT task_name, args FROM jobs.procrastinate_jobs ORDER BY id"
        ).fetchall()
    return [(row[0], row[1]) for row in rows]


def test_a_job_is_deferred_with_what_it_follows_from(fresh_shop: Shop) -> None:
    with fresh_shop.database.unit_of_work() as session:
        assert defer(session, job="greet", arguments={"who": 1})
        assert waiting(fresh_shop.database) == []
    assert waiting(fresh_shop.database) == [("greet", {"who": 1})]


def test_a_job_is_not_there_when_nothing_was_committed(fresh_shop: Shop) -> None:
    with pytest.raises(ZeroDivisionError), fresh_shop.database.unit_of_work() as session:
        defer(session, job="greet")
        raise ZeroDivisionError
    assert waiting(fresh_shop.database) == []


def test_a_job_that_waits_is_not_deferred_twice(fresh_shop: Shop) -> None:
    with fresh_shop.database.unit_of_work() as session:
        assert defer(session, job="greet", only_one_waiting="greet")
        assert not defer(session, job="greet", only_one_waiting="greet")
        assert driver(session).execute("SELECT 1").fetchone() == (1,)
    assert len(waiting(fresh_shop.database)) == 1


def test_a_worker_runs_what_was_deferred(fresh_shop: Shop) -> None:
    greeted = []
    with fresh_shop.database.unit_of_work() as session:
        for who in (1, 2):
            defer(session, job="greet", arguments={"who": who}, one_at_a_time="greet")
    url = fresh_shop.database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")

    async def run() -> None:
        queue = open_queue(url, connections=3)
        queue.task(name="greet", queue=QUEUE)(lambda who: greeted.append(who))
        async with queue.open_async():
            await queue.run_worker_async(wait=False, queues=[QUEUE], install_signal_handlers=False)

    asyncio.run(run())
    assert greeted == [1, 2]

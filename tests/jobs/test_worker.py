"""A real worker process: it does what is due, and what a killed one left behind is done by the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from loyalty_api import ids
from loyalty_api.db import Database, driver
from loyalty_api.ledger.rules import Lot
from loyalty_api.queue import defer
from tests.cli.conftest import Installation, empty, folder, installation  # noqa: F401 - fixtures
from tests.ledger.accounts import put_lots, put_members
from tests.purchases.racing import breaches_in
from tests.support.engines import until
from tests.support.processes import free_port

LONG_AGO = datetime.now(UTC) - timedelta(days=400)
DEAD_AFTER = 0.5
# In small batches with a breath between, so that there are many moments to be killed at, however slow we are to kill.
_WORK = f"""
import time
from loyalty_api import config, jobs
from loyalty_api.ledger import overdue
from loyalty_api.operations.working import Pulse, work

def slowly(*given, settle=overdue.settle_batch, **named):
    time.sleep(0.02)
    return settle(*given, **named)

jobs.MEMBERS_AT_ONCE, overdue.settle_batch = 10, slowly
work(config.read(), pulse=Pulse(0.1, {DEAD_AFTER}))
"""


@contextmanager
def worker(place: Installation, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own that dies with the block if it did not before."""
    process = subprocess.Popen(
        command or [sys.executable, "-c", _WORK],
        env={**os.environ, **place.environment},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def fill(place: Installation, members: int, lots: int) -> None:
    """Members whose points are all over long ago: half of them never woke."""
    # So many at once may take longer than a request may.
    database = Database(place.app_url, server_limits="-c timezone=UTC")
    with database.unit_of_work() as session:
        connection = driver(session)
        made = put_members(connection, members)
        put_lots(
            connection,
            {
                member_id: [
                    Lot(
                        ids.new(), "purchase", None, LONG_AGO, LONG_AGO, LONG_AGO + timedelta(days=n % 2),
                        LONG_AGO + timedelta(days=10), 10, available=10 * (1 - n % 2), pending=10 * (n % 2),
                    )
                    for n in range(lots)
                ]
                for member_id in made
            },
            now=LONG_AGO,
        )  # fmt: skip
    database.close()


def count(place: Installation, sql: str) -> int:
    with psycopg.connect(place.owner_url) as connection:
        row = connection.execute(sql).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return int(row[0])


def broken(place: Installation) -> object:
    """What is not as it must always be."""
    database = Database(place.app_url, server_limits="-c timezone=UTC")
    try:
        return breaches_in(database)
    finally:
        database.close()


EXPIRED = "SELECT coalesce(sum(expired), 0) FROM balances"
DUE = "SELECT count(*) FROM balances WHERE next_due_at <= now()"
LEFT = "SELECT count(*) FROM jobs.procrastinate_jobs WHERE status = 'doing'"
ALIVE = (
    "SELECT count(*) FROM jobs.procrastinate_workers"
    f" WHERE last_heartbeat > now() - interval '{DEAD_AFTER} seconds'"
)


def wait_until_more(place: Installation, begun: int) -> None:
    until(lambda: count(place, EXPIRED) > begun, "it has begun")


def wait_until_it_counts_as_dead(place: Installation) -> None:
    """A worker that begins before that takes its predecessor's job over, too, but only with the next full minute."""
    until(lambda: count(place, ALIVE) == 0, "its silence has been long enough")


def test_the_command_does_what_is_due_and_ends_when_it_is_told_to(installation: Installation) -> None:  # noqa: F811
    fill(installation, 20, 2)
    with worker(installation, sys.executable, "-m", "loyalty_api.cli", "worker") as process:
        until(lambda: count(installation, DUE) == 0, "everything is booked")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert count(installation, EXPIRED) == 20 * 2 * 10


def test_what_a_killed_worker_left_is_done_by_the_next(installation: Installation) -> None:  # noqa: F811
    members = 600
    fill(installation, members, 2)
    killed = 0
    while count(installation, DUE) and killed < 2:
        begun = count(installation, EXPIRED)
        with worker(installation):
            wait_until_more(installation, begun)
        killed += 1
        assert broken(installation) == []
        wait_until_it_counts_as_dead(installation)
    assert killed, "it was killed at work"
    with worker(installation):
        until(lambda: count(installation, DUE) == 0, "everything is booked")
        until(lambda: count(installation, LEFT) == 0, "nothing is left to a worker that is gone")
    assert count(installation, EXPIRED) == members * 2 * 10
    assert broken(installation) == []
    assert count(installation, "SELECT count(*) FROM journals WHERE kind = 'expire'") == members
    assert count(installation, "SELECT count(*) FROM events WHERE kind = 'points_expired'") == members


@pytest.mark.parametrize("waiting", [0, 1])
def test_a_job_of_a_dead_worker_is_taken_over_whether_or_not_the_next_one_waits(
    installation: Installation,  # noqa: F811
    waiting: int,
) -> None:
    """A job holds its name's lock while it is being done, and one that was killed would hold it for ever."""
    fill(installation, 5, 1)
    database = Database(installation.app_url)
    for number in range(1 + waiting):
        with database.unit_of_work() as session:
            defer(session, job="settle", only_one_waiting="settle", one_at_a_time="settle")
            if number == 0:
                driver(session).execute("UPDATE jobs.procrastinate_jobs SET status = 'doing'")
    database.close()
    with worker(installation):
        until(lambda: count(installation, DUE) == 0, "everything is booked")
        until(lambda: count(installation, LEFT) == 0, "nothing is left to a worker that is gone")


def test_a_worker_that_is_told_to_end_does_not_finish_a_long_run_first(installation: Installation) -> None:  # noqa: F811
    fill(installation, 2_000, 1)
    with worker(installation) as process:
        wait_until_more(installation, 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert count(installation, DUE) > 0
    assert count(installation, LEFT) == 0
    assert broken(installation) == []


def end_connections(place: Installation) -> None:
    """Those of the application's role; they are gone afterwards."""
    with psycopg.connect(place.app_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename = current_user"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_worker_outlives_its_connections(installation: Installation) -> None:  # noqa: F811
    """Whichever part of it notices first, the one that looks for jobs, that listens or that shows it lives."""
    with worker(installation) as process:
        for _ in range(3):
            until(lambda: count(installation, ALIVE) > 0, "it is there")
            end_connections(installation)
        fill(installation, 5, 1)
        database = Database(installation.app_url)
        with database.unit_of_work() as session:
            defer(session, job="settle", only_one_waiting="settle", one_at_a_time="settle")
        database.close()
        until(lambda: count(installation, DUE) == 0, "everything is booked")
        assert process.poll() is None


@pytest.mark.parametrize("given", [("--worker",), ()], ids=["asked", "by a setting"])
def test_a_server_runs_one_beside_it(installation: Installation, given: tuple[str, ...]) -> None:  # noqa: F811
    fill(installation, 5, 1)
    more = {} if given else {"LOYALTY_WORKER": "1"}
    place = Installation(installation.owner_url, installation.app_url, {**installation.environment, **more})
    command = [sys.executable, "-m", "loyalty_api.cli", "serve", "--workers", "1", *given]
    with worker(place, *command, "--port", str(free_port())) as process:
        until(lambda: count(installation, DUE) == 0, "everything is booked")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

"""Several processes, one data folder."""

from __future__ import annotations

import os
from pathlib import Path
from signal import SIGKILL

from tests.engines.looking import answers, ask, cache_answers, postgres_pid, valkey_pid
from tests.support.engines import OtherProcess, start, until


def test_a_second_process_uses_what_the_first_runs(folder: Path) -> None:
    first = OtherProcess(folder)
    said = first.wait_until_running()
    pids = postgres_pid(folder), valkey_pid(folder)
    with start(folder) as running:
        assert [running.database_url, running.redis_url] == [said["database_url"], said["redis_url"]]
        assert (postgres_pid(folder), valkey_pid(folder)) == pids
        assert answers(running)
    assert (postgres_pid(folder), valkey_pid(folder)) == pids, "leaving must not stop the first one's engines"
    first.stop()
    assert (postgres_pid(folder), valkey_pid(folder)) == (0, 0)


def test_two_that_start_at_once_in_an_empty_folder_make_one_database(empty_folder: Path) -> None:
    other = OtherProcess(empty_folder)
    with start(empty_folder) as running:
        other.wait_until_running()
        assert answers(running)
        assert cache_answers(running)
    other.stop()
    assert len(list(empty_folder.glob("postgres*"))) == 2, "one cluster and its lock"


def test_when_the_first_stops_the_second_takes_over(folder: Path) -> None:
    first = OtherProcess(folder)
    first.wait_until_running()
    with start(folder) as running:
        ask(running, "CREATE TABLE kept_by_two AS SELECT 42 AS answer")
        before = postgres_pid(folder)
        first.stop()
        until(lambda: answers(running) and cache_answers(running), "the second runs them")
        assert postgres_pid(folder) != before
        assert ask(running, "SELECT answer FROM kept_by_two") == 42


def test_when_the_first_is_killed_the_second_takes_over(folder: Path) -> None:
    first = OtherProcess(folder)
    first.wait_until_running()
    with start(folder) as running:
        before = postgres_pid(folder), valkey_pid(folder)
        first.kill()
        until(lambda: postgres_pid(folder) not in (0, before[0]) and answers(running), "the database is back")
        until(
            lambda: valkey_pid(folder) not in (0, before[1]) and cache_answers(running), "the cache is back"
        )


def test_a_worker_that_outlives_a_killed_owner_does_not_keep_the_folder(folder: Path) -> None:
    owner = OtherProcess(folder, with_worker=True)
    worker = owner.wait_until_running()["worker"]
    assert isinstance(worker, int)
    try:
        os.kill(owner.process.pid, SIGKILL)
        owner.process.wait()
        with start(folder) as running:
            assert answers(running)
    finally:
        os.kill(worker, SIGKILL)
        owner.kill()

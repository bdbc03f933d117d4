"""After ``kill -9`` of anything, everything comes back and nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from signal import SIGKILL

import psycopg

from loyalty_api.engines import binaries, home
from tests.engines.looking import answers, ask, cache_answers, is_gone, postgres_pid, valkey_pid
from tests.support.engines import OtherProcess, start, until


def test_a_killed_postgres_comes_back_with_what_it_acknowledged(folder: Path) -> None:
    with start(folder, without_redis=True) as running:
        ask(running, "CREATE TABLE kept_at_a_kill AS SELECT 42 AS answer")
        unfinished = psycopg.connect(running.database_url)
        unfinished.execute("UPDATE kept_at_a_kill SET answer = 43")
        first = postgres_pid(folder)
        os.kill(first, SIGKILL)
        until(lambda: postgres_pid(folder) not in (0, first) and answers(running), "it runs again")
        assert ask(running, "SELECT answer FROM kept_at_a_kill") == 42
        unfinished.close()


def test_a_killed_valkey_comes_back(folder: Path) -> None:
    with start(folder) as running:
        first = valkey_pid(folder)
        os.kill(first, SIGKILL)
        until(lambda: valkey_pid(folder) not in (0, first) and cache_answers(running), "it runs again")
        assert answers(running)


def test_engines_die_with_a_killed_parent_and_start_again(folder: Path) -> None:
    parent = OtherProcess(folder)
    parent.wait_until_running()
    pids = postgres_pid(folder), valkey_pid(folder)
    parent.kill()
    until(lambda: all(map(is_gone, pids)), "both have died with it")
    with start(folder) as running:
        assert answers(running)
        assert cache_answers(running)


def test_a_start_right_after_a_kill_waits_for_what_is_still_dying(folder: Path) -> None:
    parent = OtherProcess(folder)
    parent.wait_until_running()
    parent.kill()
    with start(folder) as running:
        assert answers(running)
        assert cache_answers(running)


def test_both_killed_at_once_leave_files_that_do_not_matter(folder: Path) -> None:
    parent = OtherProcess(folder)
    parent.wait_until_running()
    pids = postgres_pid(folder), valkey_pid(folder)
    os.kill(parent.process.pid, SIGKILL)
    for pid in pids:
        # What dies with its parent may have been quicker.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, SIGKILL)
    parent.kill()
    with start(folder) as running:
        assert answers(running)
        assert cache_answers(running)


def test_a_pid_file_that_now_names_a_stranger_is_stale(folder: Path) -> None:
    cluster = folder / "postgres"
    stranger = subprocess.Popen(["sleep", "600"], user=cluster.stat().st_uid)
    for path in (cluster / "postmaster.pid", folder / "run" / "valkey.pid"):
        path.write_text(f"{stranger.pid}\n{cluster}\n1\n5432\n\n\n\nready   \n")
    with start(folder) as running:
        assert answers(running)
        assert cache_answers(running)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_an_orphan_that_outlived_its_parent_is_replaced(folder: Path) -> None:
    """As on macOS, where nothing tells a child that its parent has gone."""
    cluster = folder / "postgres"
    version = int((cluster / "PG_VERSION").read_text())
    found = binaries.find_postgres(wanted_major=version, folder=None)
    with contextlib.closing(home.open_home(folder)) as at_home:
        program = found.usable(at_home, "postgres")
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder / 'run'}"]
    orphan = subprocess.Popen(
        [program, "-D", cluster, *options],
        user=cluster.stat().st_uid,
        cwd=folder,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: "ready" in _text(cluster / "postmaster.pid"), "the orphan runs")
    with start(folder) as running:
        assert postgres_pid(folder) != orphan.pid
        assert answers(running)
    assert orphan.wait() == 0


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""

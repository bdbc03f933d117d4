"""The server as a newcomer starts it: engines and all, alive after a kill, gone when it is told to go."""

from __future__ import annotations

import http.client
import json
import math
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from loyalty_api.config import BadSettings, Settings
from loyalty_api.operations import serving
from tests.cli.conftest import Installation
from tests.support.engines import data_folder, until

_COMMAND = [sys.executable, "-m", "loyalty_api.cli"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body; 0 when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder


def workers_of(server: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [p for p in psutil.Process(server.pid).children() if "spawn_main" in _command_of(p)]


def _command_of(process: psutil.Process) -> str:
    """What a process runs; nothing once it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def is_there(process: psutil.Process) -> bool:
    """Whether it still is a process: one that ends takes a moment to."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_server_from_nothing(folder: Path) -> None:
    port = free_port()
    given = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "LOYALTY_KEYS", "PROMETHEUS_MULTIPROC_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in given}
    environment["LOYALTY_DATA_DIR"] = str(folder)
    serve = [*_COMMAND, "serve", "--port", str(port), "--workers", "2", "--threads", "1"]
    server = subprocess.Popen(serve, env=environment, stderr=subprocess.PIPE)
    try:
        until(lambda: get(port, "/readyz")[0] == 200, "it is ready")
        until(lambda: len(workers_of(server)) == 2, "both workers are there")

        second = subprocess.run(serve, env=environment, capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert "The address is in use" in second.stderr, "a second server must not share the port unnoticed"

        victim = workers_of(server)[0]
        victim.kill()
        until(lambda: len({p.pid for p in workers_of(server)} - {victim.pid}) == 2, "the worker is replaced")
        until(lambda: get(port, "/readyz")[0] == 200, "it is ready again")
        assert "loyalty_requests_total" in get(port, "/metrics")[1]

        family = psutil.Process(server.pid).children(recursive=True)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        until(lambda: not any(is_there(p) for p in family), "everything under it is gone")
    finally:
        server.kill()
        _, said = server.communicate()
    for text in said.decode().splitlines():
        assert "event" in json.loads(text), "every line of the log is a JSON object"


def test_the_service_outlives_workers_that_are_killed_again_and_again(installation: Installation) -> None:
    port = free_port()
    server = subprocess.Popen(
        [*_COMMAND, "serve", "--port", str(port), "--workers", "2", "--threads", "1"],
        env={**os.environ, **installation.environment},
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: get(port, "/readyz")[0] == 200, "it is ready")
        for _ in range(3):
            until(lambda: len(workers_of(server)) == 2, "both workers are there")
            killed = {p.pid for p in workers_of(server)}
            for worker in workers_of(server):
                worker.kill()
            until(lambda: get(port, "/readyz")[0] == 200, "it is ready again")
            until(lambda: not killed & {p.pid for p in workers_of(server)}, "they are replaced")  # noqa: B023
        assert server.poll() is None
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    finally:
        server.kill()
        server.wait()


def test_a_service_whose_workers_never_come_up_ends() -> None:
    came_up = SimpleNamespace(value=0.0)
    deaths = serving.Deaths(came_up, most=2)
    assert [deaths.get(0, 0) for _ in range(2)] == [-math.inf] * 2
    came_up.value = 1.0
    assert [deaths.get(0, 0) for _ in range(3)] == [-math.inf, -math.inf, math.inf]


def test_workers_do_not_outlive_a_killed_server(installation: Installation) -> None:
    port = free_port()
    environment = {**os.environ, **installation.environment}
    server = subprocess.Popen(
        [*_COMMAND, "serve", "--port", str(port), "--workers", "1"],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: get(port, "/readyz")[0] == 200, "it is ready")
    family = psutil.Process(server.pid).children(recursive=True)
    server.kill()
    server.wait()
    until(lambda: not any(p.is_running() for p in family), "its workers are gone")
    assert get(port, "/readyz")[0] == 0


def test_any_wsgi_server_can_load_the_application(installation: Installation) -> None:
    program = (
        "import wsgi; assert wsgi.app is wsgi.app; print(wsgi.app.test_client().get('/readyz').status_code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **installation.environment},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout == "200\n"


def test_a_worker_on_its_own_needs_a_database(folder: Path) -> None:
    with pytest.raises(BadSettings, match="DATABASE_URL"):
        serving.create(Settings(data_dir=folder, keys=(("first", bytes(32)),)))


def test_a_migration_that_is_due_is_told_and_not_done(empty: Installation) -> None:
    said = empty.loyalty("serve", "--port", str(free_port()))
    assert said.exit_code == 1
    assert "loyalty db upgrade" in said.output
    assert "base" in empty.loyalty("db", "current").output

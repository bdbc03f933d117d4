"""A whole installation to ill-treat: engines, proxies before them, API processes and a worker of jobs."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from redis import Redis

from loyalty_api import engines, migrating
from loyalty_api.engines import child
from tests.faults.proxy import Proxy, to_unix
from tests.support.engines import start, until
from tests.support.processes import free_port

RING = base64.b64encode(bytes(range(32))).decode()
DATABASE = "faults"
_PLAIN = "sslmode=disable&gssencmode=disable"


@dataclass(slots=True)
class Place:
    """What runs, and how to reach and to hurt it.

    ``owner_url`` and ``app_url`` go past the proxy; the processes go through it.
    """

    folder: Path
    port: int
    owner_url: str
    app_url: str
    redis_url: str
    postgres: Proxy
    redis: Proxy
    environment: dict[str, str]
    server: subprocess.Popen[bytes] | None = None
    worker: subprocess.Popen[bytes] | None = None
    restarts: int = field(default=0)

    def start_server(self) -> None:
        """Two worker processes of two threads, as `loyalty serve` runs them."""
        words = ["serve", "--port", str(self.port), "--workers", "2", "--threads", "2"]
        self.server = self._spawn(words, "server.log")

    def start_worker(self) -> None:
        """`loyalty worker`."""
        self.worker = self._spawn(["worker"], "worker.log")

    def keep_running(self, ended: threading.Event) -> None:
        """What systemd does: start a process again when all of it has ended."""
        while not ended.wait(0.5):
            if self.server is not None and self.server.poll() is not None:
                self.restarts += 1
                self.start_server()
            if self.worker is not None and self.worker.poll() is not None:
                self.start_worker()

    def api_workers(self) -> list[psutil.Process]:
        """The processes that serve."""
        assert self.server is not None
        try:
            children = psutil.Process(self.server.pid).children()
            return [one for one in children if "spawn_main" in " ".join(one.cmdline())]
        except psutil.NoSuchProcess:
            return []

    def engine_pid(self, name: str) -> int:
        """The process of ``postgres`` or ``valkey``; 0 while there is none."""
        path = {"postgres": "postgres/postmaster.pid", "valkey": "run/valkey.pid"}[name]
        try:
            return int((self.folder / path).read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return 0

    def kill_engine(self, name: str) -> int:
        """As ``kill -9`` does; the number of the process that was killed."""
        pid = self.engine_pid(name)
        with contextlib.suppress(ProcessLookupError):
            if pid:
                os.kill(pid, signal.SIGKILL)
        return pid

    def connect(self) -> psycopg.Connection:
        """A connection of our own that no proxy stands before."""
        return psycopg.connect(self.owner_url, autocommit=True, connect_timeout=5)

    def database_answers(self) -> bool:
        """Whether PostgreSQL takes connections."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def redis_client(self) -> Redis:
        """A client of our own that no proxy stands before."""
        return Redis.from_url(self.redis_url, socket_timeout=5)

    def is_ready(self) -> bool:
        """Whether the API says so."""
        wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            wire.request("GET", "/readyz")
            return wire.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            wire.close()

    def stop(self) -> None:
        """End our processes, the hard way should they not listen."""
        self.postgres.heal()
        self.redis.heal()
        for process in (self.worker, self.server):
            if process is not None:
                _end(process)

    def said(self, name: str) -> str:
        """The end of a process's log, without its requests."""
        path = self.folder / name
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join([line for line in lines if '"event":"request"' not in line][-15:])

    def _spawn(self, words: list[str], log: str) -> subprocess.Popen[bytes]:
        # It dies with us should we be killed.
        fate = [child.KEEP, child.KEEP, int(signal.SIGTERM), os.getpid()]
        command = [sys.executable, "-m", "loyalty_api.cli", *words]
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(child.__file__)), *map(str, fate), *command],
                env={**_others(), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )


def _others() -> dict[str, str]:
    """The environment without settings of ours."""
    ours = ("LOYALTY_", "DATABASE_", "REDIS_", "PROMETHEUS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def installation(folder: Path) -> Iterator[Place]:
    """Everything but the processes of the API and the worker, with a migrated database."""
    with start(folder) as running:
        owner_url, app_url = engines.ensure_database(running, DATABASE)
        migrating.upgrade(owner_url=owner_url, app_url=app_url)
        run = running.redis_url.removeprefix("unix://").rpartition("/")[0]
        postgres = Proxy(to_unix(f"{run}/.s.PGSQL.5432"))
        cache = Proxy(to_unix(running.redis_url.removeprefix("unix://")))
        through = f"postgresql://{DATABASE}_app@127.0.0.1:{postgres.port}/{DATABASE}?{_PLAIN}"
        environment = {
            "DATABASE_URL": through,
            "DATABASE_OWNER_URL": "",
            "REDIS_URL": f"redis://127.0.0.1:{cache.port}/0",
            "LOYALTY_DATA_DIR": str(folder / "api"),
            "LOYALTY_KEYS": f"faults:{RING}",
            "LOYALTY_TOKEN_SECONDS": "3600",
            "LOYALTY_WORKER": "0",
            "LOYALTY_SANDBOX": "0",
        }
        (folder / "api").mkdir()
        place = Place(
            folder, free_port(), owner_url, app_url, running.redis_url, postgres, cache, environment
        )
        try:
            yield place
        finally:
            postgres.close()
            cache.close()


@contextlib.contextmanager
def processes(place: Place) -> Iterator[None]:
    """The API, which is ready, and the worker; both are started again should they end."""
    ended = threading.Event()
    keeper = threading.Thread(target=place.keep_running, args=(ended,), daemon=True)
    place.start_server()
    place.start_worker()
    keeper.start()
    try:
        until(place.is_ready, "the API is ready")
        until(lambda: len(place.api_workers()) == 2, "both of its workers are there")
        yield
    finally:
        ended.set()
        keeper.join()
        place.stop()


def wait_for(condition: object, seconds: float) -> bool:
    """Whether something came true in time."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False

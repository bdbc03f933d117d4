"""Real engines for tests, in folders of their own that are gone afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from loyalty_api import engines
from loyalty_api.engines import Engines

# Set it to a folder of PostgreSQL's programs to run the tests on another version than the embedded one.
POSTGRES_BIN = os.environ.get("LOYALTY_TEST_POSTGRES_BIN")

_OWNER = """
import json, multiprocessing, sys, time
from pathlib import Path
from loyalty_api import engines

folder, with_worker = Path(sys.argv[1]), sys.argv[2] == "worker"
with engines.start(data_dir=folder, postgres_bin=Path(sys.argv[3]) if sys.argv[3] else None) as running:
    worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=[600])
    if with_worker:
        worker.start()
    said = {"database_url": running.database_url, "redis_url": running.redis_url, "worker": worker.pid}
    print(json.dumps(said), flush=True)
    sys.stdin.read()
    if with_worker:
        worker.kill()
"""


def _place() -> str:
    """In memory when there is enough: processes are killed in tests, machines are not, and a disk is slow."""
    memory = "/dev/shm"
    if not os.path.isdir(memory):
        return "/tmp"
    found = os.statvfs(memory)
    roomy = found.f_bavail * found.f_frsize > 2**31
    return memory if roomy and not found.f_flag & os.ST_NOEXEC else "/tmp"


@contextlib.contextmanager
def data_folder() -> Iterator[Path]:
    """A new folder whose path is short, and open to the user that engines run as when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="loyalty-test-", dir=_place()))
    try:
        yield folder
    finally:
        until(lambda: _is_removed(folder), f"{folder} is removed")


def _is_removed(folder: Path) -> bool:
    """Remove it; a process that is just ending may still put something there, so it is looked at once more."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def start(folder: Path, *, without_redis: bool = False) -> contextlib.AbstractContextManager[Engines]:
    """Engines in ``folder``, of the version that is under test."""
    version = Path(POSTGRES_BIN) if POSTGRES_BIN else None
    return engines.start(data_dir=folder, without_redis=without_redis, postgres_bin=version)


def run_engines() -> Iterator[Engines]:
    """The body of a fixture: engines that live as long as its scope."""
    with data_folder() as folder, start(folder) as running:
        yield running


class OtherProcess:
    """Another process that starts engines in ``folder``; it stops them when it is told to."""

    def __init__(
        self, folder: Path, *, with_worker: bool = False, postgres_bin: Path | str | None = POSTGRES_BIN
    ) -> None:
        words = [str(folder), "worker" if with_worker else "", str(postgres_bin or "")]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OWNER, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def wait_until_running(self) -> dict[str, str | int | None]:
        assert self.process.stdout is not None
        said: dict[str, str | int | None] = json.loads(self.process.stdout.readline())
        return said

    def kill(self) -> None:
        """As ``kill -9`` does, without a chance to clean up."""
        self.process.kill()
        self.process.communicate()

    def stop(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that will happen; the limit is only there to end a broken run.

    It is longer than a minute, since what a worker that was killed has left may be taken over with the next full one,
    and on a machine with much else to do all of it takes longer.
    """
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline, f"still waiting until {what}"
        time.sleep(0.02)

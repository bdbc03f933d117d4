"""A Redis of one's own, to be ill-treated."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import redis

from loyalty_api.engines.binaries import find_valkey, valkey_name
from tests.support.engines import until


class OwnRedis:
    """A server over a Unix socket in a folder of its own; it keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"
        self.client = redis.Redis.from_url(self.url, socket_timeout=5)
        self.hits = 0

    def start(self) -> None:
        programs = find_valkey()
        assert programs is not None
        self._process = subprocess.Popen(
            [
                programs.folder / valkey_name(programs), "--port", "0", "--unixsocket", self._socket,
                "--save", "", "--appendonly", "no", "--daemonize", "no",
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until(self._answers, "our Redis answers")

    def kill(self) -> None:
        """As ``kill -9`` does; everything it held is gone."""
        assert self._process is not None
        self._count()
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """It keeps its connections and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        self._count()
        self.client.flushall()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.go_on()
            self.kill()
        self.client.close()

    def _count(self) -> None:
        self.hits += int(self.client.info("stats")["keyspace_hits"])
        self.client.config_resetstat()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


@contextlib.contextmanager
def own_redis() -> Iterator[OwnRedis]:
    folder = Path(tempfile.mkdtemp(prefix="loyalty-redis-", dir="/tmp"))
    server = OwnRedis(folder)
    try:
        server.start()
        yield server
    finally:
        server.close()
        shutil.rmtree(folder)

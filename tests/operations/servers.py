"""`loyalty serve` in processes of its own, over an installation of one's own."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loyalty_api.app import create_app
from loyalty_api.config import Settings
from loyalty_api.db import Database
from tests.operations.load import CARDS
from tests.support.engines import until
from tests.support.processes import free_port
from tests.support.shop import Shop, open_shop

RING = (("first", bytes(range(32))),)
COMMAND = [sys.executable, "-m", "loyalty_api.cli"]


def ready(port: int) -> bool:
    """Whether a server answers there that can answer."""
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        wire.request("GET", "/readyz")
        return wire.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        wire.close()


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, the leader of its group of processes."""

    process: subprocess.Popen[bytes]
    port: int

    def end(self, *, whole_group: bool = False) -> int:
        """Tell it to end, as an operator or, to the whole group, as a terminal does; its exit code."""
        if whole_group:
            os.killpg(self.process.pid, signal.SIGTERM)
        else:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def serving(
    environment: Mapping[str, str], *, port: int = 0, command: Sequence[str] = COMMAND
) -> Iterator[Server]:
    """A server that is ready; it is killed with the block unless it ended before. ``command``: how it is called."""
    port = port or free_port()
    words = [*command, "serve", "--port", str(port), "--workers", "2", "--threads", "2"]
    process = subprocess.Popen(
        words, env={**os.environ, **environment}, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until(lambda: ready(port) or process.poll() is not None, "it is ready")
        assert process.poll() is None
        yield Server(process, port)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def shop_over(environment: Mapping[str, str], *, members: bool = True) -> Iterator[Shop]:
    """The same installation seen from inside this process, with rules, stores and callers; and a few ``members``."""
    database = Database(environment["DATABASE_URL"], threads=4)
    settings = Settings(
        data_dir=Path("/nonexistent"),
        database_url=environment["DATABASE_URL"],
        redis_url=environment["REDIS_URL"],
        issuer=environment["LOYALTY_ISSUER"],
        keys=RING,
    )
    try:
        shop = open_shop(create_app(settings, database=database))
        for card in CARDS if members else ():
            shop.enrol(card)
        yield shop
    finally:
        database.close()

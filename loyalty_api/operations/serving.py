"""The API server: granian over one application per worker process.

The parent holds no connection and no application; it keeps the workers alive, and the embedded engines if
there are any. Workers are spawned and not forked, since the parent has threads that watch its engines.
"""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from loyalty_api import telemetry
from loyalty_api.config import BadSettings, Settings, read
from loyalty_api.engines.parent import end_with
from loyalty_api.errors import Fault, Unavailable
from loyalty_api.operations.place import ensure_schema, open_place

if TYPE_CHECKING:
    import flask

# A request ends within 10 s, so a worker that has not ended by then never will.
_LONGEST_REQUEST = 12
# So many workers in a row may die before one comes up, for each that there should be; more of them never will.
_IN_VAIN = 4
_LOGS: dict[str, Any] = {"loggers": {"_granian": {"handlers": [], "propagate": True}}, "handlers": {}}


class PortTaken(Unavailable):
    """Something listens on the address already."""

    code, title = "port_taken", "The address is in use"


def create(settings: Settings | None = None) -> flask.Flask:
    """The application of this process, with its own deliveries; ``settings``: else those of the environment.

    :raises BadSettings: a worker does not start engines, so it needs a database to be told to it.
    """
    from loyalty_api.app import create_app
    from loyalty_api.deliveries import keep_delivering

    settings = settings or read()
    if not settings.database_url:
        fault = Fault("/DATABASE_URL", "required", "Set it, or use `loyalty serve`, which brings a database.")
        raise BadSettings(f"DATABASE_URL: {fault.message}", errors=[fault])
    telemetry.configure_logging(settings.log_level)
    app = create_app(settings)
    keep_delivering(app)
    # What is there now stays for good, and a request makes hardly any cycles: the collector need not look at the first
    # again and again, nor at the second after every few hundred objects (a batch makes a hundred thousand).
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    return app


def serve(settings: Settings, *, host: str, port: int, database: str, worker: bool = False) -> None:
    """Serve until SIGTERM or SIGINT; then requests under way are answered and the engines stopped.

    With ``worker`` a process beside runs the jobs.

    :raises PortTaken: another server listens there.
    :raises EngineUnavailable: there is no database to be had.
    :raises SchemaBehind: its operator has to migrate it first.
    """
    telemetry.configure_logging(settings.log_level)
    _end_by_exception()
    _ensure_free(host, port)
    with ExitStack() as stack:
        place = stack.enter_context(open_place(settings, database=database, redis=True))
        counts = stack.enter_context(TemporaryDirectory())
        ensure_schema(place)
        telemetry.collect_in(Path(counts))
        # Workers only ever act as the application; the owner's URL stays here.
        found = replace(place.settings, database_owner_url="")
        if worker:
            from loyalty_api.operations.working import worker_beside

            stack.enter_context(worker_beside(found))
        _granian(found, host, port)


def _end_by_exception() -> None:
    """A SIGTERM unwinds what was started, as Ctrl-C does; while granian serves, its own handlers stand."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _granian(settings: Settings, host: str, port: int) -> None:
    """Serve until told to end. SystemExit with a code other than 0 says that no worker comes up."""
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    multiprocessing.set_start_method("spawn", force=True)
    server = Server(
        "loyalty_api",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        websockets=False,
        workers=settings.workers,
        blocking_threads=settings.threads,
        respawn_failed_workers=True,
        workers_kill_timeout=_LONGEST_REQUEST,
        log_level=LogLevels(settings.log_level),
        log_dictconfig=_LOGS,
    )
    came_up: Moment = multiprocessing.get_context("spawn").RawValue("d", 0.0)
    server.respawned_wrks = Deaths(came_up, most=_IN_VAIN * settings.workers)
    server.main_loop_interrupt = _Wake(lambda: bool(server.interrupt_children or server.interrupt_signal))
    try:
        server.serve(target_loader=partial(_in_worker, settings, os.getpid(), came_up), wrap_loader=False)
    except SystemExit:
        # Ctrl-C, and systemd unless told otherwise, tell the workers too: those that are gone before granian asks them
        # to go have failed in its eyes.
        if not server.interrupt_signal:
            raise


def _in_worker(settings: Settings, parent: int, came_up: Moment) -> Callable[..., Any]:
    """What a worker process begins with."""
    end_with(parent)
    app = create(settings)
    came_up.value = time.monotonic()
    return app


class Moment(Protocol):
    """A moment on the machine's monotonic clock that processes share."""

    value: float


class Deaths(dict[int, float]):
    """What granian asks, when a worker has died, for the moment it was last started again.

    It ends everything when that was less than 5.5 s ago. But a worker that came up and was killed is to be replaced
    whatever killed it and however often; only when ``most`` in a row never came up, starting more would not help.
    """

    def __init__(self, came_up: Moment, *, most: int) -> None:
        super().__init__()
        self._came_up, self._most = came_up, most
        self._seen, self._died = 0.0, 0

    def get(self, worker: int, default: Any = None) -> float:  # noqa: ARG002 - any of them
        """Long ago, as long as starting it again makes sense; else in the future."""
        if self._came_up.value > self._seen:
            self._seen, self._died = self._came_up.value, 0
        self._died += 1
        return math.inf if self._died > self._most else -math.inf


class _Wake(threading.Event):
    """Wakes granian when a worker has died or it is told to end; set again for what came while granian cleared it."""

    def __init__(self, needed: Callable[[], bool]) -> None:
        super().__init__()
        self._needed = needed

    def clear(self) -> None:
        super().clear()
        if self._needed():
            self.set()


def _ensure_free(host: str, port: int) -> None:
    """Listeners share a port so that workers can; a second server must not join them unnoticed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(f"{host}:{port} cannot be listened on: {error.strerror}.") from error

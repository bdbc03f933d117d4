"""The API server: granian over one application per worker process.

The parent holds no connection and no application; it keeps the workers alive, and the embedded engines if
there are any. Workers are spawned and not forked, since the parent has threads that watch its engines.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from loyalty_api import telemetry
from loyalty_api.config import BadSettings, Settings, read
from loyalty_api.errors import Fault, Unavailable
from loyalty_api.operations.parent import end_with
from loyalty_api.operations.place import ensure_schema, open_place

if TYPE_CHECKING:
    import flask

# A request ends within 10 s, so a worker that has not ended by then never will.
_LONGEST_REQUEST = 12
# A worker that dies twice within seconds ends granian. If it had been serving that was the outside world's
# doing, and it starts again; if it never came up, starting again would not help.
_SERVED_SECONDS = 20.0
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
        _keep_serving(found, host, port)


def _end_by_exception() -> None:
    """A SIGTERM unwinds what was started, as Ctrl-C does; while granian serves, its own handlers stand."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _keep_serving(settings: Settings, host: str, port: int) -> None:
    while True:
        began = time.monotonic()
        try:
            _granian(settings, host, port)
        except SystemExit as ended:
            if not ended.code or time.monotonic() - began < _SERVED_SECONDS:
                raise
        else:
            return


def _granian(settings: Settings, host: str, port: int) -> None:
    """Serve until told to end. SystemExit with a code other than 0 says that workers keep dying."""
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
    server.serve(target_loader=partial(_in_worker, settings, os.getpid()), wrap_loader=False)


def _in_worker(settings: Settings, parent: int) -> Callable[..., Any]:
    """What a worker process begins with."""
    end_with(parent)
    return create(settings)


def _ensure_free(host: str, port: int) -> None:
    """Listeners share a port so that workers can; a second server must not join them unnoticed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(f"{host}:{port} cannot be listened on: {error.strerror}.") from error

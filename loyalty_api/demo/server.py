"""The API server that the demo runs beside itself: started, waited for, stopped, and never left behind."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from loyalty_api.engines import child
from loyalty_api.errors import Unavailable

DEFAULT_PORT = 8080
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05


class ServerDoesNotRun(Unavailable):
    """The API server was not ready in time, or has ended; its log says why."""

    code, title = "server_does_not_run", "The API server does not run"


def free_port(*, host: str, wanted: int | None) -> int:
    """``wanted`` if a port was asked for; else 8080, or any free port when something else listens there."""
    if wanted:
        return wanted
    for port in (DEFAULT_PORT, 0) if wanted is None else (0,):
        with socket.socket() as probe:
            # Connections of an earlier run that are still closing do not make a port taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServerDoesNotRun(f"There is no free port on {host}.")


@contextmanager
def run_server(
    *, host: str, port: int, database: str, issuer: str, log: Path, sandbox: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Serve on ``host:port`` while the block runs; what the server says goes to the file ``log``.

    Beside it a worker runs the jobs. It finds its engines as we found ours: those that we run, if they are
    embedded, and in them ``database``. In a ``sandbox`` business time is moved by hand.
    It has a session of its own, so that Ctrl-C reaches us first and requests under way are answered; it dies
    with us should we be killed. Raises ServerDoesNotRun.
    """
    serve = ["--database", database, "serve", "--worker", "--host", host, "--port", str(port)]
    process = _spawn(serve, {"LOYALTY_ISSUER": issuer, "LOYALTY_SANDBOX": str(sandbox)}, log)
    try:
        _wait_until_ready(process, host, port, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _spawn(serve: Sequence[str], settings: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "loyalty_api.cli", *serve]
    fate = [child.KEEP, child.KEEP, int(signal.SIGTERM), os.getpid()]
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
        return subprocess.Popen(  # noqa: S603 - the command is ours
            [sys.executable, "-I", "-S", str(Path(child.__file__)), *map(str, fate), *command],
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_ready(process: subprocess.Popen[bytes], host: str, port: int, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if _is_ready(host, port):
            return
        time.sleep(_POLL_SECONDS)
    raise ServerDoesNotRun(f"See {log}.")


def _is_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

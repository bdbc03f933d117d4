"""The embedded Valkey (or Redis): a cache that may be lost at any moment, so it keeps nothing on disk."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL, SIGTERM
from urllib.parse import quote

from loyalty_api.engines import processes
from loyalty_api.engines.binaries import Programs, valkey_name
from loyalty_api.engines.home import Home
from loyalty_api.engines.processes import StopSignals

_SOCKET = "valkey.sock"
_PID_FILE = "valkey.pid"
_PROBE_SECONDS = 1.0

_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "128mb",
    "maxmemory-policy": "allkeys-lru",
    "daemonize": "no",
    # The arguments stay visible, by which an orphan is recognised.
    "set-proc-title": "no",
}


class Valkey:
    """One server over a Unix socket."""

    name = "valkey"
    stop_signals: StopSignals = ((SIGTERM, 5.0), (SIGKILL, 5.0))

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def url(self, home: Home) -> str:
        """Where redis-py connects; the same for every process that uses the data folder."""
        return f"unix://{quote(str(home.runtime / _SOCKET))}"

    def prepare(self, home: Home, stopping: Callable[[], bool]) -> None:  # noqa: ARG002 - it takes no time
        """Clear what a crash has left. There is nothing to make."""
        home.make_runtime()
        pid_file = home.runtime / _PID_FILE
        text = pid_file.read_text().strip() if pid_file.exists() else ""
        if text.isdigit():
            processes.stop_orphan(int(text), str(pid_file), self.stop_signals)
        for name in (_SOCKET, _PID_FILE):
            (home.runtime / name).unlink(missing_ok=True)

    def launch(self, home: Home) -> subprocess.Popen[bytes]:
        """Start the server."""
        settings = _SETTINGS | {
            "unixsocket": str(home.runtime / _SOCKET),
            "pidfile": str(home.runtime / _PID_FILE),
            "dir": str(home.runtime),
        }
        program = str(self._programs.usable(home, valkey_name(self._programs)))
        command = [program, *(word for name, value in settings.items() for word in (f"--{name}", value))]
        return processes.spawn(command, home=home, log=self._log(home), death_signal=SIGKILL)

    def is_ready(self, home: Home, pid: int | None) -> bool:
        """Whether it answers PING (and, with ``pid``, whether it is that process)."""
        pid_file = home.runtime / _PID_FILE
        if pid is not None and not (pid_file.exists() and pid_file.read_text().strip() == str(pid)):
            return False
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_PROBE_SECONDS)
                probe.connect(str(home.runtime / _SOCKET))
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def _log(self, home: Home) -> Path:
        return home.logs / f"{self.name}.log"

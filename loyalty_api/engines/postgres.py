"""The embedded PostgreSQL: for a newcomer's laptop and for tests; durable, open to its own user alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT
from urllib.parse import quote

from loyalty_api.engines import processes
from loyalty_api.engines.binaries import Programs, find_postgres
from loyalty_api.engines.errors import EngineUnavailable
from loyalty_api.engines.home import Home
from loyalty_api.engines.processes import StopSignals

OWNER = "loyalty"
_PORT = 5432
_SOCKET = f".s.PGSQL.{_PORT}"
_POLL_SECONDS = 0.02

# They are given on the command line because nothing in a configuration file can override them there.
_SETTINGS = {
    # What makes an acknowledged write survive a crash.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # No network: the folder of the socket is open to one user only.
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    # A laptop: some memory, a solid-state disk, no other server beside us.
    "shared_buffers": "192MB",
    "max_connections": "100",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    # Compressing with PostgreSQL's own method takes more of a core than writing takes of the disk.
    "wal_compression": "off",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "10min",
    "jit": "off",
    "timezone": "UTC",
    # Statements and their values may hold personal data, which no log may.
    "log_timezone": "UTC",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class Postgres:
    """One cluster in ``<data folder>/postgres`` and one server over a Unix socket."""

    name = "postgres"
    # SIGINT is a fast shutdown: transactions are rolled back, a checkpoint is written. SIGQUIT leaves
    # recovery to the next start, which loses nothing that was acknowledged either.
    stop_signals: StopSignals = ((SIGINT, 30.0), (SIGQUIT, 5.0), (SIGKILL, 5.0))

    def __init__(self, home: Home, *, folder: Path | None = None, settings: Mapping[str, str]) -> None:
        """Find the programs. Raises EngineUnavailable when there are none that fit the data.

        ``settings`` are stronger than those of a laptop.
        """
        self._settings = _SETTINGS | dict(settings)
        self._cluster = home.root / "postgres"
        self._programs: Programs = find_postgres(wanted_major=self._major(), folder=folder)
        self._had_cluster = False

    def url(self, home: Home) -> str:
        """Where its owner connects, for libpq; the same for every process that uses the data folder."""
        return f"postgresql://{OWNER}@/postgres?host={quote(str(home.runtime))}"

    def prepare(self, home: Home, stopping: Callable[[], bool]) -> None:
        """Make the cluster if there is none, and clear what a crash has left."""
        home.make_runtime()
        if not self._cluster.exists():
            self._create(home, stopping)
        self._clear_leftovers(home)
        self._had_cluster = self._cluster.exists()

    def launch(self, home: Home) -> subprocess.Popen[bytes]:
        """Start the server."""
        settings = self._settings | {"unix_socket_directories": str(home.runtime)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(self._programs.usable(home, "postgres")), "-D", str(self._cluster), *options]
        return processes.spawn(command, home=home, log=self._log(home), death_signal=SIGINT)

    def is_ready(self, home: Home, pid: int | None) -> bool:
        """Whether its pid file says so (and, with ``pid``, names that process) and it can be connected to."""
        found, status = self._pid_file()
        if status != "ready" or pid not in (None, found):
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(home.runtime / _SOCKET)) == 0

    def _log(self, home: Home) -> Path:
        return home.logs / f"{self.name}.log"

    def _major(self) -> int | None:
        version = self._cluster / "PG_VERSION"
        return int(version.read_text()) if version.exists() else None

    def _pid_file(self) -> tuple[int, str]:
        """Process id and status (lines 1 and 8); a status that is not there yet is empty."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return 0, ""
        pid = int(lines[0]) if lines and lines[0].lstrip("-").isdigit() else 0
        return pid, lines[7].strip() if len(lines) > 7 else ""

    def _create(self, home: Home, stopping: Callable[[], bool]) -> None:
        """Run initdb into a folder of its own and rename it, so that a cluster that is there is whole."""
        if self._had_cluster:
            raise EngineUnavailable(f"{self._cluster} has disappeared while it was in use")
        for half in home.root.glob("postgres.half-*"):
            shutil.rmtree(half)
        half = Path(tempfile.mkdtemp(prefix="postgres.half-", dir=home.root))
        home.give(half)
        if self._initdb(home, half, stopping):
            half.rename(self._cluster)
            _sync_folder(home.root)

    def _initdb(self, home: Home, folder: Path, stopping: Callable[[], bool]) -> bool:
        """False when we were told to stop meanwhile. Raises EngineUnavailable when it fails."""
        command = [str(self._programs.usable(home, "initdb")), "-D", str(folder), *self._initdb_options()]
        process = processes.spawn(command, home=home, log=self._log(home), death_signal=SIGKILL)
        while process.poll() is None and not stopping():
            try:
                process.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        processes.stop(process, ((SIGKILL, 5.0),))
        if process.returncode and not stopping():
            raise EngineUnavailable(f"initdb failed; see {self._log(home)}")
        return process.returncode == 0

    def _initdb_options(self) -> list[str]:
        """The socket's folder is closed to others, so whoever can connect is trusted; hosts are refused."""
        options = [f"--username={OWNER}", "--encoding=UTF8", "--data-checksums", "--no-instructions"]
        access = ["--auth-local=trust", "--auth-host=reject"]
        # It compares by code point and knows all letters; from 17 on it needs nothing of the system's.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self._programs.major < 17:
            locale = ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]
        return options + access + locale

    def _clear_leftovers(self, home: Home) -> None:
        """We hold the lock, so a server that runs has lost its parent: stop it.

        A pid file whose number now belongs to another process is removed: PostgreSQL would take that process
        for a server of its own.
        """
        pid, _ = self._pid_file()
        marker = f"-D {self._cluster} "
        if pid > 0 and processes.exists(pid):
            processes.stop_orphan(pid, marker, self.stop_signals)
            if not processes.is_ours(pid, marker):
                (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            (home.runtime / name).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename inside ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

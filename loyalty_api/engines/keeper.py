"""Keeps one engine of one data folder running, whoever of several processes it is that runs it.

Every process that uses the folder has a keeper, and the one that holds the lock file runs the engine. The
others use it and go on trying for the lock: when the owner goes, by a clean stop or by ``kill -9``, one of
them has it within a second and starts the engine again behind the same URL. Nobody counts references, so
nothing can be miscounted by a crash.
"""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from loyalty_api.engines import processes
from loyalty_api.engines.errors import EngineUnavailable
from loyalty_api.engines.home import Home
from loyalty_api.engines.processes import StopSignals

_log = logging.getLogger(__name__)

_STARTING_POLL = 0.01
_WATCHING_POLL = 0.2
_LONGEST_PAUSE = 1.0
# Starting may have to replay a log; an engine that exits this often in a row will not come.
_START_SECONDS = 60.0
_START_ATTEMPTS = 8


class Engine(Protocol):
    """What a keeper must know of an engine."""

    name: str
    stop_signals: StopSignals

    def prepare(self, home: Home, stopping: Callable[[], bool]) -> None:
        """Clear what a crash has left and make what a first start needs. Only called under the lock."""

    def launch(self, home: Home) -> subprocess.Popen[bytes]:
        """Start the process and return at once."""

    def is_ready(self, home: Home, pid: int | None) -> bool:
        """Whether it takes connections; with ``pid``, whether it is that process that does."""


class FolderLock:
    """An advisory lock on a file. The kernel lets go of it when its holder dies, however that happens."""

    def __init__(self, path: Path, home: Home) -> None:
        self._path, self._home = path, home
        self._descriptor: int | None = None
        _locks.add(self)

    def acquire(self) -> bool:
        """Take the lock if it is free; never waits."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        self._home.give(self._path)
        return True

    def release(self) -> None:
        """Let go; harmless when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_locks: weakref.WeakSet[FolderLock] = weakref.WeakSet()


def _forget_locks() -> None:
    for lock in _locks:
        lock.release()


# A forked worker shares the open file, and would hold the lock after the owner has died.
os.register_at_fork(after_in_child=_forget_locks)


class Keeper:
    """Starts an engine, or finds it running, and starts it again whenever it is gone."""

    def __init__(self, engine: Engine, home: Home) -> None:
        self._engine, self._home = engine, home
        self._lock = FolderLock(home.root / f"{engine.name}.lock", home)
        self._stopping = threading.Event()
        self._settled = threading.Event()
        self._failures = 0
        self._failure: Exception | None = None
        self._process_id = os.getpid()
        # Engines die when the thread that forked them does, so one thread that lives as long as we do forks
        # them.
        self._thread = threading.Thread(target=self._run, name=f"keeper-{engine.name}", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def wait(self) -> None:
        """Return when the engine takes connections. Raises EngineUnavailable when it does not come."""
        settled = self._settled.wait(_START_SECONDS)
        if not settled or self._failure is not None:
            reason = str(self._failure or f"{self._engine.name} did not start in time")
            raise EngineUnavailable(reason) from self._failure

    def stop(self) -> None:
        """Stop the engine if it is ours and wait for it. A forked copy of us has nothing to stop."""
        if os.getpid() != self._process_id:
            return
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._lock.acquire():
                    self._own()
                elif not self._settled.is_set() and self._engine.is_ready(self._home, None):
                    self._settled.set()
            except OSError as error:
                self._failed(error)
            self._stopping.wait(_WATCHING_POLL if self._settled.is_set() else _STARTING_POLL)

    def _own(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._run_once()
                except Exception as error:
                    # Whatever it was, this thread must live: the engine comes back through it alone.
                    self._failed(error)
                self._stopping.wait(min(_LONGEST_PAUSE, 0.05 * 2**self._failures))
        finally:
            self._lock.release()

    def _run_once(self) -> None:
        """From nothing to a running engine, to its end."""
        self._engine.prepare(self._home, self._stopping.is_set)
        if self._stopping.is_set():
            return
        process = self._engine.launch(self._home)
        try:
            self._watch(process)
        finally:
            processes.stop(process, self._engine.stop_signals)
        if not self._stopping.is_set():
            raise EngineUnavailable(
                f"{self._engine.name} ended with status {process.returncode}{self._last_words()}"
            )

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        ready = False
        while process.poll() is None:
            if not ready and self._engine.is_ready(self._home, process.pid):
                ready = True
                self._failures = 0
                self._settled.set()
            if self._stopping.wait(_WATCHING_POLL if ready else _STARTING_POLL):
                return

    def _failed(self, error: Exception) -> None:
        """Before the first success a few failures end the start; after it we never give up."""
        self._failures = min(self._failures + 1, _START_ATTEMPTS)
        _log.warning("%s is started again: %s", self._engine.name, error)
        if not self._settled.is_set() and self._failures == _START_ATTEMPTS:
            self._failure = error
            self._settled.set()

    def _last_words(self) -> str:
        log = self._home.logs / f"{self._engine.name}.log"
        lines = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
        return "".join(f"\n  {line}" for line in lines)

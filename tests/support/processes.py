"""What tests ask of other processes, and ports that two tests never share."""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path

import psutil

# Below the ports that systems hand out by themselves, so that no connection of anybody takes one meanwhile.
_PORTS = range(20_000, 30_000)
_places = itertools.count(os.getpid() * 7)
# The locks on the ports given out; they end with this process, whatever ends it.
_held: list[int] = []


def ended(process: psutil.Process) -> bool:
    """Whether it runs no more. Who waits for its end may be slow, or be nobody, so a zombie has ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def all_ended(processes: Iterable[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return all(ended(process) for process in processes)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, and that no other test on this machine is given meanwhile."""
    for place in itertools.islice(_places, len(_PORTS)):
        port = _PORTS[place % len(_PORTS)]
        if _locked(port):
            if _is_free(port):
                return port
            os.close(_held.pop())
    raise AssertionError("there is no free port")


def _locked(port: int) -> bool:
    path = Path(tempfile.gettempdir()) / f"loyalty-test-{os.getuid()}-port-{port}"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

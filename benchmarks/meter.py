"""What the machine spends while something is measured: by the servers that stand here, and by everyone else."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds so far of the servers, of this process, and of the whole machine; and the clock."""

    servers: float
    own: float
    everyone: float
    clock: float

    def since(self, before: Spent) -> tuple[float, float]:
        """CPU seconds of the servers, and how many cores everyone else kept busy."""
        servers, own = self.servers - before.servers, self.own - before.own
        others = max(self.everyone - before.everyone - servers - own, 0.0)
        return servers, others / (self.clock - before.clock)


_databases: set[int] = set()


def count_database(folder: Path) -> None:
    """Count the PostgreSQL whose data lies somewhere in ``folder`` to the servers: it is no child of this process."""
    for file in folder.rglob("postmaster.pid"):
        _databases.add(int(file.read_text().split()[0]))


def reading() -> Spent:
    """What was spent so far. A server that has ended since counts no more, so nothing may end between two readings."""
    roots = [psutil.Process(), *(psutil.Process(pid) for pid in _databases if psutil.pid_exists(pid))]
    found = {process.pid: process for root in roots for process in (root, *root.children(recursive=True))}
    own = _seconds(found.pop(os.getpid()))
    machine = psutil.cpu_times()
    idle = machine.idle + getattr(machine, "iowait", 0.0)
    return Spent(sum(map(_seconds, found.values())), own, sum(machine[:8]) - idle, time.perf_counter())


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system

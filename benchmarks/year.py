"""The whole year through the batch call, with an eye on the memory of the API's processes.

The figure is the highest resident memory (VmHWM) that one worker process of the API reached, shared pages included.
Growth is how much higher it got after the thirtieth day than it was by then.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from benchmarks.figures import Figure
from benchmarks.place import clean_environment
from loyalty_api.demo import data

EARLY_DAYS, DAYS = 30, data.ALL_DAYS
_MOST_MEGABYTES, _MOST_GROWTH = 300.0, 10.0
_EVERY_SECONDS = 0.5
_progress = re.compile(rb"([0-9,]+) of [0-9,]+")


class YearFailed(RuntimeError):
    """The demo did not come to its end."""


@dataclass(slots=True)
class _Watch:
    """The highest memory of any worker, in kB, now and when ``early`` purchases had been reported."""

    early: int
    done: int = 0
    peak: int = 0
    early_peak: int = 0
    samples: list[tuple[int, int]] = field(default_factory=list)

    def look(self, demo: int) -> None:
        highest = max((_kilobytes(worker, "VmHWM") for worker in _workers(demo)), default=0)
        self.peak = max(self.peak, highest)
        if self.done <= self.early or not self.early_peak:
            self.early_peak = self.peak
        if not self.samples or self.done - self.samples[-1][0] >= self.early:
            self.samples.append((self.done, self.peak // 1024))


def year() -> list[Figure]:
    """Run the demo for the year; its peak memory and its growth.

    :raises YearFailed: it ended badly.
    """
    watch = _Watch(data.window(days=EARLY_DAYS).purchases)
    with clean_environment():
        found = _replay(watch)
    peak, growth = watch.peak / 1024, 100 * (watch.peak / watch.early_peak - 1)
    more = {"purchases": found["purchases"], "lines": found["lines"], "seconds": found["seconds"]}
    more["megabytes_by_purchases"] = watch.samples
    title = "the whole year by batches, peak memory of one API process"
    return [
        Figure("year_memory", title, peak, _MOST_MEGABYTES, "MB", more=more),
        Figure("year_growth", "the same, growth after day 30", growth, _MOST_GROWTH, "%"),
    ]


def _replay(watch: _Watch) -> dict[str, Any]:
    ours, theirs = pty.openpty()
    words = [
        "-m",
        "loyalty_api.cli",
        "demo",
        "--days",
        str(DAYS),
        "--fast",
        "--exit",
        "--json",
        "--port",
        "0",
    ]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    listener = threading.Thread(target=_listen, args=(ours, watch), daemon=True)
    listener.start()
    try:
        while process.poll() is None:
            watch.look(process.pid)
            time.sleep(_EVERY_SECONDS)
    finally:
        process.terminate()
        said, _ = process.communicate()
    if process.returncode:
        raise YearFailed(f"The demo ended with {process.returncode}.")
    found: dict[str, Any] = orjson.loads(said.splitlines()[-1])
    return found


def _listen(terminal: int, watch: _Watch) -> None:
    """The demo draws its bar on what it takes for a terminal; how far it got stands at the end of it."""
    while True:
        try:
            said = os.read(terminal, 4096)
        except OSError:
            return
        for number in _progress.findall(said):
            watch.done = int(number.replace(b",", b""))
        if not said:
            return


def _workers(demo: int) -> Iterator[int]:
    """The API's worker processes below the demo's."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(state[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    for process in parents:
        if _descends(process, demo, parents) and b"spawn_main" in _command(process):
            yield process


def _descends(process: int, ancestor: int, parents: dict[int, int]) -> bool:
    while process in parents and process != ancestor:
        process = parents[process]
    return process == ancestor


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def _kilobytes(process: int, name: str) -> int:
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(name)), 0)

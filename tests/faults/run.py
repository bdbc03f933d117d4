"""A run from beginning to end, and what came of it."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.faults.checker import Breach, Truth, check
from tests.faults.history import History, outages
from tests.faults.load import Load
from tests.faults.nemesis import KINDS, Nemesis
from tests.faults.place import Place, installation, processes, wait_for
from tests.faults.truth import read_truth, verify_now
from tests.faults.world import World, open_world
from tests.support.engines import data_folder

Say = Callable[[str], object]
_DUE = "SELECT count(*) FROM balances WHERE next_due_at < now()"
_VERIFY_EVERY = 5.0
# A hold ends after two minutes and its job comes with the next full one; what a killed worker began may take two more.
_JOBS_SECONDS = 360


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a report needs."""

    seed: int
    seconds: float
    history: History
    breaches: list[Breach]
    verified: int
    restarts: int

    def counts(self) -> dict[str, Any]:
        """The one object of the last line, without the commit."""
        operations = self.history.operations
        kinds = Counter(breach.kind for breach in self.breaches)
        return {
            "acknowledged": sum(operation.acknowledged for operation in operations),
            "unknown": sum(not operation.acknowledged and not operation.refused for operation in operations),
            "faults": dict(sorted(Counter(fault.kind for fault in self.history.faults).items())),
            "lost": kinds["lost"],
            "double": kinds["double"],
            "stale": kinds["stale"],
            "breaches": len(self.breaches),
            "longest_outage_s": dict(sorted(outages(self.history).items())),
        }

    def details(self) -> dict[str, Any]:
        """What a report has beside them."""
        attempts = [attempt for operation in self.history.operations for attempt in operation.attempts]
        return {
            "seconds": round(self.seconds, 1),
            "operations": dict(sorted(Counter(one.kind for one in self.history.operations).items())),
            "refused": sum(one.refused and not one.acknowledged for one in self.history.operations),
            "requests": len(attempts) + len(self.history.reads),
            "unanswered": sum(not attempt.definite for attempt in attempts),
            "statuses": dict(sorted(Counter(str(attempt.status) for attempt in attempts).items())),
            "reads": len(self.history.reads),
            "verified_while_running": self.verified,
            "server_restarts": self.restarts,
            "answered_late": {
                kind: seconds for kind, seconds in outages(self.history).items() if seconds > 5
            },
        }


def run(
    *,
    seed: int,
    seconds: float,
    longest: float,
    copies: int,
    say: Say,
    jobs: bool,
    only: Collection[str] = KINDS,
) -> Outcome:
    """Load and faults for so long, at least one of each of these kinds; then peace, and the check.

    ``longest`` and ``copies`` are the nemesis's. With ``jobs`` the worker must also have caught up in the end.
    """
    history = History()
    with (
        data_folder() as folder,
        installation(folder) as place,
        open_world(place, history, seed) as world,
    ):
        nemesis, late = Nemesis(world, longest=longest, copies=copies), list[str]()
        with processes(place), _working(world) as load, _verifying(place) as verifier:
            wait_for(lambda: load.has_begun, 60)
            began = time.monotonic()
            _strike(nemesis, only, began + seconds, say)
            load.finish()
            took = time.monotonic() - began
            if jobs and not wait_for(lambda: _caught_up(place), _JOBS_SECONDS):
                late += ["jobs are due that nobody does", place.said("worker.log")]
        breaches = [*check(history, _truth(place)), *(Breach("invariant", text) for text in verifier.found)]
        breaches += [Breach("unavailable", text) for text in (*load.trouble, *late)]
        if breaches:
            say(place.said("server.log"))
        return Outcome(seed, took, history, breaches, verifier.times, place.restarts)


@contextlib.contextmanager
def _working(world: World) -> Iterator[Load]:
    load = Load(world)
    load.start()
    try:
        yield load
    finally:
        world.ended.set()


def _strike(nemesis: Nemesis, only: Collection[str], deadline: float, say: Say) -> None:
    for number, kind in enumerate(nemesis.rounds(only)):
        if number >= len(only) and time.monotonic() > deadline:
            return
        fault = nemesis.strike(kind)
        say(f"{fault.began:7.1f} s  {kind}, for {fault.ended - fault.began:.1f} s")


def _truth(place: Place) -> Truth:
    with place.connect() as connection:
        return read_truth(connection)


def _caught_up(place: Place) -> bool:
    with place.connect() as connection:
        row = connection.execute(_DUE).fetchone()
        return row is not None and row[0] == 0


class Verifier:
    """Runs what ``loyalty verify`` runs, again and again while everything goes on."""

    def __init__(self, place: Place) -> None:
        self._place, self._ended = place, threading.Event()
        self.times, self.found = 0, list[str]()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the round that is under way."""
        self._ended.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._ended.wait(_VERIFY_EVERY):
            # PostgreSQL may be away; that is what this is about.
            with contextlib.suppress(psycopg.OperationalError), self._place.connect() as connection:
                self.found += verify_now(connection)
                self.times += 1


@contextlib.contextmanager
def _verifying(place: Place) -> Iterator[Verifier]:
    verifier = Verifier(place)
    verifier.start()
    try:
        yield verifier
    finally:
        verifier.stop()


def commit() -> str:
    """What is being run; empty outside a checkout."""
    done = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def repeat(outcome: Outcome) -> str:
    """The command that does the same again."""
    minutes = max(outcome.seconds / 60, 0.1)
    return f'make faults ARGS="--minutes {minutes:.1f} --seed {outcome.seed}"'

"""What the load saw: every operation with every attempt at it, every read, and every fault that was injected.

Moments are seconds of one monotonic clock, from the beginning of the run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal[
    "purchase", "return", "adjustment", "hold", "capture", "release", "enrolment", "coupon", "gift", "reservation"
]  # fmt: skip
AGAIN_CODES = frozenset({"request_in_progress", "batch_running"})


class Result(NamedTuple):
    """What an answer says was done: the id of the effect, and what it did to the member's points."""

    id: str
    points: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and what came back: ``status`` is 0 when nothing did."""

    client: str
    invoked: float
    returned: float
    status: int
    code: str | None = None
    result: Result | None = None

    @property
    def definite(self) -> bool:
        """Whether the caller now knows what became of it."""
        return is_definite(self.status, self.code)


def is_definite(status: int, code: str | None) -> bool:
    """Anything but no answer, 5xx, 429, a token that has died and "another request is at it"."""
    return 200 <= status < 500 and status not in (401, 429) and code not in AGAIN_CODES


@dataclass(slots=True)
class Operation:
    """Something that is to be done once, under one key or receipt.

    ``subject`` is what its effect is found by in the database: a receipt, a tag, a redemption. ``abandoned`` when the
    caller gave up on purpose before it knew.
    """

    kind: Kind
    key: str
    subject: str
    member: str
    attempts: list[Attempt] = field(default_factory=list)
    abandoned: bool = False

    @property
    def results(self) -> set[Result]:
        """What it was told was done. More than one is a lie."""
        return {attempt.result for attempt in self.attempts if attempt.result is not None}

    @property
    def acknowledged(self) -> bool:
        """Whether it was told that it was done."""
        return bool(self.results)

    @property
    def acknowledged_at(self) -> float:
        """When it was first told so."""
        return min(attempt.returned for attempt in self.attempts if attempt.result is not None)

    @property
    def refused(self) -> bool:
        """Whether it was told for good that it was not done."""
        return any(attempt.definite and attempt.result is None for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class Read:
    """A balance that was read: the version it is the state at, and all of the member's points, debt taken off."""

    client: str
    member: str
    invoked: float
    returned: float
    version: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done to the service, from when to when."""

    kind: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Race:
    """Operations of which exactly so many may be done."""

    name: str
    members: tuple[str, ...]
    keys: tuple[str, ...]
    kind: Kind
    wins: int


class History:
    """The log of a run; safe for many threads."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self.operations: list[Operation] = []
        self.reads: list[Read] = []
        self.faults: list[Fault] = []
        self.races: list[Race] = []
        self.answers: dict[str, list[tuple[float, float]]] = {}

    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def begin(self, kind: Kind, *, key: str, subject: str, member: str) -> Operation:
        """Note an operation before its first attempt."""
        made = Operation(kind, key, subject, member)
        with self._lock:
            self.operations.append(made)
        return made

    def answered(self, client: str, invoked: float, returned: float) -> None:
        """A definite answer to one of the steady clients, by which outages are measured."""
        with self._lock:
            self.answers.setdefault(client, []).append((invoked, returned))

    def saw(self, read: Read) -> None:
        """A balance that was read."""
        with self._lock:
            self.reads.append(read)

    def add(self, *, faults: Iterable[Fault] = (), races: Iterable[Race] = ()) -> None:
        """What the nemesis did."""
        with self._lock:
            self.faults += faults
            self.races += races


def outages(history: History) -> dict[str, float]:
    """By kind of fault, the longest time from its end until every steady client had a definite answer; seconds.

    The clients never rest for longer than a moment, so one that was not answered in between was not served.
    """
    longest: dict[str, float] = {}
    for fault in history.faults:
        back = [_back(answers, fault.ended) for answers in history.answers.values()]
        seconds = max((moment - fault.ended for moment in back if moment is not None), default=0.0)
        longest[fault.kind] = max(longest.get(fault.kind, 0.0), round(seconds, 2))
    return longest


def _back(answers: list[tuple[float, float]], ended: float) -> float | None:
    """When a client first had an answer after a moment; None when it had ended its work before."""
    return min((returned for _, returned in answers if returned >= ended), default=None)

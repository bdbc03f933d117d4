"""What came of it: counts, and the requests that should not have gone like that, kept to be sent again."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.promises import Answer

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """One request that failed: ``sort`` is server_error, undocumented or hang; ``again`` a command that repeats it."""

    sort: str
    operation: str
    said: str
    again: str


@dataclass(slots=True)
class Tally:
    """Counts of all parts. Threads may share it; ``folder`` is where failing requests are kept."""

    folder: Path
    seed: int
    port: int
    parts: Counter[str] = field(default_factory=Counter)
    manners: Counter[str] = field(default_factory=Counter)
    statuses: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    callers: Counter[str] = field(default_factory=Counter)
    sorts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, *, part: str, operation: str, caller: str, manner: str, status: str) -> None:
        """One request was answered, or not (``status`` says how not)."""
        with self._lock:
            self.parts[part] += 1
            self.manners[manner] += 1
            self.callers[caller] += 1
            self.statuses[operation][status] += 1

    def judge(self, operation: str, answer: Answer, faults: list[str], raw: bytes) -> None:
        """Keep what is wrong with an answer: 5xx other than 503, or not as promised."""
        if answer.status >= 500 and answer.status != 503:
            self.fail("server_error", operation, f"{answer.status} {answer.body[:300]!r}", raw)
        elif faults:
            self.fail("undocumented", operation, f"{answer.status}: {'; '.join(faults)[:600]}", raw)

    def fail(self, sort: str, operation: str, said: str, raw: bytes) -> None:
        """Keep a failing request as bytes in a file, with the command that sends them again."""
        with self._lock:
            self.sorts[sort] += 1
            if len(self.failures) < 200:
                file = self.folder / f"{len(self.failures):04}-{sort}-{operation}.http"
                self.folder.mkdir(parents=True, exist_ok=True)
                file.write_bytes(raw)
                again = f"nc -q 30 127.0.0.1 {self.port} < {file}  # seed {self.seed}"
                self.failures.append(Failure(sort, operation, said, again))

    @property
    def requests(self) -> int:
        """All of them."""
        return self.parts.total()

    @property
    def outcome(self) -> dict[str, int]:
        """The last line of a run."""
        return {
            "requests": self.requests,
            "server_errors": self.sorts["server_error"],
            "undocumented": self.sorts["undocumented"],
            "hangs": self.sorts["hang"],
        }

    def told(self) -> list[str]:
        """The first failures, one after another, each with its command."""
        return [
            f"{failure.sort} {failure.operation}: {failure.said}\n    {failure.again}"
            for failure in self.failures[:_SHOWN]
        ]

    def report(self, **more: Any) -> dict[str, Any]:
        """Everything that was counted, for the report file."""
        return {
            **self.outcome,
            "unavailable_503": sum(counts["503"] for counts in self.statuses.values()),
            "seed": self.seed,
            **more,
            "parts": dict(self.parts),
            "manners": dict(self.manners.most_common()),
            "callers": dict(self.callers.most_common()),
            "statuses": {
                name: dict(sorted(counts.items())) for name, counts in sorted(self.statuses.items())
            },
            "failures": [
                {"sort": f.sort, "operation": f.operation, "said": f.said, "again": f.again}
                for f in self.failures
            ],
        }

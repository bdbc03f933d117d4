"""What a replay was answered, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_TOLD = 5


@dataclass(slots=True)
class Tally:
    """How many purchases had each outcome, what was refused that should not have been, and the first of it in words."""

    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def count(self, *, status: str, reference: str, code: str | None = None) -> None:
        """Add one purchase's answer; ``status`` is one of created, duplicate, waiting, rejected."""
        if status == "rejected":
            self.reject(f"purchase {reference}", str(code))
        else:
            self.outcomes[status] += 1

    def reject(self, what: str, code: str) -> None:
        """Add a refusal of anything that was sent."""
        self.outcomes["rejected"] += 1
        self.problems = [*self.problems, f"{what}: {code}"][:_TOLD]

    def add(self, other: Tally) -> None:
        """Take over what another connection counted."""
        self.outcomes.update(other.outcomes)
        self.problems = [*self.problems, *other.problems][:_TOLD]

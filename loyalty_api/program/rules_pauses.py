"""Which rules are paused at a moment. Pauses are history: one that is over holds for the time in which it lasted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

Numbers = frozenset[int]
"""Some pauses, by their numbers."""
NONE: Numbers = frozenset()


@dataclass(frozen=True, slots=True)
class Span:
    """A rule gives nothing from ``paused_at`` until ``resumed_at``, None while the pause lasts."""

    number: int
    rule_id: str
    paused_at: datetime
    resumed_at: datetime | None

    def covers(self, moment: datetime) -> bool:
        """Whether the rule is paused at a moment."""
        return self.paused_at <= moment and (self.resumed_at is None or moment < self.resumed_at)


@dataclass(frozen=True, slots=True)
class Pauses:
    """Every pause there was."""

    spans: tuple[Span, ...] = ()

    def at(self, moment: datetime) -> Numbers:
        """The pauses that cover ``moment``."""
        return frozenset([span.number for span in self.spans if span.covers(moment)]) if self.spans else NONE

    def rules(self, numbers: Numbers) -> frozenset[str]:
        """The rules that pauses are about."""
        return frozenset([span.rule_id for span in self.spans if span.number in numbers])


NO_PAUSES = Pauses()

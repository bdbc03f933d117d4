"""A correction, and what has been done of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Correction:
    """A window of purchases and the version that they are rated under."""

    correction_id: UUID
    version: int
    starts_at: datetime
    ends_at: datetime
    reason: str | None
    created_by: str
    created_at: datetime

    @property
    def window(self) -> dict[str, Any]:
        """The parameters of every statement about it."""
        return {"correction_id": self.correction_id, "starts_at": self.starts_at, "ends_at": self.ends_at}


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: members and purchases looked at, purchases corrected, points given and taken, and those that had
    expired by themselves or that the program lets members keep."""

    members: int = 0
    purchases: int = 0
    corrected: int = 0
    given: int = 0
    taken: int = 0
    lapsed: int = 0
    kept: int = 0

    def __add__(self, other: Done) -> Done:
        return Done(
            self.members + other.members,
            self.purchases + other.purchases,
            self.corrected + other.corrected,
            self.given + other.given,
            self.taken + other.taken,
            self.lapsed + other.lapsed,
            self.kept + other.kept,
        )

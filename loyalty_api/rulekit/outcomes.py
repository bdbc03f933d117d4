"""What a condition says when it does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from loyalty_api.values import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a condition does not hold: a code with its numbers, and what was ``missing`` when little was.

    ``missing`` is None when nothing that a customer can add would make it hold.
    """

    code: str
    numbers: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] | None = None


def fails(code: str) -> Failure:
    """A failure that needs no numbers."""
    return Failure(code)


NOT_MET = Failure("conditions_not_met")
UNDECIDED = Failure("expression_failed")
"""Whether a condition holds could not be found out: neither it nor its opposite does."""

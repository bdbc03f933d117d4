"""What must be done before a draft is published, and what of it is missing. Pure.

A document that was published before is let through: it is the way back. Any other one needs a lint without errors; once
there are purchases, a back-test of exactly this document; and where the back-test differs by more than the program in
force allows (``publishing.second_person_above``), the approval of somebody who neither drafted nor publishes it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from loyalty_api.errors import Fault


@dataclass(frozen=True, slots=True)
class Difference:
    """What a back-test came to: points as they were given, and as they would have been."""

    points_before: int
    points_after: int

    def beyond(self, percent: int) -> bool:
        """Whether they differ by more than a part of what was given."""
        return abs(self.points_after - self.points_before) * 100 > percent * self.points_before


@dataclass(frozen=True, slots=True)
class Asked:
    """A draft somebody wants to publish, and what has been done for it.

    ``lint_errors`` are sentences. ``tested`` is None without a back-test of this document; ``approved_by`` are those
    who agreed to this document. ``second_person_above`` is a percentage, None where one person is enough.
    """

    fingerprint: str
    drafted_by: str
    published_by: str
    earlier: Collection[str]
    lint_errors: Sequence[str]
    has_purchases: bool
    tested: Difference | None
    second_person_above: int | None
    approved_by: Collection[str]


def missing(asked: Asked) -> tuple[Fault, ...]:
    """Each thing that is missing, empty when the draft may be published."""
    if asked.fingerprint in asked.earlier:
        return ()
    faults = [Fault("/lint", "lint_error", error) for error in asked.lint_errors]
    if asked.has_purchases and asked.earlier:
        faults += _of_test(asked)
    return tuple(faults)


def _of_test(asked: Asked) -> list[Fault]:
    if asked.tested is None:
        return [Fault("/backtest", "backtest_missing", "No back-test of this document has been finished.")]
    above = asked.second_person_above
    if above is None or not asked.tested.beyond(above):
        return []
    if set(asked.approved_by) - {asked.drafted_by, asked.published_by}:
        return []
    message = (
        f"Points differ by more than {above} %: somebody who neither drafted nor publishes it must approve."
    )
    return [Fault("/approval", "second_person_missing", message)]

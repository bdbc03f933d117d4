"""What must be done before a draft is published, and what of it is missing. Pure.

A document that was published before is let through: it is the way back. Any other one needs a lint without errors; once
there are purchases, a back-test of exactly this document; and where its points, or what its gifts cost, differ by more
than the program in force allows (``publishing.second_person_above``), the approval of somebody who neither drafted nor
publishes it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from loyalty_api.errors import Fault


@dataclass(frozen=True, slots=True)
class Difference:
    """What a back-test came to, as was given and as would have been: points, and what gifts cost in minor units."""

    points: tuple[int, int]
    gifts: tuple[int, int]

    def beyond(self, percent: int) -> list[str]:
        """Which of them differ by more than a part of what was given: ``Points``, ``The cost of gifts``."""
        both = {"Points": self.points, "The cost of gifts": self.gifts}
        return [
            name for name, (before, after) in both.items() if abs(after - before) * 100 > percent * before
        ]


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
    beyond = asked.tested.beyond(above) if above is not None else []
    if not beyond:
        return []
    if set(asked.approved_by) - {asked.drafted_by, asked.published_by}:
        return []
    must = "somebody who neither drafted nor publishes it must approve."
    return [
        Fault("/approval", "second_person_missing", f"{what} would change by more than {above} %: {must}")
        for what in beyond
    ]

"""What a period came to: its name, the step that its sum reached, and what was given for it before."""

from __future__ import annotations

from loyalty_api.explanations.asked import Asked, Row
from loyalty_api.explanations.of_purchases import arithmetic
from loyalty_api.rating.words import Step


def settled(asked: Asked, row: Row) -> list[Step]:
    """The period by its name, and how its bonus came about; of a difference below zero only the name is left."""
    steps = [asked.step("period", row["reference"])]
    if row["rule"] is None:
        return steps
    currency = asked.currency(row["program_version"], row["occurred_at"])
    before = asked.points("before", row["basis"].get("before", 0))
    return [*steps, *arithmetic(asked, row, None, currency), *before]

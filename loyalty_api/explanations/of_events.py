"""What was earned beside buying: which event it was, and what its rule gave for it."""

from __future__ import annotations

from loyalty_api.custom_events import service as custom_events
from loyalty_api.explanations.asked import Asked, Row
from loyalty_api.explanations.of_purchases import arithmetic
from loyalty_api.rating.words import Step
from loyalty_api.rulekit.stored import decision_from_json


def happened(asked: Asked, row: Row) -> list[Step]:
    """The event by the name that the rules have for it, and how the points came about."""
    found = custom_events.find(asked.session, member_id=row["member_id"], event_id=row["cause_id"])
    if found is None or row["rule"] is None:
        return []
    currency = asked.currency(row["program_version"], row["occurred_at"])
    return [
        asked.step("event", f"{found['event']}, {asked.date(found['occurred_at'])}"),
        *arithmetic(asked, row, decision_from_json(found["decision"]), currency),
    ]

"""What was given unasked: which gift it was, why it was given, and the odds where it was drawn."""

from __future__ import annotations

from loyalty_api.explanations.asked import Asked, Row
from loyalty_api.gifts import service as gifts
from loyalty_api.rating.words import Step


def given(asked: Asked, row: Row) -> list[Step]:
    """Why the gift was given, and the numbers behind it."""
    gift = gifts.look(asked.session, gift_id=row["cause_id"], member_id=row["member_id"])
    if gift is None:
        return []
    program = asked.program(gift.program_version, gift.granted_at)
    rule = program.gifts.numbered(gift.rule) if program and program.gifts else None
    currency = program.settings.currency if program else ""
    told = gifts.why(gift, rule, language=asked.words.language, currency=currency)
    steps = [Step(label=one["label"], value=one["value"]) for one in told["steps"]]
    return [asked.step("source", told["text"]), *steps]

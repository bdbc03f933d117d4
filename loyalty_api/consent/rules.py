"""How long we have for what a member asks about their data. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

ANSWER_WITHIN = timedelta(days=30)
"""The law gives a month (GDPR, article 12 (3)); we promise days, which do not depend on the month."""


def due_at(requested_at: datetime) -> datetime:
    """When a request must have been answered at the latest."""
    return requested_at + ANSWER_WITHIN


def accepted_when(*, said: datetime | None, now: datetime) -> datetime:
    """When terms were accepted: as the caller says, but never in the future, where nobody has agreed yet."""
    return now if said is None else min(said, now)

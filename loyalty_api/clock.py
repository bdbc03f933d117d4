"""Business time: the clock that domain rules are told about. Machine time (tokens, time-outs) never comes here."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment in UTC, to the microsecond."""
    return datetime.now(UTC)

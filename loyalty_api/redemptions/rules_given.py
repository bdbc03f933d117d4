"""Steps of a redemption that nobody pays for, as a gift of a reward becomes one. Pure.

It has 0 points, so the ledger never hears of it: nothing is held, nothing is used, and nothing can come back. Its
states are those of every redemption.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from loyalty_api.redemptions.rules import HoldExpired, Redemption


def captured(found: Redemption, *, occurred_at: datetime, now: datetime) -> Redemption:
    """The redemption once it was collected at ``occurred_at``, of which we hear ``now``.

    :raises HoldExpired: that was behind its end.
    """
    if found.status_at(now) != "held" and not found.was_open_at(occurred_at):
        raise HoldExpired
    return replace(found, status="captured", captured_at=occurred_at, ended_at=now)


def released(found: Redemption, *, now: datetime, because: str | None = None) -> Redemption:
    """The redemption once somebody has let go of it; ``because`` is a word, where it was not the member."""
    return replace(found, status="released", ended_at=now, reversed_because=because)


def given_back(found: Redemption, *, because: str | None) -> Redemption:
    """The redemption once what was captured is back; ``because`` is a word."""
    return replace(found, status="reversed", reversed_because=because)


def opened_again(found: Redemption) -> Redemption:
    """The redemption once it is undone that it was let go, or given back."""
    if found.status == "reversed":
        return replace(found, status="captured", reversed_because=None)
    return replace(found, status="held", ended_at=None, reversed_because=None)

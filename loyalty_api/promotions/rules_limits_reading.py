"""What a promotion says about its end: ``budget``, ``limits`` and ``cooldown_days``, read and compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_api.promotions.rules_types import Limit, Limits
from loyalty_api.rulekit.periods import PERIODS
from loyalty_api.rulekit.shapes import Member, choice, flag, integer, items, record

_BUDGET = record(
    {
        "amount": Member(integer(1, 10**15)),
        "times": Member(integer(1, 10**12)),
        "per": Member(choice(*PERIODS), "program"),
        "by_store": Member(flag, False),
    }
)
_LIMIT = record(
    {
        "amount": Member(integer(1, 10**12)),
        "times": Member(integer(1, 10**6)),
        "per": Member(choice(*PERIODS), required=True),
    }
)
LIMITS = {
    "budget": Member(_BUDGET),
    "limits": Member(items(_LIMIT, most=20), ()),
    "cooldown_days": Member(integer(0, 366), 0),
}
"""The members of a promotion that say where it ends."""


def limits_contradictions(rule: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What they say that does not go together, with the place of each."""
    budget, limits = rule["budget"], rule["limits"]
    found = [
        (f"limits/{i}", "Say exactly one of amount and times.")
        for i, limit in enumerate(limits)
        if (limit["amount"] is None) == (limit["times"] is None)
    ]
    if budget and budget["amount"] is None and budget["times"] is None:
        found.append(("budget", "Say an amount, how many times, or both."))
    return found


def limits_of(rule: Mapping[str, Any]) -> Limits | None:
    """Where the promotion ends; None when it does not."""
    said, of_member, cooldown = rule["budget"], rule["limits"], rule["cooldown_days"]
    if not (said or of_member or cooldown):
        return None
    return Limits(
        Limit(said["per"], said["amount"], said["times"]) if said else None,
        bool(said and said["by_store"]),
        tuple([Limit(one["per"], one["amount"], one["times"]) for one in of_member]),
        cooldown,
    )

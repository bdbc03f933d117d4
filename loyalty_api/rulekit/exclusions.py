"""Lines that no rule may touch: by type, legal class, category or sku; they outrank every rule (R13–R15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from loyalty_api.rulekit.basket import Line
from loyalty_api.rulekit.selectors import selector

EFFECTS = ("earn", "threshold", "discount", "redeem", "gift")
"""What a line can be excluded from: earning points, counting towards a minimum, being discounted, being
paid with points, being given as a gift."""

Excluded = Callable[[Line], frozenset[str]]

NOTHING: frozenset[str] = frozenset()


def exclusions(entries: Sequence[Mapping[str, Any]]) -> Excluded:
    """A function from a line to what it is excluded from.

    Each entry names lines by one field of a selector and the effects under ``from``; a line named by several
    entries is excluded from what any of them says.
    """
    if not entries:
        return lambda _line: NOTHING
    tests = [
        (
            selector({name: values for name, values in entry.items() if name != "from"}),
            frozenset(entry["from"]),
        )
        for entry in entries
    ]

    def excluded(line: Line) -> frozenset[str]:
        found = NOTHING
        for test, effects in tests:
            if test(line):
                found |= effects
        return found

    return excluded

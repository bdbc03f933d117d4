"""Which gifts a purchase brings, and why not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_api.errors import Fault
from loyalty_api.gifts.rules_giving import Given, give
from loyalty_api.gifts.rules_limits import needs, sizes
from loyalty_api.gifts.rules_making import compiled
from loyalty_api.gifts.rules_reading import read_gifts
from loyalty_api.gifts.rules_types import GiftRule, Gifts
from loyalty_api.program.rules_document import UnfitDocument
from loyalty_api.rulekit.exclusions import Excluded

__all__ = ["GiftRule", "Gifts", "Given", "check", "give", "needs", "parse", "sizes"]


def check(section: Any, *, taken: frozenset[str]) -> tuple[Fault, ...]:
    """Every fault in ``gifts.rules``; ``taken`` are the ids that other rules of the document have."""
    rules = section.get("rules") if isinstance(section, Mapping) else None
    if not isinstance(rules, list):
        return ()
    return read_gifts(rules, taken=taken, has_terms=bool(section.get("terms")))[1]


def parse(section: Mapping[str, Any], *, excluded: Excluded | None, visit_gap: int) -> Gifts | None:
    """The section ``gifts`` (as the program's settings hold it) compiled; None without rules.

    Raises ``UnfitDocument``.
    """
    if not section["rules"]:
        return None
    rules, faults = read_gifts(section["rules"], taken=frozenset(), has_terms=section["terms"] is not None)
    if faults:
        raise UnfitDocument(errors=faults)
    return compiled(section, rules, excluded=excluded, visit_gap=visit_gap)

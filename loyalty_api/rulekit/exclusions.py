"""Lines that no rule may touch: by type, legal class, category or sku; they outrank every rule (R13–R15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from loyalty_api.rulekit.basket import Line, category_path

EFFECTS = ("earn", "threshold", "discount", "redeem", "gift")
"""What a line can be excluded from: earning points, counting towards a minimum, being discounted, being
paid with points, being given as a gift."""

Excluded = Callable[[Line], frozenset[str]]

NOTHING: frozenset[str] = frozenset()


def exclusions(entries: Sequence[Mapping[str, Any]]) -> Excluded:
    """A function from a line to what it is excluded from.

    Each entry names lines by one of ``line_type``, ``legal_class``, ``category`` (with all below it) and
    ``sku``, and the effects under ``from``; a line named by several entries is excluded from all they say.
    """
    types = _index(entries, "line_type")
    classes = _index(entries, "legal_class")
    skus = _index(entries, "sku")
    paths = _index(entries, "category")
    depths = sorted({len(path) for path in paths})

    def excluded(line: Line) -> frozenset[str]:
        found = types.get(line.type, NOTHING)
        if line.legal_class is not None:
            found = found | classes.get(line.legal_class, NOTHING)
        if skus:
            found = found | skus.get(line.sku, NOTHING)
        for depth in depths:
            found = found | paths.get(line.category[:depth], NOTHING)
        return found

    return excluded


def _index(entries: Sequence[Mapping[str, Any]], name: str) -> dict[Any, frozenset[str]]:
    found: dict[Any, frozenset[str]] = {}
    for entry in entries:
        for value in entry.get(name, ()):
            key = category_path(value) if name == "category" else value
            found[key] = found.get(key, NOTHING) | frozenset(entry["from"])
    return found

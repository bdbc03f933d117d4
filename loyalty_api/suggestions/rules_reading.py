"""``suggestions`` of a program document, checked and compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_api.errors import Fault
from loyalty_api.rulekit import history
from loyalty_api.rulekit.conditions import compiled
from loyalty_api.rulekit.conditions_reading import read_conditions
from loyalty_api.rulekit.exclusions import Excluded
from loyalty_api.rulekit.selectors import Selector, selector
from loyalty_api.suggestions.rules import Pin, Suggesting


def check(section: Any) -> tuple[Fault, ...]:
    """Faults of ``suggestions`` beside its shapes: its audience asks nothing about what was bought before."""
    when = section.get("when") if isinstance(section, Mapping) else None
    if not isinstance(when, Mapping):
        return ()
    faults: list[Fault] = []
    read = read_conditions(when, "", faults)
    found = None if faults else compiled(read)
    if found is None or not any(key.startswith(history.PREFIX) for key in found.asks):
        return ()
    message = "Suggestions do not look at what a member bought before."
    return (Fault("/suggestions/when", "not_allowed", message),)


def parse(section: Mapping[str, Any], *, excluded: Excluded | None) -> Suggesting | None:
    """``suggestions`` as the settings hold it, compiled; None when nothing is to be suggested."""
    if not section["most"]:
        return None
    pins = [Pin(_selector(pin["with"]), pin["add"]) for pin in section["pinned"]]
    audience = compiled(section["when"]) if section["when"] else None
    return Suggesting(section["most"], frozenset(section["blocked"]), tuple(pins), audience, excluded)


def _selector(where: Mapping[str, Any]) -> Selector | None:
    said = {name: values for name, values in where.items() if values is not None}
    return selector(said) if said else None

"""``tiers.levels`` of a program document, read and checked, and the section as a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from loyalty_api.errors import Fault
from loyalty_api.program.rules import Settings
from loyalty_api.program.rules_document import UnfitDocument
from loyalty_api.rulekit.shapes import Member, Reader, below, by_key, integer, items, record, text
from loyalty_api.tiers.rules import Level, Policy

MOST_LEVELS = 20
_WORDS = by_key(text(), keys=r"[a-z]{2}")
_MULTIPLIER = record(
    {
        "points": Member(integer(1, 1000), required=True),
        "per": Member(integer(1, 1000), required=True),
    }
)


def _said(value: Any, pointer: str, faults: list[Fault]) -> Any:
    """A text for every language, or one text for all of them."""
    if isinstance(value, str):
        return {"*": text()(value, pointer, faults)}
    return _WORDS(value, pointer, faults)


def _multiplier(value: Any, pointer: str, faults: list[Fault]) -> Any:
    """So many points in the place of every so many; a level takes nothing away."""
    found = _MULTIPLIER(value, pointer, faults)
    if found and found["points"] is not None and found["per"] is not None and found["points"] < found["per"]:
        faults.append(
            Fault(pointer, "not_allowed", "A level gives more points than its members had, not fewer.")
        )
    return found


_LEVEL: Reader = record(
    {
        "id": Member(
            text(r"[a-z0-9][a-z0-9_.-]{0,39}", "small letters, digits, _ . -, at most 40"), required=True
        ),
        "name": Member(_said),
        "threshold": Member(integer(0, 10**12), required=True),
        "benefits": Member(
            record({"multiplier": Member(_multiplier), "text": Member(_said)}),
            {"multiplier": None, "text": None},
        ),
    }
)
_LEVELS = items(_LEVEL, most=MOST_LEVELS)


def check(levels: Any, *, pointer: str = "/tiers/levels") -> tuple[Fault, ...]:
    """Every fault in ``tiers.levels``."""
    return _read(levels, pointer)[1]


def policy(settings: Settings, *, version: int) -> Policy | None:
    """The tiers of a program whose settings are read; None when it has no levels. Raises ``UnfitDocument``."""
    section = settings.sections["tiers"]
    levels, faults = _read(section["levels"], "/tiers/levels")
    if faults:
        raise UnfitDocument(errors=faults)
    if not levels:
        return None
    kind, months = section["period"]
    return Policy(
        version=version,
        zone=settings.zone,
        metric=section["metric"],
        period=kind,
        months=months or 0,
        this_purchase=section["benefits_from"] == "this_purchase",
        downgrade=section["downgrade"]["to"],
        grace_days=section["downgrade"]["grace_days"],
        on_return=section["on_return"],
        levels=tuple([_level(entry) for entry in levels]),
    )


def _level(entry: Mapping[str, Any]) -> Level:
    given = entry["benefits"]
    more = given["multiplier"]
    return Level(
        entry["id"],
        entry["threshold"],
        entry["name"] or {"*": entry["id"]},
        given["text"] or {},
        (more["points"], more["per"]) if more else None,
    )


def _read(levels: Any, pointer: str) -> tuple[Sequence[Any], tuple[Fault, ...]]:
    faults: list[Fault] = []
    found = _LEVELS(levels, pointer, faults) or ()
    if faults:
        return (), tuple(faults)
    seen: set[str] = set()
    for n, level in enumerate(found):
        if level["id"] in seen:
            faults.append(Fault(below(below(pointer, n), "id"), "duplicate", "Another level has this id."))
        seen.add(level["id"])
    for n, (lower, higher) in enumerate(pairwise(found), start=1):
        if higher["threshold"] <= lower["threshold"]:
            message = "Levels stand in their order, each with a higher threshold than the one before."
            faults.append(Fault(below(below(pointer, n), "threshold"), "not_allowed", message))
    return found, tuple(faults)

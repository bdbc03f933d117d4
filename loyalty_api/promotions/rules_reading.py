"""The promotions of a program document: read and checked.

A promotion:

    {"id": "tea_3_for_2", "name": {"en": "Tea: 3 for 2"}, "priority": 10, "group": "tea",
     "where": {"category": ["Food > Tea"]},              which lines; every line when left out
     "when": {"store": ["str_1"], "days": ["sat"]},       the conditions of earning
     "benefit": {"percent": {"off": "100", "on": {"of_each": {"units": 3, "cheapest": 1}}}},
     "caps": {"applications": 2}}

What a benefit may be is in docs/promotions.md. ``minimum_basket`` and the amounts in conditions are measured before
earlier discounts, or after them (``threshold``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty_api.errors import Fault
from loyalty_api.program.rules_settings import MONEY
from loyalty_api.promotions.rules_limits_reading import LIMITS, limits_contradictions
from loyalty_api.promotions.rules_types import (
    LANES,
    NEXT,
)
from loyalty_api.promotions.rules_values import BENEFITS, LATER_LANES
from loyalty_api.rulekit.conditions_reading import NAME, read_conditions, read_where
from loyalty_api.rulekit.shapes import (
    Member,
    below,
    by_key,
    choice,
    integer,
    items,
    record,
    subset,
    text,
    variant,
)

KINDS = ("sale", "staff", "business")
_LANGUAGES = by_key(NAME, keys=r"[a-z]{2}")


def _name(value: Any, pointer: str, faults: list[Fault]) -> Any:
    """One name for all languages, or one for each."""
    return (
        {"*": NAME(value, pointer, faults)} if isinstance(value, str) else _LANGUAGES(value, pointer, faults)
    )


_ID = text(r"[a-z0-9][a-z0-9_.-]{0,63}", "small letters, digits, _ . -")
_CAPS = record(
    {
        "amount": Member(integer(1, 10**12)),
        "units_per_line": Member(integer(1, 10**9)),
        "applications": Member(integer(1, 10**6)),
    }
)
_PROMOTION = record(
    {
        "id": Member(_ID, required=True),
        "name": Member(_name, {}),
        "lane": Member(choice(*LANES)),
        "priority": Member(integer(-1000, 1000), 0),
        "where": Member(read_where, {}),
        "when": Member(read_conditions, {}),
        "minimum_basket": Member(MONEY, 0),
        "threshold": Member(choice("before", "after"), "before"),
        "benefit": Member(variant(**BENEFITS), required=True),
        "caps": Member(_CAPS, {"amount": None, "units_per_line": None, "applications": None}),
        **LIMITS,
        "discounted_lines": Member(choice("count", "left_out"), "count"),
        "units": Member(choice("consumed", "shared")),
        "group": Member(_ID),
        "not_with": Member(items(_ID, most=1000), ()),
        "kinds": Member(subset(*KINDS), frozenset(KINDS)),
    }
)


def read_promotions(listed: Sequence[Any], *, taken: frozenset[str]) -> tuple[list[Any], tuple[Fault, ...]]:
    """The promotions as read, and every fault in them with its pointer; ``taken`` are ids that other rules have."""
    faults: list[Fault] = []
    found = [_PROMOTION(value, f"/promotions/{i}", faults) for i, value in enumerate(listed)]
    seen = set(taken)
    for i, rule in enumerate(found):
        name = rule and rule["id"]
        if name in seen:
            faults.append(Fault(f"/promotions/{i}/id", "duplicate", "Another rule has this id."))
        elif name:
            seen.add(name)
    if not faults:
        faults = [
            fault for i, rule in enumerate(found) for fault in _contradictions(rule, f"/promotions/{i}")
        ]
        faults += _mixed_groups(found) + _unknown(found)
    return found, tuple(faults)


def lane_of(rule: Mapping[str, Any]) -> str:
    """The lane a promotion says, or else that of its benefit: on the basket, or on lines."""
    kind, said = rule["benefit"]
    if kind == "coupon":
        return NEXT
    on_basket = kind == "steps" or (kind in LATER_LANES and said["on"] == ("basket", None))
    return str(rule["lane"] or ("basket" if on_basket else "line"))


def _contradictions(rule: Mapping[str, Any], pointer: str) -> list[Fault]:
    """What a promotion says that does not go together."""
    is_coupon = rule["benefit"][0] == "coupon"
    found = (_of_coupon(rule) if is_coupon else _of_discount(rule)) + limits_contradictions(rule)
    return [Fault(below_path(pointer, place), "not_allowed", message) for place, message in found]


def _of_coupon(rule: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a coupon for another purchase has no use for: all that speaks of money off this one."""
    named = [name for name in ("lane", "units") if rule[name]]
    named += [f"caps/{name}" for name, cap in rule["caps"].items() if cap]
    ends = {"budget": rule["budget"]} | {f"limits/{i}": limit for i, limit in enumerate(rule["limits"])}
    named += [f"{name}/amount" for name, end in ends.items() if end and end["amount"]]
    return [(name, "A coupon for another purchase takes nothing off this one.") for name in named]


def _of_discount(rule: Mapping[str, Any]) -> list[tuple[str, str]]:
    kind, said = rule["benefit"]
    found = []
    sums = kind in ("steps", "tiers") or (kind in LATER_LANES and said["on"][0] in ("basket", "lines"))
    if lane_of(rule) != "line" and not sums:
        found.append(("lane", "Units are discounted in the lane of lines."))
    if kind == "price" and said["on"][0] == "lines":
        found.append(("benefit/price/on", "A price is that of the basket, or of units."))
    if sums and rule["caps"]["applications"]:
        found.append(("caps/applications", "A discount on a sum applies once."))
    if sums and rule["units"] == "consumed" and lane_of(rule) != "line":
        found.append(("units", "Only the lane of lines consumes units."))
    if kind == "steps" and len({step["from"] for step in said}) < len(said):
        found.append(("benefit/steps", "Two steps begin at the same sum."))
    if kind == "steps" and list(said) != sorted(said, key=lambda step: step["from"]):
        found.append(("benefit/steps", "Steps go up."))
    of_each = said["on"][1] if kind in LATER_LANES and said["on"][0] == "of_each" else None
    if of_each and (of_each["cheapest"] is None) == (of_each["dearest"] is None):
        found.append((f"benefit/{kind}/on/of_each", "Say exactly one of cheapest and dearest."))
    elif of_each and (of_each["cheapest"] or of_each["dearest"]) > of_each["units"]:
        found.append((f"benefit/{kind}/on/of_each", "Not more units than a group has."))
    return found


def below_path(pointer: str, path: str) -> str:
    """The pointer to what lies several steps below."""
    for part in path.split("/"):
        pointer = below(pointer, part)
    return pointer


def _mixed_groups(rules: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """The promotions of one group are compared at one point, so they lie in one lane."""
    lanes: dict[str, str] = {}
    return [
        Fault(f"/promotions/{i}/group", "not_allowed", "The promotions of a group lie in one lane.")
        for i, rule in enumerate(rules)
        if rule["group"] and lanes.setdefault(rule["group"], lane_of(rule)) != lane_of(rule)
    ]


def _unknown(rules: Sequence[Mapping[str, Any]]) -> list[Fault]:
    known = {rule["id"] for rule in rules}
    return [
        Fault(f"/promotions/{i}/not_with/{n}", "unknown_rule", "There is no promotion with this id.")
        for i, rule in enumerate(rules)
        for n, named in enumerate(rule["not_with"])
        if named not in known
    ]


def percents_by_lane(said: Any) -> dict[str, str]:
    """``sequential`` or ``additive`` for each lane, whether it was said for all of them or for each."""
    return dict.fromkeys(LANES, said) if isinstance(said, str) else {lane: said[lane] for lane in LANES}

"""The promotions of a program document: read, checked and compiled.

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
from loyalty_api.promotions.rules_index import Entry, Index, goods_of
from loyalty_api.promotions.rules_limits_reading import LIMITS, limits_contradictions, limits_of
from loyalty_api.promotions.rules_making import benefit_of
from loyalty_api.promotions.rules_types import (
    LANES,
    NEXT,
    Coupon,
    InSets,
    Limit,
    OnSum,
    Promotion,
    Promotions,
    Terms,
)
from loyalty_api.promotions.rules_values import BENEFITS, LATER_LANES
from loyalty_api.rulekit import conditions
from loyalty_api.rulekit.conditions import Condition
from loyalty_api.rulekit.conditions_reading import NAME, read_conditions, read_where
from loyalty_api.rulekit.exclusions import Excluded
from loyalty_api.rulekit.selectors import Selector, selector
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
    kind, said = rule["benefit"]
    if kind == "coupon":
        named = [name for name in ("lane", "units") if rule[name]]
        named += [f"caps/{name}" for name, cap in rule["caps"].items() if cap]
        message = "A coupon for another purchase takes nothing off this one."
        return [Fault(below_path(pointer, place), "not_allowed", message) for place in named]
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
    found += limits_contradictions(rule)
    of_each = said["on"][1] if kind in LATER_LANES and said["on"][0] == "of_each" else None
    if of_each and (of_each["cheapest"] is None) == (of_each["dearest"] is None):
        found.append((f"benefit/{kind}/on/of_each", "Say exactly one of cheapest and dearest."))
    elif of_each and (of_each["cheapest"] or of_each["dearest"]) > of_each["units"]:
        found.append((f"benefit/{kind}/on/of_each", "Not more units than a group has."))
    return [Fault(below_path(pointer, place), "not_allowed", message) for place, message in found]


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


def compiled(
    rules: Sequence[Mapping[str, Any]],
    *,
    section: Mapping[str, Any],
    excluded: Excluded | None,
    visit_gap: int,
) -> Promotions:
    """Promotions that were read without faults, compiled, in the order in which they act.

    ``section`` is ``discounts`` as the settings hold it.
    """
    ordered, percents = _in_order(rules), percents_by_lane(section["percents"])
    rounding, ceiling = section["round"], section["member_ceiling"]
    selectors: dict[str, Selector] = {}
    made = [_compiled(rule, percents, selectors) for rule in ordered]
    conditions_of = [condition for _, condition in made if condition is not None]
    promotions = tuple([promotion for promotion, _ in made])
    return Promotions(
        rules=promotions,
        terms=Terms(
            rounding["mode"], rounding["at"] == "line", section["spread"], section["floor"], excluded
        ),
        index=Index([_entry(rule) for rule in ordered]),
        timed=any(condition.timed for condition in conditions_of),
        asks=frozenset[str]().union(*[condition.asks for condition in conditions_of]),
        apart=_apart(rules),
        visit_gap=visit_gap,
        limited=tuple([promotion for promotion in promotions if promotion.limits is not None]),
        ceiling=Limit(ceiling["per"], ceiling["amount"]) if ceiling else None,
        by_id={promotion.rule_id: promotion for promotion in promotions},
    )


def _apart(rules: Sequence[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for rule in rules:
        for other in rule["not_with"]:
            found.setdefault(rule["id"], set()).add(other)
            found.setdefault(other, set()).add(rule["id"])
    return {rule_id: frozenset(others) for rule_id, others in found.items()}


def _in_order(rules: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """By lane, then the higher priority first, ties by id; a group stands where the first of it would."""
    turn = {
        rule["id"]: ((*LANES, NEXT).index(lane_of(rule)), -rule["priority"], rule["id"]) for rule in rules
    }
    first: dict[str, tuple[int, int, str]] = {}
    for rule in rules:
        if rule["group"]:
            first[rule["group"]] = min(turn[rule["id"]], first.get(rule["group"], turn[rule["id"]]))
    return sorted(rules, key=lambda rule: (first.get(rule["group"], turn[rule["id"]]), turn[rule["id"]]))


def _compiled(
    rule: Mapping[str, Any], percents: Mapping[str, str], selectors: dict[str, Selector]
) -> tuple[Promotion, Condition | None]:
    """``selectors`` are those of other promotions: what several are about is looked for once in a basket."""
    where = _said(rule["where"])
    condition = conditions.compiled(rule["when"])
    kind, said = rule["benefit"]
    benefit, lane, caps = benefit_of(kind, said), lane_of(rule), rule["caps"]
    made = Promotion(
        rule_id=rule["id"],
        name=rule["name"],
        lane=lane,
        priority=rule["priority"],
        benefit=benefit,
        said=kind,
        selects=selectors.setdefault(repr(where), selector(where)) if where else None,
        test=condition.test if condition else None,
        minimum=rule["minimum_basket"],
        after=rule["threshold"] == "after",
        most_off=caps["amount"],
        most_units=caps["units_per_line"],
        most_sets=caps["applications"],
        left_out=rule["discounted_lines"] == "left_out",
        consumes=lane == "line" and _consumes(rule["units"], benefit),
        group=rule["group"],
        not_with=frozenset(rule["not_with"]),
        kinds=rule["kinds"],
        additive=percents.get(lane) == "additive",
        scoped=bool(where),
        indivisible=kind in ("free_item", "coupon"),
        limits=limits_of(rule),
    )
    return made, condition


def _consumes(said: str | None, benefit: OnSum | InSets | Coupon) -> bool:
    return said == "consumed" if said else isinstance(benefit, InSets)


def _said(where: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: values for name, values in (where or {}).items() if values is not None}


def _entry(rule: Mapping[str, Any]) -> Entry:
    """Where the index keeps a promotion: under its stores, and under goods without which it cannot apply."""
    kind, said = rule["benefit"]
    needed = rule["where"]
    if kind == "buy_get":
        needed = said["buy"]["where"] or needed
    elif kind == "bundle":
        needed = next((item["where"] for item in said["items"] if goods_of(item["where"])), needed)
    elif kind == "free_item":
        needed = None if said["added"] else said["where"] or needed
    return Entry(rule["when"].get("store"), goods_of(needed))

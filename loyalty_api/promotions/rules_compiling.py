"""Promotions that were read without faults, compiled: in the order in which they act, what they share put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty_api.errors import Fault
from loyalty_api.program.rules_document import UnfitDocument
from loyalty_api.promotions.rules_index import Entry, Index, goods_of
from loyalty_api.promotions.rules_limits_reading import limits_of
from loyalty_api.promotions.rules_making import benefit_of
from loyalty_api.promotions.rules_reading import lane_of, percents_by_lane, read_promotions
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
from loyalty_api.rulekit import conditions
from loyalty_api.rulekit.conditions import Condition
from loyalty_api.rulekit.exclusions import Excluded
from loyalty_api.rulekit.selectors import Selector, selector


def check(listed: Sequence[Any], *, taken: frozenset[str] = frozenset()) -> tuple[Fault, ...]:
    """Every fault in ``promotions``; ``taken`` are the ids of the program's other rules."""
    return read_promotions(listed, taken=taken)[1]


def parse(
    listed: Sequence[Any], *, section: Mapping[str, Any], excluded: Excluded | None, visit_gap: int = 0
) -> Promotions | None:
    """The promotions compiled, with ``discounts`` as the settings hold it; None when there are none.

    :raises UnfitDocument: they have faults.
    """
    if not listed:
        return None
    rules, faults = read_promotions(listed, taken=frozenset())
    if faults:
        raise UnfitDocument(errors=faults)
    return compiled(rules, section=section, excluded=excluded, visit_gap=visit_gap)


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
    shared = _Shared()
    made = [_compiled(rule, percents, shared) for rule in ordered]
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


class _Shared:
    """What several promotions are about, or ask, is one and the same: it is looked for once in a basket."""

    def __init__(self) -> None:
        self._selectors: dict[str, Selector] = {}
        self._conditions: dict[str, Condition | None] = {}

    def selector(self, where: Mapping[str, Any]) -> Selector:
        key = repr(where)
        if key not in self._selectors:
            self._selectors[key] = selector(where)
        return self._selectors[key]

    def condition(self, when: Mapping[str, Any]) -> Condition | None:
        key = repr(when)
        if key not in self._conditions:
            self._conditions[key] = conditions.compiled(when)
        return self._conditions[key]


def _compiled(
    rule: Mapping[str, Any], percents: Mapping[str, str], shared: _Shared
) -> tuple[Promotion, Condition | None]:
    where = _said(rule["where"])
    condition = shared.condition(rule["when"])
    kind, said = rule["benefit"]
    benefit, lane, caps = benefit_of(kind, said), lane_of(rule), rule["caps"]
    made = Promotion(
        rule_id=rule["id"],
        name=rule["name"],
        lane=lane,
        priority=rule["priority"],
        benefit=benefit,
        said=kind,
        selects=shared.selector(where) if where else None,
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
        least=_least(rule, benefit),
    )
    return made, condition


def _least(rule: Mapping[str, Any], benefit: OnSum | InSets | Coupon) -> int:
    """The units of a set of any of its goods, where each free unit of its lines counts; 0 where more is to be asked."""
    if not isinstance(benefit, InSets) or len(benefit.slots) > 1 or benefit.up_to or benefit.added:
        return 0
    of_all = benefit.slots[0].selects is None and benefit.value.kind != "price"
    plain = rule["discounted_lines"] != "left_out" and rule["caps"]["units_per_line"] is None
    return benefit.slots[0].quantity if of_all and plain else 0


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

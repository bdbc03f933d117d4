"""The earning section of a program document: ``earn.rules`` read, checked and compiled.

A rule:

    {"id": "produce_bonus", "kind": "bonus", "name": {"en": "Fresh bonus"},
     "points_per": {"points": 1, "amount": 100},        points for each whole 100 minor units
     "where": {"department": ["PRODUCE"]},               which lines; every line when left out
     "when": {"store": ["str_1"], "days": ["sat"], "hours": [{"from": "16:00", "until": "18:00"}]},
     "cap_per_purchase": 500, "lots": {"expire": {"months": 12}}}

``points_per`` may count ``{"quantity": 1000, "unit": "ml"}`` instead of an amount (R8), and ``points`` alone
gives that many once a basket. ``round``, ``round_at``, ``minimum_basket``, ``cap_effect``,
``basket_discount_on_scoped`` and ``lots`` override the program's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty_api.earning.rules_conditions import conditions, read_conditions
from loyalty_api.earning.rules_types import EarningRule
from loyalty_api.errors import Fault
from loyalty_api.program.rules_lots import LotTerms, lasting_faults, read_available, read_expire
from loyalty_api.program.rules_settings import CATEGORY, EARN
from loyalty_api.rulekit.decision import Rate
from loyalty_api.rulekit.selectors import selector
from loyalty_api.rulekit.shapes import Member, below, by_key, choice, integer, one_or_more, record, text

OVERRIDES = ("round", "round_at", "basket_discount_on_scoped", "minimum_basket", "cap_effect")
NAME = text()
POINTS = integer(1, 10**9)
_LANGUAGES = by_key(NAME, keys=r"[a-z]{2}")


def _name(value: Any, pointer: str, faults: list[Fault]) -> Any:
    """One name for all languages, or one for each."""
    return (
        {"*": NAME(value, pointer, faults)} if isinstance(value, str) else _LANGUAGES(value, pointer, faults)
    )


_POINTS_PER = record(
    {
        "points": Member(POINTS, required=True),
        "amount": Member(integer(1, 10**12)),
        "quantity": Member(integer(1, 10**9)),
        "unit": Member(choice("each", "g", "ml", "mm")),
    }
)
_WHERE = record(
    {
        "sku": Member(one_or_more(NAME, most=100_000)),
        "category": Member(CATEGORY),
        "department": Member(one_or_more(NAME)),
        "brand": Member(one_or_more(NAME)),
        "legal_class": Member(one_or_more(NAME)),
        "line_type": Member(one_or_more(NAME)),
    }
)
_RULE = record(
    {
        "id": Member(text(r"[a-z0-9][a-z0-9_.-]{0,63}", "small letters, digits, _ . -"), required=True),
        "kind": Member(choice("base", "bonus"), required=True),
        "name": Member(_name, {}),
        "points_per": Member(_POINTS_PER),
        "points": Member(POINTS),
        "where": Member(_WHERE, {}),
        "when": Member(read_conditions, {}),
        "cap_per_purchase": Member(integer(1, 10**9)),
        **{name: Member(EARN[name].reader) for name in OVERRIDES},
        "lots": Member(record({"available": Member(read_available), "expire": Member(read_expire)})),
    }
)


def read_rules(rules: Sequence[Any], *, lots: LotTerms) -> tuple[list[Any], tuple[Fault, ...]]:
    """The rules as read, and every fault in them with its pointer; ``lots`` are the program's own terms."""
    faults: list[Fault] = []
    found = [_rule(rule, below("/earn/rules", i), faults, lots) for i, rule in enumerate(rules)]
    seen: set[str] = set()
    for i, rule in enumerate(found):
        name = rule and rule["id"]
        if name in seen:
            faults.append(Fault(f"/earn/rules/{i}/id", "duplicate", "Another rule has this id."))
        elif name:
            seen.add(name)
    return found, tuple(faults)


def compiled(rule: Mapping[str, Any], *, section: Mapping[str, Any], lots: LotTerms) -> EarningRule:
    """A rule that was read without faults, compiled; what it leaves open is as in ``section``, ``earn``."""
    own = {name: section[name] if rule.get(name) is None else rule[name] for name in OVERRIDES}
    where = {name: values for name, values in rule["where"].items() if values is not None}
    return EarningRule(
        rule_id=rule["id"],
        award=rule["kind"],
        name=rule["name"],
        rate=_rate(rule, own["round"], by_line=own["round_at"] == "line"),
        selects=selector(where) if where else None,
        conditions=conditions(rule["when"]),
        ignores_basket_discounts=bool(where) and own["basket_discount_on_scoped"] == "ignores",
        minimum=own["minimum_basket"],
        cap=rule["cap_per_purchase"],
        refuses_above_cap=own["cap_effect"] == "refuse",
        lots=_lots(rule, lots) if rule["lots"] else None,
    )


def _rule(value: Any, pointer: str, faults: list[Fault], lots: LotTerms) -> Any:
    before = len(faults)
    rule = _RULE(value, pointer, faults)
    if rule is None:
        return None
    if ("points" in value) == ("points_per" in value):
        faults.append(Fault(pointer, "not_allowed", "Say exactly one of points and points_per."))
    if isinstance(value.get("points_per"), Mapping):
        _one_measure(value["points_per"], below(pointer, "points_per"), faults)
    if len(faults) == before and rule["lots"]:
        faults += lasting_faults(_lots(rule, lots), below(pointer, "lots"))
    return rule


def _one_measure(per: Mapping[str, Any], pointer: str, faults: list[Fault]) -> None:
    measured = [name for name in ("quantity", "unit") if name in per]
    if ("amount" in per) == bool(measured):
        faults.append(Fault(pointer, "not_allowed", "Say either amount, or quantity and unit."))
    elif len(measured) == 1:
        faults.append(Fault(pointer, "required", "A quantity needs its unit, and a unit its quantity."))


def _rate(rule: Mapping[str, Any], rounding: str, *, by_line: bool) -> Rate:
    per = rule["points_per"]
    if per is None:
        return Rate(rule["points"], 1, "basket")
    if per["amount"] is not None:
        return Rate(per["points"], per["amount"], "amount", rounding, by_line)
    return Rate(per["points"], per["quantity"], per["unit"], rounding, by_line)


def _lots(rule: Mapping[str, Any], lots: LotTerms) -> LotTerms:
    own = rule["lots"]
    return LotTerms(own["available"] or lots.available, own["expire"] or lots.expire, lots.exact)

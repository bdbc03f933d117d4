"""The earning section of a program document: ``earn.rules`` read, checked and compiled.

A rule:

    {"id": "produce_bonus", "kind": "bonus", "name": {"en": "Fresh bonus"},
     "points_per": {"points": 1, "amount": 100},        points for each whole 100 minor units
     "where": {"department": ["PRODUCE"]},               which lines; every line when left out
     "when": {"store": ["str_1"], "days": ["sat"], "hours": [{"from": "16:00", "until": "18:00"}]},
     "cap_per_purchase": 500, "lots": {"expire": {"months": 12}}}

``points_per`` may count ``{"quantity": 1000, "unit": "ml"}`` instead of an amount (R8). Instead of it stands one of
``points`` (that many once a basket, or with ``"scope": "line"`` once a line), ``steps`` (points of the highest sum
reached) and ``multiply`` (adds to what base and bonus rules gave). ``group``, ``caps`` and ``budget`` say how it goes
together with others and where it ends. ``round``, ``round_at``, ``minimum_basket``, ``cap_effect``,
``basket_discount_on_scoped`` and ``lots`` override the program's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from loyalty_api.earning.rules_types import Cap, EarningRule
from loyalty_api.errors import Fault
from loyalty_api.program.rules_lots import LotTerms, lasting_faults, read_available, read_expire
from loyalty_api.program.rules_settings import EARN, MONEY
from loyalty_api.rulekit import conditions
from loyalty_api.rulekit.conditions import Condition
from loyalty_api.rulekit.conditions_reading import NAME, read_conditions, read_where
from loyalty_api.rulekit.decision import Rate
from loyalty_api.rulekit.periods import PERIODS
from loyalty_api.rulekit.selectors import selector
from loyalty_api.rulekit.shapes import Member, below, by_key, choice, integer, items, record, text

OVERRIDES = ("round", "round_at", "basket_discount_on_scoped", "minimum_basket", "cap_effect")
AWARDS = ("points_per", "points", "steps", "multiply")
POINTS = integer(1, 10**9)
_LANGUAGES = by_key(NAME, keys=r"[a-z]{2}")


def read_name(value: Any, pointer: str, faults: list[Fault]) -> Any:
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
_STEP = record({"from": Member(MONEY, required=True), "points": Member(POINTS, required=True)})
_FACTOR = text(r"\d{1,3}(\.\d{1,4})?", "a factor as text, such as 2 or 1.5")
_MULTIPLY = record({"by": Member(_FACTOR, required=True), "of": Member(choice("all", "base"), "all")})
_CAP = record(
    {
        "points": Member(POINTS),
        "times": Member(integer(1, 10**6)),
        "per": Member(choice("purchase", *PERIODS), required=True),
        "effect": Member(EARN["cap_effect"].reader),
    }
)
RULE_ID = text(r"[a-z0-9][a-z0-9_.-]{0,63}", "small letters, digits, _ . -")
read_lots = record({"available": Member(read_available), "expire": Member(read_expire)})
"""Terms of a rule's own; what it leaves open is as in the program."""
_RULE = record(
    {
        "id": Member(RULE_ID, required=True),
        "kind": Member(choice("base", "bonus"), required=True),
        "name": Member(read_name, {}),
        "points_per": Member(_POINTS_PER),
        "points": Member(POINTS),
        "steps": Member(items(_STEP, fewest=1, most=100)),
        "multiply": Member(_MULTIPLY),
        "scope": Member(choice("line", "basket")),
        "where": Member(read_where, {}),
        "when": Member(read_conditions, {}),
        "group": Member(RULE_ID),
        "cap_per_purchase": Member(integer(1, 10**9)),
        "caps": Member(items(_CAP, most=20), ()),
        "budget": Member(integer(1, 10**15)),
        **{name: Member(EARN[name].reader) for name in OVERRIDES},
        "lots": Member(read_lots),
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
    if not faults:
        faults = _mixed_groups(found)
    return found, tuple(faults)


def _mixed_groups(rules: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """Rules of one group are chosen from at one point, so multipliers and others cannot share one."""
    kinds: dict[str, bool] = {}
    return [
        Fault(
            f"/earn/rules/{i}/group",
            "not_allowed",
            "A group is of multipliers or of other rules, not of both.",
        )
        for i, rule in enumerate(rules)
        if rule["group"] and kinds.setdefault(rule["group"], bool(rule["multiply"])) != bool(rule["multiply"])
    ]


def where_of(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Which lines a rule that was read selects, by field; empty when it selects all of them."""
    return {name: values for name, values in rule["where"].items() if values is not None}


def compiled(
    rule: Mapping[str, Any], *, section: Mapping[str, Any], lots: LotTerms
) -> tuple[EarningRule, Condition | None]:
    """A rule that was read without faults, compiled, and its condition; what it leaves open is as in ``earn``."""
    own = {name: section[name] if rule.get(name) is None else rule[name] for name in OVERRIDES}
    where = where_of(rule)
    condition = conditions.compiled(rule["when"])
    multiply = rule["multiply"]
    made = EarningRule(
        rule_id=rule["id"],
        award=rule["kind"],
        name=rule["name"],
        rate=_rate(rule, own["round"], by_line=own["round_at"] == "line"),
        selects=selector(where) if where else None,
        test=condition.test if condition else None,
        ignores_basket_discounts=bool(where) and own["basket_discount_on_scoped"] == "ignores",
        minimum=own["minimum_basket"],
        caps=_caps(rule, own["cap_effect"]),
        lots=own_lots(rule, lots) if rule["lots"] else None,
        steps=tuple([(step["from"], _step_rate(step)) for step in rule["steps"] or ()]),
        multiplies=multiply["of"] if multiply else None,
        group=rule["group"],
        budget=rule["budget"],
    )
    return made, condition


def _caps(rule: Mapping[str, Any], effect: str) -> tuple[Cap, ...]:
    said = rule["cap_per_purchase"]
    first = [Cap("purchase", said, refuses=effect == "refuse")] if said else []
    others = [
        Cap(
            cap["per"],
            cap["points"] or cap["times"],
            bool(cap["times"]),
            (cap["effect"] or effect) == "refuse",
        )
        for cap in rule["caps"]
    ]
    return tuple(first + others)


def _rule(value: Any, pointer: str, faults: list[Fault], lots: LotTerms) -> Any:
    before = len(faults)
    rule = _RULE(value, pointer, faults)
    if rule is None:
        return None
    if not isinstance(value, Mapping) or sum(award in value for award in AWARDS) != 1:
        faults.append(Fault(pointer, "not_allowed", f"Say exactly one of {', '.join(AWARDS)}."))
    if isinstance(value.get("points_per"), Mapping):
        _one_measure(value["points_per"], below(pointer, "points_per"), faults)
    if len(faults) == before:
        faults += _contradictions(rule, pointer)
    if len(faults) == before and rule["lots"]:
        faults += lasting_faults(own_lots(rule, lots), below(pointer, "lots"))
    return rule


def _one_measure(per: Mapping[str, Any], pointer: str, faults: list[Fault]) -> None:
    measured = [name for name in ("quantity", "unit") if name in per]
    if ("amount" in per) == bool(measured):
        faults.append(Fault(pointer, "not_allowed", "Say either amount, or quantity and unit."))
    elif len(measured) == 1:
        faults.append(Fault(pointer, "required", "A quantity needs its unit, and a unit its quantity."))


def _contradictions(rule: Mapping[str, Any], pointer: str) -> list[Fault]:
    """What a rule says that does not go together."""
    steps, multiply = rule["steps"], rule["multiply"]
    found = []
    if rule["scope"] and rule["points"] is None:
        found.append(("scope", "Only points know a scope; rates are rounded at round_at."))
    if steps and list(steps) != sorted(steps, key=lambda step: step["from"]):
        found.append(("steps", "Steps go up."))
    if steps and len({step["from"] for step in steps}) < len(steps):
        found.append(("steps", "Two steps begin at the same sum."))
    if multiply and Fraction(multiply["by"]) <= 1:
        found.append(("multiply/by", "It multiplies by more than 1."))
    if multiply and rule["kind"] == "base":
        found.append(("kind", "A multiplier is a bonus."))
    found += [
        (f"caps/{i}", "Say exactly one of points and times; a purchase is one time.")
        for i, cap in enumerate(rule["caps"])
        if (cap["points"] is None) == (cap["times"] is None) or (cap["times"] and cap["per"] == "purchase")
    ]
    return [Fault(f"{pointer}/{place}", "not_allowed", message) for place, message in found]


def _rate(rule: Mapping[str, Any], rounding: str, *, by_line: bool) -> Rate:
    per, multiply = rule["points_per"], rule["multiply"]
    if multiply is not None:
        more = Fraction(multiply["by"]) - 1
        return Rate(more.numerator, more.denominator, "points", rounding, by_line)
    if rule["steps"]:
        return _step_rate(rule["steps"][0])
    if per is None:
        return Rate(rule["points"], 1, rule["scope"] or "basket")
    if per["amount"] is not None:
        return Rate(per["points"], per["amount"], "amount", rounding, by_line)
    return Rate(per["points"], per["quantity"], per["unit"], rounding, by_line)


def _step_rate(step: Mapping[str, Any]) -> Rate:
    return Rate(step["points"], step["from"], "step")


def own_lots(rule: Mapping[str, Any], lots: LotTerms) -> LotTerms:
    """The terms of a rule that has some of its own."""
    own = rule["lots"]
    return LotTerms(own["available"] or lots.available, own["expire"] or lots.expire, lots.exact)

"""The gifts of a program document: read and checked.

A rule of ``gifts.rules``:

    {"id": "lucky_basket", "name": {"en": "Lucky basket"}, "trigger": {"chance": {"one_in": 50}},
     "when": {"lines": {"amount": {"at_least": 20000}}}, "stores": ["str_1"],
     "from": "2026-12-01", "until": "2026-12-24", "give": {"product": {"sku": "4711", "text": {"en": "Chocolates"}}},
     "cost": 3500, "budget": {"money": 5000000, "period": "program"}, "stock": 1000, "claim_days": 14}

What a trigger and a gift may be is in docs/gifts.md. Conditions are those of earning; those of a gift that no purchase
triggers ask only what there is to ask without a basket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from loyalty_api.earning.rules_events import unaskable
from loyalty_api.earning.rules_reading import POINTS, RULE_ID, read_name
from loyalty_api.errors import Fault
from loyalty_api.gifts.rules_types import AT_PURCHASE
from loyalty_api.program.rules_lots import EVENT_NAME
from loyalty_api.program.rules_settings import MONEY
from loyalty_api.rulekit.conditions_reading import NAME, read_conditions
from loyalty_api.rulekit.periods import PERIODS
from loyalty_api.rulekit.shapes import (
    Member,
    below,
    choice,
    flag,
    integer,
    items,
    one_or_more,
    record,
    text,
    variant,
)
from loyalty_api.rulekit.windows import read_date

_SKU = text(r".{1,64}", "a sku of at most 64 characters")
_COUPON_NAME = text(r"[A-Z0-9][A-Z0-9_-]{0,79}", "the name of a coupon: capitals, digits, _ -")
_LONG_ODDS = 10**9


def read_odds(value: Any, pointer: str, faults: list[Fault]) -> Fraction | None:
    """A likelihood: N for one in N, or an exact fraction as text, ``"3/200"``."""
    if isinstance(value, str) and _FRACTION(value, pointer, faults) is not None:
        over, under = (int(number) for number in value.split("/"))
        if 0 < over <= under <= _LONG_ODDS:
            return Fraction(over, under)
        faults.append(Fault(pointer, "out_of_range", "Expected more than 0 and at most 1."))
    elif not isinstance(value, str) and _ONE_IN(value, pointer, faults) is not None:
        return Fraction(1, value)
    return None


_FRACTION = text(r"\d{1,9}/\d{1,10}", "a fraction as text, such as 3/200")
_ONE_IN = integer(1, _LONG_ODDS)
_CHANCE = record(
    {
        "one_in": Member(read_odds, required=True),
        "at_least": Member(read_odds),
        "at_most": Member(read_odds),
    }
)
_SPENT = record({"every": Member(integer(1, 10**12)), "once_at": Member(integer(1, 10**12))})
_STAFF = record(
    {
        "per_day": Member(integer(1, 1000), required=True),
        "cost_per_day": Member(MONEY),
        "per_member": Member(integer(1, 1000)),
        "reasons": Member(items(RULE_ID, fewest=1, most=50), ()),
    }
)
_TRIGGER = variant(
    chance=_CHANCE,
    visit=integer(1, 10**6),
    visits=record({"every": Member(integer(2, 10**6), required=True)}),
    spent=_SPENT,
    purchase=record({}),
    birthday=record({"days_before": Member(integer(0, 60), 0)}),
    anniversary=record({"every": Member(integer(1, 100), 1)}),
    silence=record({"days": Member(integer(1, 3650), required=True)}),
    event=text(EVENT_NAME, "small letters, digits and _"),
    staff=_STAFF,
    list=record({}),
)
_GIVE = variant(
    points=POINTS,
    reward=text(r"rwd_[0-9a-hjkmnp-tv-z]{26}", "the id of a reward"),
    product=record(
        {"sku": Member(_SKU), "text": Member(read_name, {}), "quantity": Member(integer(1, 1000), 1)}
    ),
    free_item=record({"sku": Member(_SKU, required=True), "quantity": Member(integer(1, 1000), 1)}),
    coupon=record(
        {
            "name": Member(_COUPON_NAME, required=True),
            "uses": Member(integer(1, 1000), 1),
            "days": Member(integer(1, 3650), 30),
        }
    ),
    message=record({"text": Member(read_name, required=True)}),
)
_BUDGET = record(
    {
        "money": Member(integer(1, 10**15)),
        "points": Member(integer(1, 10**15)),
        "pieces": Member(integer(1, 10**12)),
        "period": Member(choice(*PERIODS), "program"),
    }
)
MEASURES = ("money", "points", "pieces")
_TIMES = record(
    {"times": Member(integer(1, 10**6), required=True), "per": Member(choice(*PERIODS), required=True)}
)
_RULE = record(
    {
        "id": Member(RULE_ID, required=True),
        "name": Member(read_name, {}),
        "trigger": Member(_TRIGGER, required=True),
        "when": Member(read_conditions, {}),
        "stores": Member(one_or_more(NAME)),
        "from": Member(read_date),
        "until": Member(read_date),
        "give": Member(_GIVE, required=True),
        "cost": Member(MONEY, 0),
        "budget": Member(_BUDGET),
        "stock": Member(integer(1, 10**9)),
        "caps": Member(items(_TIMES, most=20), ()),
        "cooldown_days": Member(integer(1, 3650)),
        "household": Member(flag, False),
        "guarantee_after": Member(integer(1, 10**6)),
        "claim_days": Member(integer(1, 730), 30),
    }
)


def read_gifts(
    rules: Sequence[Any], *, taken: frozenset[str], has_terms: bool
) -> tuple[list[Any], tuple[Fault, ...]]:
    """The rules as read, and every fault in them with its pointer; ``taken`` are ids that other rules have.

    A chance tied to buying needs published terms (R57): ``has_terms`` says whether the document has some.
    """
    faults: list[Fault] = []
    found = [_RULE(value, f"/gifts/rules/{i}", faults) for i, value in enumerate(rules)]
    seen = set(taken)
    for i, rule in enumerate(found):
        name = rule and rule["id"]
        if name in seen:
            faults.append(Fault(f"/gifts/rules/{i}/id", "duplicate", "Another rule has this id."))
        elif name:
            seen.add(name)
    if not faults:
        for i, (rule, said) in enumerate(zip(found, rules, strict=True)):
            faults += _contradictions(rule, f"/gifts/rules/{i}")
            if rule["trigger"][0] == "chance" and not has_terms:
                message = "A chance tied to buying needs gifts.terms."
                faults.append(Fault(f"/gifts/rules/{i}/trigger/chance", "terms_required", message))
            if rule["trigger"][0] not in AT_PURCHASE:
                unaskable(said.get("when", {}), f"/gifts/rules/{i}/when", faults)
    return found, tuple(faults)


def _contradictions(rule: Mapping[str, Any], pointer: str) -> list[Fault]:
    """What a rule says that does not go together."""
    kind, said = rule["trigger"]
    given, of_gift = rule["give"]
    found = [*_odds_faults(kind, said), *_budget_faults(rule)]
    if kind == "spent" and (said["every"] is None) == (said["once_at"] is None):
        found.append(("trigger/spent", "Say exactly one of every and once_at."))
    if given == "product" and of_gift["sku"] is None and not of_gift["text"]:
        found.append(("give/product", "Say the sku of the product, or a text for people."))
    if given == "free_item" and kind not in AT_PURCHASE:
        found.append(("give/free_item", "Without a purchase there is no basket to put it in."))
    if rule["from"] and rule["until"] and rule["from"] > rule["until"]:
        found.append(("until", "It ends before it begins."))
    if rule["guarantee_after"] and kind != "chance":
        found.append(("guarantee_after", "Only a chance can be without luck."))
    if rule["household"] and rule["cooldown_days"] is None:
        found.append(("household", "It says for whom cooldown_days hold."))
    if rule["stores"] and kind not in (*AT_PURCHASE, "staff"):
        found.append(("stores", "Only purchases and staff are in a store."))
    return [Fault(below_path(pointer, place), "not_allowed", message) for place, message in found]


def _odds_faults(kind: str, said: Any) -> list[tuple[str, str]]:
    if kind != "chance":
        return []
    least, most = said["at_least"] or said["one_in"], said["at_most"] or said["one_in"]
    if least <= said["one_in"] <= most:
        return []
    return [("trigger/chance", "at_least is not more likely, and at_most not less likely, than one_in.")]


def _budget_faults(rule: Mapping[str, Any]) -> list[tuple[str, str]]:
    budget = rule["budget"]
    if budget is None:
        return []
    measures = [name for name in MEASURES if budget[name] is not None]
    if len(measures) != 1:
        return [("budget", "Say exactly one of money, points and pieces.")]
    if measures == ["money"] and not rule["cost"]:
        return [("cost", "A budget of money needs to know what one gift costs.")]
    if measures == ["points"] and rule["give"][0] != "points":
        return [("budget/points", "Only points are paid from a budget of points.")]
    return []


def below_path(pointer: str, path: str) -> str:
    """The pointer to what lies several steps below."""
    for part in path.split("/"):
        pointer = below(pointer, part)
    return pointer

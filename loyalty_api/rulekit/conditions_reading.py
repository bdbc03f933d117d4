"""Conditions of a program document: read and checked, every fault with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_api.errors import Fault
from loyalty_api.rulekit.expressions import read_expression
from loyalty_api.rulekit.shapes import Member, Reader, flag, integer, items, one_or_more, record, subset, text
from loyalty_api.rulekit.windows import DAYS, read_date, read_repeats, read_window

NAME = text()
CATEGORY: Reader = one_or_more(
    lambda value, pointer, faults: (
        NAME(value, pointer, faults)
        if isinstance(value, str)
        else items(NAME, fewest=1, most=20)(value, pointer, faults)
    )
)
"""A list of category paths; a path is a list of names, or one string such as "Food > Dairy"."""

read_where = record(
    {
        "sku": Member(one_or_more(NAME, most=100_000)),
        "category": Member(CATEGORY),
        "department": Member(one_or_more(NAME)),
        "brand": Member(one_or_more(NAME)),
        "tag": Member(one_or_more(NAME)),
        "legal_class": Member(one_or_more(NAME)),
        "line_type": Member(one_or_more(NAME)),
    }
)
"""Which lines: any value of a field, and every field named."""


def _something(reader: Reader, what: str) -> Reader:
    """A record that must say at least one of its members."""

    def read(value: Any, pointer: str, faults: list[Fault]) -> Any:
        found = reader(value, pointer, faults)
        if isinstance(value, Mapping) and not value:
            faults.append(Fault(pointer, "required", f"Say {what}."))
        return found

    return read


def bounds(lowest: int, highest: int) -> Reader:
    """``{"at_least": N, "at_most": N}``, one of them or both."""
    number = integer(lowest, highest)
    inner = _something(record({"at_least": Member(number), "at_most": Member(number)}), "at_least or at_most")

    def read(value: Any, pointer: str, faults: list[Fault]) -> Any:
        found = inner(value, pointer, faults)
        if found and None not in found.values() and found["at_least"] > found["at_most"]:
            faults.append(Fault(pointer, "not_allowed", "at_least is more than at_most."))
        return found

    return read


_ATTRIBUTES = ("language", "home_store")
_LINES = record(
    {
        "where": Member(read_where),
        "amount": Member(bounds(0, 10**12)),
        "pieces": Member(bounds(0, 10**6)),
        "lines": Member(bounds(0, 10**6)),
    }
)
_NUMBER = record(
    {
        "is": Member(items(integer(1, 10**6), fewest=1, most=100)),
        "every": Member(integer(2, 10**6)),
    }
)
_BIRTHDAY = record({"days_before": Member(integer(0, 180), 0), "days_after": Member(integer(0, 180), 0)})
_MEMBER = record(
    {
        "tier": Member(one_or_more(NAME)),
        "segment": Member(one_or_more(NAME)),
        "staff": Member(flag),
        "birthday": Member(_BIRTHDAY),
        "enrolled": Member(
            _something(record({"from": Member(read_date), "until": Member(read_date)}), "from or until")
        ),
        "member_for_days": Member(bounds(0, 100_000)),
        "purchase_number": Member(_something(_NUMBER, "is or every")),
        "days_since_visit": Member(bounds(0, 100_000)),
        "week_streak": Member(bounds(1, 100)),
        "first_in_category": Member(CATEGORY),
        "new_visit": Member(flag),
        "attribute": Member(
            _something(record({name: Member(one_or_more(NAME)) for name in _ATTRIBUTES}), "an attribute")
        ),
    }
)


def read_conditions(value: Any, pointer: str, faults: list[Fault]) -> Any:
    """A condition: an object of which every member must hold."""
    return _CONDITION(value, pointer, faults)


_asking = _something(read_conditions, "at least one condition")
_CONDITION = record(
    {
        "store": Member(one_or_more(NAME)),
        "channel": Member(one_or_more(NAME)),
        "days": Member(subset(*DAYS)),
        "hours": Member(items(read_window, fewest=1, most=50)),
        "from": Member(read_date),
        "until": Member(read_date),
        "repeats": Member(read_repeats),
        "member": Member(_something(_MEMBER, "what of the member")),
        "payment": Member(one_or_more(NAME)),
        "coupon": Member(one_or_more(NAME)),
        "lines": Member(_LINES),
        "cel": Member(read_expression),
        "all": Member(items(_asking, fewest=1, most=50)),
        "any": Member(items(_asking, fewest=1, most=50)),
        "not": Member(_asking),
    }
)

"""What a benefit may say: its kinds, and on what it acts."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from loyalty_api.errors import Fault
from loyalty_api.program.rules_settings import MONEY
from loyalty_api.rulekit.conditions_reading import NAME, read_where
from loyalty_api.rulekit.shapes import Member, Reader, by_key, choice, integer, items, record, text, variant

_WRITTEN = text(r"\d{1,3}(\.\d{1,2})?", "a percentage as text, such as 10 or 12.5")


def read_percent(value: Any, pointer: str, faults: list[Fault]) -> int | None:
    """A percentage written as text, in hundredths of a percent."""
    written = _WRITTEN(value, pointer, faults)
    if written is None:
        return None
    number = int(Fraction(written) * 100)
    if not 0 < number <= 10_000:
        faults.append(Fault(pointer, "out_of_range", "Expected more than 0 and at most 100 percent."))
    return number


AMOUNT = integer(1, 10**12)
COUNT = integer(1, 10**6)
OFF = variant(percent=read_percent, amount=AMOUNT, price=MONEY)
"""What is taken off units: a percentage, an amount, or all but a price."""
_ON = variant(
    "basket",
    "lines",
    "units",
    cheapest=COUNT,
    dearest=COUNT,
    of_each=record(
        {"units": Member(COUNT, required=True), "cheapest": Member(COUNT), "dearest": Member(COUNT)}
    ),
)
LATER_LANES = ("percent", "amount", "price")
"""Benefits that say what they act on; on sums they may stand in any lane."""


def _valued(name: str, reader: Reader) -> Reader:
    return record({name: Member(reader, required=True), "on": Member(_ON, required=True)})


def _some(reader: Reader) -> Reader:
    """Goods that must be said: an empty selection would mean everything."""

    def read(value: Any, pointer: str, faults: list[Fault]) -> Any:
        if isinstance(value, Mapping) and not value:
            faults.append(Fault(pointer, "required", "Say which goods."))
        return reader(value, pointer, faults)

    return read


_WHERE = _some(read_where)
_GET = record(
    {
        "where": Member(_WHERE),
        "quantity": Member(COUNT, 1),
        "off": Member(OFF, ("percent", 10_000)),
        "take": Member(choice("cheapest", "dearest"), "cheapest"),
        "added": Member(NAME),
    }
)
BENEFITS: dict[str, Reader] = {
    "percent": _valued("off", read_percent),
    "amount": _valued("off", AMOUNT),
    "price": _valued("is", MONEY),
    "buy_get": record(
        {
            "buy": Member(record({"where": Member(_WHERE), "quantity": Member(COUNT, 1)}), required=True),
            "get": Member(_GET, required=True),
        }
    ),
    "several": record(
        {"quantity": Member(integer(2, 10**6), required=True), "price": Member(MONEY, required=True)}
    ),
    "bundle": record(
        {
            "items": Member(
                items(
                    record({"where": Member(_WHERE, required=True), "quantity": Member(COUNT, 1)}),
                    fewest=2,
                    most=20,
                ),
                required=True,
            ),
            "off": Member(OFF, required=True),
        }
    ),
    "steps": items(
        record(
            {
                "from": Member(AMOUNT, required=True),
                "off": Member(variant(percent=read_percent, amount=AMOUNT), required=True),
            }
        ),
        fewest=1,
        most=100,
    ),
    "tiers": by_key(read_percent, keys=r"[a-z0-9][a-z0-9_.-]{0,63}"),
    "coupon": record(
        {
            "name": Member(NAME, required=True),
            "valid_days": Member(integer(1, 3650), required=True),
            "from": Member(choice("next_day", "at_once"), "next_day"),
            "stores": Member(items(NAME, most=10_000), ()),
        }
    ),
    "free_item": record({"where": Member(_WHERE), "quantity": Member(COUNT, 1), "added": Member(NAME)}),
}
"""Every kind of benefit and what it says."""

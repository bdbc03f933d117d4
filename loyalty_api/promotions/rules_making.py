"""From what a benefit says to what is asked: discounts on a sum or on sets of units, coupons for another time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from loyalty_api.promotions.rules_types import HUNDRED_PERCENT, Coupon, InSets, OnSum, Slot, Value
from loyalty_api.rulekit.selectors import Selector, selector

ALL_OF_IT = Value("percent", HUNDRED_PERCENT)


def benefit_of(kind: str, said: Any) -> OnSum | InSets | Coupon:
    """The benefit of a kind, compiled."""
    if kind in ("percent", "amount", "price"):
        return _plain(Value(kind, said["is" if kind == "price" else "off"]), *said["on"])
    return _MAKERS[kind](said)


def _plain(value: Value, on: str, units: Any) -> OnSum | InSets:
    match on:
        case "basket" | "lines":
            return OnSum(((0, value),), by_line=on == "lines")
        case "units":
            return InSets((Slot(1),), value)
        case "of_each":
            cheapest = units["cheapest"] is not None
            targets = units["cheapest"] if cheapest else units["dearest"]
            return InSets((Slot(units["units"]),), value, targets=targets, cheapest=cheapest)
        case _:
            return InSets((Slot(units, cheapest_first=on == "cheapest"),), value, most=1, up_to=True)


def _buy_get(buy: Mapping[str, Any], get: Mapping[str, Any]) -> InSets:
    """Other goods are drawn before those that must be bought; of the same goods a set is both together."""
    value, quantity, cheapest = Value(*get["off"]), get["quantity"], get["take"] == "cheapest"
    if get["where"] is None and get["added"] is None:
        slot = Slot(buy["quantity"] + quantity, _selects(buy["where"]))
        return InSets((slot,), value, targets=quantity, cheapest=cheapest)
    first = Slot(quantity, _selects(get["where"], get["added"]), cheapest_first=cheapest)
    return InSets(
        (first, Slot(buy["quantity"], _selects(buy["where"]))), value, of_first=True, added=get["added"]
    )


def _selects(where: Mapping[str, Any] | None, added: str | None = None) -> Selector | None:
    said = {name: values for name, values in (where or {}).items() if values is not None}
    if added is not None:
        said["sku"] = (added,)
    return selector(said) if said else None


def _bundle(said: Mapping[str, Any]) -> InSets:
    slots = [Slot(item["quantity"], _selects(item["where"])) for item in said["items"]]
    return InSets(tuple(slots), Value(*said["off"]))


def _free_item(said: Mapping[str, Any]) -> InSets:
    slot = Slot(said["quantity"], _selects(said["where"], said["added"]), cheapest_first=True)
    return InSets((slot,), ALL_OF_IT, most=1, added=said["added"])


_MAKERS: Mapping[str, Callable[[Any], OnSum | InSets | Coupon]] = {
    "steps": lambda said: OnSum(tuple([(step["from"], Value(*step["off"])) for step in said])),
    "tiers": lambda said: OnSum(
        by_line=True, by_tier={level: Value("percent", off) for level, off in said.items()}
    ),
    "several": lambda said: InSets((Slot(said["quantity"]),), Value("price", said["price"])),
    "bundle": _bundle,
    "free_item": _free_item,
    "coupon": lambda said: Coupon(
        said["name"], said["valid_days"], said["from"] == "at_once", tuple(said["stores"])
    ),
    "buy_get": lambda said: _buy_get(said["buy"], said["get"]),
}

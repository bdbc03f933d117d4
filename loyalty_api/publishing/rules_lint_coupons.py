"""Coupons for another purchase: whether anything asks for them, and when and where they count.

A coupon takes nothing off the sale that gives it, so there is nothing of it to be weighed; but one that does nothing is
a promise that a till will not keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from loyalty_api.publishing.rules_lint_promoted import Promoted
from loyalty_api.publishing.rules_lint_times import Impossible, named, span
from loyalty_api.publishing.rules_lint_types import Finding, Ground
from loyalty_api.publishing.rules_lint_wishes import Demand, alternatives
from loyalty_api.rulekit.conditions_reading import read_conditions
from loyalty_api.rulekit.days import local_day

_MOST_NAMED = 8
Way = Sequence[Demand]


def is_coupon(promotion: Promoted) -> bool:
    """Whether it gives a coupon for another purchase."""
    kind: str = promotion.said["benefit"][0]
    return kind == "coupon"


def coupons(ground: Ground, found: Sequence[Promoted]) -> Iterator[Finding]:
    """Every finding about coupons that promotions give."""
    asking = _Asking(ground)
    for one in found:
        if not is_coupon(one) or not one.fires:
            continue
        said = one.said["benefit"][1]
        words = {"coupon": said["name"]}
        if not asking.names(said["name"]):
            yield ground.finding("coupon_asked_nowhere", "warning", [one.rule_id], one.fires[:1], words=words)
        elif not one.ended and asking.never_meets(one, said):
            yield ground.finding("coupon_never_counts", "warning", [one.rule_id], one.fires[:1], words=words)
        unknown = sorted(set(said["stores"]) - ground.stores) if ground.stores is not None else []
        if unknown:
            yield ground.finding(
                "coupon_stores_unknown", "warning", [one.rule_id], one.fires[:1],
                words={**words, "stores": ", ".join(unknown[:_MOST_NAMED])},
            )  # fmt: skip


class _Asking:
    """What in a program asks for coupons by their names."""

    def __init__(self, ground: Ground) -> None:
        sections: Any = ground.program.settings.sections
        self._today = local_day(ground.now, ground.program.settings.zone)
        listed = {
            "promotions": sections["promotions"],
            "earn": sections["earn"]["rules"],
            "gifts": sections["gifts"]["rules"],
            "suggestions": [sections["suggestions"]],
        }
        self._asked = [(place, rule.get("when") or {}) for place, rules in listed.items() for rule in rules]

    def names(self, name: str) -> bool:
        """Whether anything asks for the coupon, or an expression may."""
        return any(_mentions(said, name) for _, said in self._asked)

    def never_meets(self, giver: Promoted, benefit: Mapping[str, Any]) -> bool:
        """Whether no rule that asks for it can hold on a day, and in a store, on which the coupon counts."""
        askers = [(place, said) for place, said in self._asked if _mentions(said, benefit["name"])]
        ways: list[Way] = []
        for place, said in askers:
            found = alternatives(read_conditions(said, "", []) or {})
            if place not in ("promotions", "earn") or not found.complete or _mentions(said, None):
                return False
            ways += [way for way in found.ways if _asks(way, benefit["name"])]
        return all(not self._meets(mine, way, benefit) for mine in giver.ways for way in ways)

    def _meets(self, giver: Way, asker: Way, benefit: Mapping[str, Any]) -> bool:
        first, last = _valid(giver, benefit, self._today)
        try:
            begins, ends = span(asker)
        except Impossible:
            return False
        return begins <= last and first <= ends and not _elsewhere(set(benefit["stores"]), asker)


def _valid(giver: Way, benefit: Mapping[str, Any], today: date) -> tuple[date, date]:
    """The first day on which a coupon that is given from today on counts, and the last one."""
    begins, ends = span(giver)
    later = timedelta(days=0 if benefit["from"] == "at_once" else 1)
    return max(begins, today) + later, ends + timedelta(days=benefit["valid_days"])


def _elsewhere(stores: set[str], asker: Way) -> bool:
    """Whether what asks for a coupon holds in none of the stores in which it counts (none: everywhere)."""
    asked = [(set(demand.value), demand.holds) for demand in named(asker, "store")]
    return bool(stores) and any(
        stores.isdisjoint(value) if holds else stores <= value for value, holds in asked
    )


def _asks(way: Way, name: str) -> bool:
    return any(demand.holds and name in demand.value for demand in named(way, "coupon"))


def _mentions(said: Any, name: str | None) -> bool:
    """Whether a condition, or one inside of it, asks for the coupon, or is an expression; None: an expression only."""
    if isinstance(said, Mapping):
        asked = said.get("coupon") or ()
        asks = name == asked if isinstance(asked, str) else name in asked
        return asks or "cel" in said or any(_mentions(inner, name) for inner in said.values())
    return isinstance(said, list | tuple) and any(_mentions(inner, name) for inner in said)

"""Programs and baskets in a line, for tests that read like the rules they check."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_api.rating.rules import evaluate
from loyalty_api.rating.rules_program import Program, compile_program
from loyalty_api.rulekit.basket import Basket, Line, LineDiscount, Payment
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Facts, Member

SATURDAY_AFTERNOON = datetime.fromisoformat("2026-11-21T16:06:40+01:00")
MEMBER = Facts(Member())

BASE = {"id": "base", "kind": "base", "points_per": {"points": 1, "amount": 100}}


def program(*rules: dict[str, Any], **sections: Any) -> Program:
    """A program in kroner and Oslo's days with these earning rules, version 12; ``earn`` may add settings."""
    earn = {**sections.pop("earn", {}), "rules": list(rules)}
    document = {"currency": "NOK", "time_zone": "Europe/Oslo", "earn": earn, **sections}
    return compile_program(document, version=12)


def basket(*lines: Line, payments: dict[str, int] | None = None, **more: Any) -> Basket:
    """A basket of the store ``str_0412`` with these lines, paid by these kinds and amounts."""
    paid = tuple(Payment(kind, amount) for kind, amount in (payments or {}).items())
    return Basket("str_0412", "NOK", lines, paid, **more)


def goods(number: int, amount: int, *, off: int = 0, **more: Any) -> Line:
    """A line of goods, with ``off`` taken from it by the till."""
    discounts = (LineDiscount("till", off, "markdown"),) if off else ()
    return Line(str(number), amount, discounts=more.pop("discounts", discounts), **more)


def rated(of: Basket, by: Program, *, at: datetime = SATURDAY_AFTERNOON, facts: Facts = MEMBER) -> Decision:
    """The decision on a basket for an active member on a Saturday afternoon in November."""
    return evaluate(of, facts, by, at)


def points(of: Basket, by: Program, **how: Any) -> int:
    """The points a basket earns."""
    return rated(of, by, **how).points()


def codes(decision: Decision) -> dict[str | None, str]:
    """The reason code of each rule that gave nothing or less."""
    return {reason.rule: reason.code for reason in decision.reasons}

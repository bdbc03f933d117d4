"""Promotions and baskets in a line, for tests that read like the rules they check."""

from __future__ import annotations

from typing import Any

from loyalty_api.promotions.rules_types import Priced
from loyalty_api.rating.rules import price
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.facts import Facts
from tests.earning.builders import BASE, MEMBER, SATURDAY_AFTERNOON, basket, goods, program


def offering(*promotions: dict[str, Any], **sections: Any) -> Program:
    """A program with a point for each krone and these promotions; each gets an id if it has none: p1, p2, …"""
    named = [{"id": f"p{n}", **promotion} for n, promotion in enumerate(promotions, 1)]
    return program(BASE, promotions=named, **sections)


def wants(*lines: Line, **more: Any) -> Basket:
    """An open basket: the program sets its price."""
    return basket(*lines, pricing="open", **more)


def item(number: int, amount: int, sku: str, quantity: int = 1, **more: Any) -> Line:
    """A line of so many pieces that cost ``amount`` together."""
    return goods(number, amount, sku=sku, quantity=quantity, **more)


def priced(of: Basket, by: Program, facts: Facts = MEMBER) -> Priced:
    """The basket on a Saturday afternoon."""
    return price(of, facts, by, SATURDAY_AFTERNOON)


def off(of: Basket, by: Program, **how: Any) -> dict[str, int]:
    """What each line is cheaper, by its id; lines that are not are left out."""
    found: dict[str, int] = {}
    for discount in priced(of, by, **how).discounts:
        for line_id, share in discount.shares:
            found[line_id] = found.get(line_id, 0) + share
    return found


def applied(of: Basket, by: Program) -> dict[str, int]:
    """What each promotion took off."""
    return {discount.rule: discount.granted for discount in priced(of, by).discounts}


def why(of: Basket, by: Program) -> dict[str | None, tuple[str, str, str | None]]:
    """Outcome, code and what stood instead, of each promotion that gave nothing or less."""
    return {reason.rule: (reason.outcome, reason.code, reason.by) for reason in priced(of, by).reasons}


def missing(of: Basket, by: Program) -> dict[str, dict[str, int]]:
    """How little was missing."""
    return {miss.rule: dict(miss.missing) for miss in priced(of, by).near_misses}

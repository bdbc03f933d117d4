"""What cannot come back in part: whether the condition of free items and coupons still holds on what is left (R35)."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.promotions.rules_types import Priced
from loyalty_api.purchases.desk import Desk
from loyalty_api.purchases.rules_charged import unpriced
from loyalty_api.purchases.service import basket_of
from loyalty_api.rating.rules import price
from loyalty_api.rating.rules_program import Program
from loyalty_api.returns.opening import Opened
from loyalty_api.returns.rules import Back
from loyalty_api.returns.rules_discounts import lost, what_is_left
from loyalty_api.rulekit.stored import facts_from_json


def condition_lost(
    connection: Connection[TupleRow], desk: Desk, opened: Opened, back: Back
) -> list[dict[str, Any]]:
    """A discrepancy for each free item that is kept while what it was given for comes back with this return.

    What it would cost is never silently kept off the money: the till asks for the item, or lets it go.
    """
    bought = opened.bought
    if back.whole or not any(one.benefit == "free_item" for one in bought.discounts):
        return []
    program = desk.programs.numbered(connection, bought.decision.version if bought.decision else 0)
    if program is None or program.settings.sections["returns"]["indivisible"] != "if_condition_lost":
        return []
    before = _lost(connection, program, opened, bought.before)
    now = _lost(connection, program, opened, back.after or {})
    return [
        {"code": "condition_lost", "rule": rule, "amount": amount - before.get(rule, 0)}
        for rule, amount in now.items()
        if amount > before.get(rule, 0)
    ]


def coupons_lost(
    connection: Connection[TupleRow], desk: Desk, opened: Opened, back: Back, *, void: bool
) -> frozenset[str]:
    """The promotions whose coupons for another time are taken back with this return.

    All of them when the sale never was; else as ``returns.indivisible`` says: when everything came back, or when what
    is left would not have given one.
    """
    given = frozenset([one["rule"] for one in opened.row["outcome"].get("issued", ())])
    if not given or void:
        return given
    program = desk.programs.numbered(
        connection, opened.bought.decision.version if opened.bought.decision else 0
    )
    reach = program.settings.sections["returns"]["indivisible"] if program else "if_condition_lost"
    if back.whole or reach != "if_condition_lost" or program is None:
        return given if back.whole and reach != "keep" else frozenset()
    priced = _price_of_rest(connection, program, opened, back.after or {})
    return given - frozenset([coupon.rule for coupon in priced.coupons]) if priced else frozenset()


def _lost(connection: Connection[TupleRow], program: Program, opened: Opened, after: Any) -> dict[str, int]:
    priced = _price_of_rest(connection, program, opened, after)
    if priced is None:
        return {}
    still = {discount.rule: discount.granted for discount in priced.discounts}
    return lost(opened.bought.discounts, after, still)


def _price_of_rest(
    connection: Connection[TupleRow], program: Program, opened: Opened, after: Any
) -> Priced | None:
    """What promotions would do for what is left of a purchase, by the rules and the facts that it was rated with."""
    decision = opened.bought.decision
    if decision is None:
        return None
    left = what_is_left(basket_of(connection, opened.row), after)
    return price(unpriced(left), facts_from_json(opened.row["facts"]), program, decision.at)

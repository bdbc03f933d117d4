"""Free items whose purchase comes back in part: whether their condition still holds on what is left (R35)."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.purchases.desk import Desk
from loyalty_api.purchases.rules_charged import unpriced
from loyalty_api.purchases.service import basket_of
from loyalty_api.rating.rules import Program, price
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


def _lost(connection: Connection[TupleRow], program: Program, opened: Opened, after: Any) -> dict[str, int]:
    row = opened.row
    left = what_is_left(basket_of(connection, row), after)
    decision = opened.bought.decision
    if decision is None:
        return {}
    priced = price(unpriced(left), facts_from_json(row["facts"]), program, decision.at)
    still = {discount.rule: discount.granted for discount in priced.discounts}
    return lost(opened.bought.discounts, after, still)

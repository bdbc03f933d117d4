"""Gifts of what comes back: ``returns.indivisible`` says which go with it; a void takes all of them (R35, R41).

Whether a gift's own condition still holds is asked of the same evaluation, with the facts that the purchase was rated
with, about what is left of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.gifts.service import Back, take_back
from loyalty_api.purchases.desk import Desk
from loyalty_api.purchases.service import basket_of
from loyalty_api.rating.rules import evaluate
from loyalty_api.returns.moving import Part
from loyalty_api.returns.policy import Policy
from loyalty_api.returns.rules_discounts import what_is_left
from loyalty_api.rulekit.stored import facts_from_json

Row = dict[str, Any]


def bring_back(session: Session, desk: Desk, row: Row, part: Part, policy: Policy, now: datetime) -> Part:
    """Take back the gifts that go with what comes back; ``row`` gets what the answer says of each.

    A gift that was handed over and goes with it is a discrepancy with what it cost, never silently kept off the money.
    """
    decision, book = part.opened.bought.decision, part.opened.book
    if book is None or decision is None or not decision.gifts:
        return part
    found = take_back(
        session, member_id=book.member_id, purchase_id=part.purchase_id,
        lost=_lost(driver(session), desk, row, part, policy), because=row["return_id"], now=now,
    )  # fmt: skip
    if not found:
        return part
    book.touched = True
    row["outcome"].setdefault("gifts", []).extend(
        {"gift_id": ids.show("gft", one.gift.gift_id), "rule": one.gift.rule, "status": one.status}
        for one in found
    )
    row["outcome"]["discrepancies"] += [_missing(one) for one in found if one.status == "used"]
    claims = [claim for one in found if one.status == "taken_back" for claim in one.gift.taken]
    return replace(part, gifts=tuple(claims))


def _missing(one: Back) -> Row:
    points = {"points": one.gift.give["points"]} if one.gift.kind == "points" else {}
    return {"code": "gift_used", "rule": one.gift.rule, "amount": one.gift.cost, **points}


def _lost(
    connection: Connection[TupleRow], desk: Desk, row: Row, part: Part, policy: Policy
) -> Collection[str] | None:
    """The rules whose gifts go with what comes back; None: all of them."""
    how = policy.settings.sections["returns"]["indivisible"] if policy.settings else "if_condition_lost"
    if row["kind"] == "void" or (part.back.whole and how != "keep"):
        return None
    if how != "if_condition_lost":
        return ()
    bought = part.opened.bought
    program = desk.programs.numbered(connection, bought.decision.version if bought.decision else 0)
    if program is None or bought.decision is None:
        return ()
    left = what_is_left(basket_of(connection, part.opened.row), part.back.after or {})
    still = evaluate(left, facts_from_json(part.opened.row["facts"]), program, bought.decision.at).gifts
    return {one.rule for one in bought.decision.gifts} - {one.rule for one in still}

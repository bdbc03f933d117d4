"""Coupons for another time that a purchase gives only afterwards: it has found its member, or a person has rated it.

What the sale would have given to this member, and did not give to nobody, the member has then, once, and on the terms
of the sale: its days are counted from it. What was printed at the till stays what it is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.coupons.rules import CouponExpired
from loyalty_api.coupons.service import rows_of
from loyalty_api.promotions.rules_next import still_due
from loyalty_api.purchases import couponing
from loyalty_api.purchases.answers import issued_coupon, not_issued
from loyalty_api.purchases.queries import MemberRow
from loyalty_api.purchases.rated import Row
from loyalty_api.purchases.rules_charged import unpriced
from loyalty_api.rating.rules import EARNING_STATUSES, price
from loyalty_api.rating.rules_program import Program
from loyalty_api.rows import write
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision, NextTime
from loyalty_api.rulekit.facts import Facts
from loyalty_api.vault import Vault


def give_afterwards(
    connection: Connection[TupleRow],
    vault: Vault,
    row: Row,
    decision: Decision,
    *,
    program: Program,
    basket: Basket,
    facts: Facts,
    member: MemberRow,
    now: datetime,
) -> Decision:
    """Give the member, whom the caller holds, what the purchase of ``row`` gives and has not given; once.

    One whose time is over already is not given, and the row says so. Of a purchase of which something came back nothing
    is given any more. The decision names what was given.
    """
    had = [one["rule"] for one in row["outcome"].get("issued", ())]
    stands = tuple([one for one in decision.coupons if one.rule in had])
    due = _due(row, decision, had, program, basket, facts, member)
    fresh = [one for one in due if one.valid_until > now]
    given = couponing.give_to(row, member.member_id, fresh) if fresh else []
    write(connection, rows_of(given, vault=vault, now=now))
    if over := [one for one in due if one not in fresh]:
        row["outcome"]["not_issued"] = [
            {**couponing.told_of(one), "reason": CouponExpired.code} for one in over
        ]
    return replace(decision, coupons=(*stands, *fresh))


def given_since(before: Row, row: Row, vault: Vault) -> list[dict[str, Any]]:
    """What an answer says of the coupons that a purchase has given since it stood as ``before``, or could not give."""
    printed = [one["coupon_id"] for one in before["outcome"].get("issued", ())]
    given = [one for one in row["outcome"].get("issued", ()) if one["coupon_id"] not in printed]
    return [*[issued_coupon(one, vault, clear=False) for one in given], *not_issued(row)]


def _due(
    row: Row,
    decision: Decision,
    had: list[str],
    program: Program,
    basket: Basket,
    facts: Facts,
    member: MemberRow,
) -> list[NextTime]:
    promotions = program.promotions
    if promotions is None or "returned" in row["outcome"] or member.status not in EARNING_STATUSES:
        return []
    priced = price(unpriced(basket), facts, program, decision.at)
    stand = [*had, *[one.rule for one in decision.discounts if one.granted]]
    return still_due(promotions, stand, priced.coupons)

"""What a quote promised, at the sale that leans on it: its rules, and the price that it told."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from loyalty_api.purchases.desk import Reported
from loyalty_api.purchases.rated import Row
from loyalty_api.purchases.rules import Discrepancy
from loyalty_api.purchases.rules_charged import charged, mark_of
from loyalty_api.rating.rules import Program
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.stored import decision_from_json


def given_stays(decision: Decision, row: Row) -> Decision:
    """A decision made anew for a purchase, with the discounts and coupons that were given at the till: they stay so."""
    before = decision_from_json(row["decision"]) if row["decision"] else None
    if before is None:
        return decision
    return replace(decision, discounts=before.discounts, coupons=before.coupons, taken=before.taken)


def as_charged(
    report: Reported,
    basket: Basket,
    facts: Facts,
    decision: Decision,
    *,
    program: Program,
    member_id: UUID | None,
) -> tuple[Decision, list[Discrepancy]]:
    """The decision with the discounts that the till gave, and where they are neither our price nor the quoted one.

    A quote is honoured when the basket, its price and its member are those that were quoted; who is recognised only at
    payment still has the price that was quoted to nobody (R23).
    """
    quote = report.quote
    honoured = (
        quote is not None
        and quote.covers(report.body["occurred_at"])
        and quote.mark in (mark_of(basket, member_id), mark_of(basket, None))
    )
    return charged(decision, basket, facts, program, at=decision.at, honoured=honoured)

"""Coupons for another time that a purchase gives only afterwards: it has found its member, or a person has rated it.

What the sale would have given to this member, and did not give to nobody, the member has then, once, and on the terms
of the sale: its days are counted from it. What was printed at the till stays what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.coupons.rules import CouponExpired
from loyalty_api.coupons.service import rows_of
from loyalty_api.promotions.rules_next import still_due
from loyalty_api.promotions.rules_types import Coupon
from loyalty_api.purchases import couponing
from loyalty_api.purchases.answers import issued_coupon, not_issued
from loyalty_api.purchases.queries import MemberRow
from loyalty_api.purchases.rated import Row
from loyalty_api.purchases.rules import Discrepancy
from loyalty_api.purchases.rules_charged import unpriced
from loyalty_api.rating.rules import EARNING_STATUSES, price
from loyalty_api.rating.rules_limits import covered
from loyalty_api.rating.rules_program import Program
from loyalty_api.rows import write
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision, Discount, NextTime
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.stored import decision_from_json
from loyalty_api.vault import Vault


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What the purchase of ``row`` gives now to its member, whom the caller holds, by the program of its time.

    One whose time is over already is not given, and the row says so. Of a purchase of which something came back nothing
    is given any more. Of the row only the outcome is changed.
    """

    row: Row
    member: MemberRow
    program: Program | None
    basket: Basket
    now: datetime

    def due(self, discounts: Sequence[Discount], coupons: Sequence[NextTime]) -> tuple[NextTime, ...]:
        """Those of the coupons that are given now, beside the discounts that stand."""
        owed = self._owed(discounts, coupons)
        return tuple([one for one in owed if one.valid_until > self.now])

    def charge(self, facts: Facts, decision: Decision) -> tuple[Decision, list[Discrepancy]]:
        """The decision with the coupons that are given now, and what they take of budgets and count."""
        before = self._before
        coupons = self.due(before.discounts if before else (), self._priced(facts, decision.at))
        if not coupons or self.program is None:
            return decision, []
        found = covered((), self.basket, facts, self.program, decision.at, coupons=coupons)
        return replace(decision, coupons=coupons, taken=found.claims), []

    def give(
        self, connection: Connection[TupleRow], vault: Vault, decision: Decision, facts: Facts
    ) -> Decision:
        """Give the coupons of the decision, once, and note which it is too late for.

        The decision, with what was given at the till.
        """
        before, outcome = self._before, self.row["outcome"]
        discounts = before.discounts if before else decision.discounts
        owed = self._owed(discounts, self._priced(facts, decision.at))
        if over := [one for one in owed if one.valid_until <= self.now]:
            outcome["not_issued"] = [{**couponing.told_of(one), "reason": CouponExpired.code} for one in over]
        if decision.coupons:
            given = couponing.give_to(self.row, self.member.member_id, decision.coupons)
            write(connection, rows_of(given, vault=vault, now=self.now))
        if before is None:
            return decision
        coupons, taken = (*before.coupons, *decision.coupons), (*before.taken, *decision.taken)
        return replace(decision, discounts=before.discounts, coupons=coupons, taken=taken)

    @property
    def _before(self) -> Decision | None:
        """What was decided at the till."""
        return decision_from_json(self.row["decision"]) if self.row["decision"] else None

    def _priced(self, facts: Facts, at: datetime) -> Sequence[NextTime]:
        """The coupons that promotions would give with these facts."""
        promotions = self.program.promotions if self.program else None
        if self.program is None or promotions is None:
            return ()
        if not any(isinstance(rule.benefit, Coupon) for rule in promotions.rules):
            return ()
        return price(unpriced(self.basket), facts, self.program, at).coupons

    def _owed(self, discounts: Sequence[Discount], coupons: Sequence[NextTime]) -> list[NextTime]:
        promotions, outcome = self.program.promotions if self.program else None, self.row["outcome"]
        if promotions is None or "returned" in outcome or self.member.status not in EARNING_STATUSES:
            return []
        had = [one["rule"] for one in outcome.get("issued", ())]
        return still_due(promotions, [*had, *[one.rule for one in discounts if one.granted]], coupons)


def given_since(before: Row, row: Row, vault: Vault) -> list[dict[str, Any]]:
    """What an answer says of the coupons that a purchase has given since it stood as ``before``, or could not give."""
    printed = [one["coupon_id"] for one in before["outcome"].get("issued", ())]
    given = [one for one in row["outcome"].get("issued", ()) if one["coupon_id"] not in printed]
    return [*[issued_coupon(one, vault, clear=False) for one in given], *not_issued(row)]

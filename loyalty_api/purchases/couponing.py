"""Coupons at the till: what a receipt shows counts or not, and what did something is used with the purchase.

A sale that happened is never refused for a coupon (R1): one that is used, expired or unknown simply does not count, and
the answer says so. One that nothing would have been different without is not used up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from loyalty_api.coupons.service import NOTHING_SHOWN, Asking, CouponBook, Presented, event_rows
from loyalty_api.purchases.queries import MemberRow
from loyalty_api.purchases.rated import Rated, Row, Written
from loyalty_api.purchases.rules_charged import unpriced
from loyalty_api.rating.rules import Program, evaluate, price
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision, Effect
from loyalty_api.rulekit.facts import Facts

EVERYTHING = frozenset(("enrolled", "profile"))
"""What an audience may ask of a member beside what is always known."""


def present(
    book: CouponBook,
    body: Mapping[str, Any],
    *,
    member: MemberRow | None,
    at: datetime,
    known: Callable[[], Facts],
) -> Presented:
    """Judge the coupons of a basket as of the moment of the sale; ``known`` tells what is known of its member."""
    scanned = body.get("coupons")
    if not scanned:
        return NOTHING_SHOWN
    return book.present(scanned, Asking(at, body["store"], member.member_id if member else None, known))


def shown_in(shown: Presented, basket: Basket, facts: Facts) -> tuple[Basket, Facts]:
    """The basket with the names that count, and the facts with what became of each coupon."""
    if not shown.shown:
        return basket, facts
    return replace(basket, coupons=shown.names), replace(facts, coupons=shown.facts)


def worked(
    book: CouponBook,
    shown: Presented,
    body: Mapping[str, Any],
    basket: Basket,
    facts: Facts,
    program: Program | None,
    decision: Decision | None,
) -> frozenset[UUID]:
    """The coupons that did something: without them something else would have been given, or the till took money off.

    A till says which coupon took money off in a line's discounts (``coupon``), and what it charged is the truth (R2).
    """
    if not shown.ours:
        return frozenset()
    named = {
        book.id_of(given["coupon"])
        for line in body["lines"]
        for given in line.get("discounts") or ()
        if given.get("coupon") and given["amount"]
    }
    ours = {each.coupon.coupon_id: each.name for each in shown.ours if each.coupon}
    used = {coupon_id: name for coupon_id, name in ours.items() if coupon_id in named}
    if program is not None and decision is not None:
        sale = _Sale(basket, facts, program, decision)
        for coupon_id, name in ours.items():
            # Two codes of one name are no more than one: the other is kept for another time.
            if name not in used.values() and sale.needed(name):
                used[coupon_id] = name
    return frozenset(used)


class _Sale:
    """What a sale came to, to be held against what it would have come to without one of its coupons."""

    def __init__(self, basket: Basket, facts: Facts, program: Program, decision: Decision) -> None:
        self._basket, self._facts, self._program, self._decision = basket, facts, program, decision
        self._charged = [given.rule for given in decision.discounts if given.granted]
        self._prices = self._priced(basket) if self._charged and program.promotions else {}

    def needed(self, name: str | None) -> bool:
        """Whether it would have come to something else without the coupon called ``name``."""
        coupons = tuple(other for other in self._basket.coupons if other != name)
        less = replace(self._basket, coupons=coupons)
        decided = evaluate(less, self._facts, self._program, self._decision.at)
        if _given(self._decision) != _given(decided):
            return True
        others = self._priced(less) if self._prices else {}
        return any(self._prices.get(rule, 0) > others.get(rule, 0) for rule in self._charged)

    def _priced(self, basket: Basket) -> dict[str, int]:
        """What our own price takes off by each promotion, minor units."""
        priced = price(unpriced(basket), self._facts, self._program, self._decision.at)
        return {given.rule: given.granted for given in priced.discounts}


def _given(decision: Decision) -> list[Effect]:
    return [effect for effect in decision.effects if effect.granted]


def use(book: CouponBook, rated: Rated, row: Row, written: Written, *, to_member: bool) -> None:
    """Use what worked with the purchase of ``row``, which keeps what its answer says and no code in clear."""
    shown = rated.coupons
    if not shown.shown:
        return
    for coupon_id in sorted(rated.coupons_used):
        book.use(
            coupon_id,
            member_id=row["member_id"],
            purchase_id=row["purchase_id"],
            place=(row["store_id"], row["terminal"], row["reference"]),
            by=(row["client_id"], row["cashier"]),
            occurred_at=row["occurred_at"],
            now=row["recorded_at"],
        )
    if told := shown.told(rated.coupons_used):
        row["outcome"]["coupons"] = told
    row["receipt"].pop("coupons", None)
    if names := shown.stored_names(rated.coupons_used):
        row["receipt"]["coupons"] = list(names)
    if to_member:
        written.events.extend(
            event_rows(
                row["member_id"], row["purchase_id"], sorted(rated.coupons_used), occurred_at=row["occurred_at"],
                now=row["recorded_at"],
            )
        )  # fmt: skip

"""Coupons at the till: what a receipt shows counts or not, and what did something is used with the purchase.

A sale that happened is never refused for a coupon (R1): one that is used, expired or unknown simply does not count, and
the answer says so. One that nothing would have been different without is not used up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from loyalty_api import ids
from loyalty_api.coupons.service import (
    NOTHING_SHOWN,
    Asking,
    CouponBook,
    Grant,
    Issue,
    Presented,
    event_rows,
)
from loyalty_api.purchases.queries import MemberRow
from loyalty_api.purchases.rated import Rated, Row, Written
from loyalty_api.purchases.rules_charged import unpriced
from loyalty_api.rating.rules import EARNING_STATUSES, evaluate, price
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision, Effect, NextTime
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
) -> dict[UUID, int]:
    """The coupons that did something: without them something else would have been given, or the till took money off.

    With each stands what it took off, in minor units; points are not money.

    A till says which coupon took money off in a line's discounts (``coupon``), and what it charged is the truth (R2).
    """
    if not shown.ours:
        return {}
    ours = {each.coupon.coupon_id: each.name for each in shown.ours if each.coupon}
    used = {one: off for one, off in _named(book, body).items() if one in ours}
    if program is not None and decision is not None:
        sale = _Sale(basket, facts, program, decision)
        for coupon_id, name in ours.items():
            # Two codes of one name are no more than one: the other is kept for another time.
            if name not in [ours[one] for one in used] and (worth := sale.worth(name)) is not None:
                used[coupon_id] = worth
    return used


def _named(book: CouponBook, body: Mapping[str, Any]) -> dict[UUID, int]:
    """What the till took off by discounts that name a coupon, by coupon."""
    found: dict[UUID, int] = {}
    for line in body["lines"]:
        for given in line.get("discounts") or ():
            if given.get("coupon") and given["amount"]:
                for coupon_id in book.ids_of(given["coupon"]):
                    found[coupon_id] = found.get(coupon_id, 0) + given["amount"]
    return found


class _Sale:
    """What a sale came to, to be held against what it would have come to without one of its coupons."""

    def __init__(self, basket: Basket, facts: Facts, program: Program, decision: Decision) -> None:
        self._basket, self._facts, self._program, self._decision = basket, facts, program, decision
        self._charged = [given.rule for given in decision.discounts if given.granted]
        priced = program.promotions and (self._charged or decision.coupons)
        self._prices = self._priced(basket) if priced else None

    def worth(self, name: str | None) -> int | None:
        """What the coupon called ``name`` took off; None when nothing would have been different without it."""
        coupons = tuple(other for other in self._basket.coupons if other != name)
        less = replace(self._basket, coupons=coupons)
        off, gives = 0, False
        if self._prices is not None:
            (mine, given), (others, left) = self._prices, self._priced(less)
            off = sum([max(mine.get(rule, 0) - others.get(rule, 0), 0) for rule in self._charged])
            gives = given != left
        if off or gives:
            return off
        decided = evaluate(less, self._facts, self._program, self._decision.at)
        return 0 if _given(self._decision) != _given(decided) else None

    def _priced(self, basket: Basket) -> tuple[dict[str, int], frozenset[str]]:
        """What our own price takes off by each promotion, minor units, and which ones give a coupon."""
        priced = price(unpriced(basket), self._facts, self._program, self._decision.at)
        off = {given.rule: given.granted for given in priced.discounts}
        return off, frozenset([coupon.rule for coupon in priced.coupons])


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
        worth = {ids.show("cpn", one): off for one, off in rated.coupons_used.items() if off}
        told = [{**one, "off": worth[one["coupon_id"]]} if one["coupon_id"] in worth else one for one in told]
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


def give(row: Row, rated: Rated, member: MemberRow | None) -> list[Issue]:
    """The coupons that a purchase gives for another time, in its own transaction: its answer and its row name them.

    Whoever is nobody, or may not earn, has a code that counts for whoever shows it.
    """
    coupons = rated.decision.coupons if rated.decision else ()
    if not coupons:
        return []
    member_id = member.member_id if member and member.status in EARNING_STATUSES else None
    return give_to(row, member_id, coupons)


def give_to(row: Row, member_id: UUID | None, coupons: Sequence[NextTime]) -> list[Issue]:
    """These coupons for another time, behind those that the purchase has given; without a member for whoever comes."""
    before = row["outcome"].get("issued", [])
    given = [
        Issue(
            ids.nth(row["purchase_id"], n),
            member_id,
            Grant(f"promotion:{one.rule}", one.name, one.valid_from, one.valid_until, one.stores),
            row["occurred_at"],
        )
        for n, one in enumerate(coupons, start=len(before) + 1)
    ]
    row["outcome"]["issued"] = [
        *before,
        *[
            {"coupon_id": ids.show("cpn", issued.coupon_id), **told_of(one)}
            for issued, one in zip(given, coupons, strict=True)
        ],
    ]
    return given


def told_of(one: NextTime) -> Row:
    """What a purchase keeps of a coupon for another time."""
    return {"name": one.name, "rule": one.rule, "valid_from": one.valid_from, "valid_until": one.valid_until}

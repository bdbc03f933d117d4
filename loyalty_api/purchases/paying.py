"""Points as a tender: a purchase captures the redemptions that its payments name, in its own transaction (R44)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.ledger.service import Book, Cause
from loyalty_api.purchases import rules_paying
from loyalty_api.purchases.rules import Discrepancy
from loyalty_api.rating.rules_program import Program
from loyalty_api.redemptions.service import Captured, Moment, capture_in, spend_in
from loyalty_api.rulekit.basket import Basket
from loyalty_api.values import dataclass

# What a payment makes has ids counted up from the purchase's, behind those of what it earns.
_FIRST_PAYMENT, _IDS_EACH = 1 << 16, 8
_NOT_OURS = "redemption_unknown"


@dataclass(frozen=True, slots=True)
class Paid:
    """What became of the payments with points: redemptions as they are kept with the purchase, and what was odd."""

    redemptions: list[dict[str, Any]] = field(default_factory=list)
    discrepancies: list[Discrepancy] = field(default_factory=list)


def pay(
    connection: Connection[TupleRow],
    book: Book,
    body: Mapping[str, Any],
    *,
    basket: Basket,
    program: Program | None,
    purchase_id: UUID,
    cause: Cause,
    now: datetime,
) -> Paid:
    """Capture what the receipt was paid with. A sale is never refused: what cannot be captured is a discrepancy (R1).

    The member is locked and the book settled; what the basket earned is in it already.
    """
    paid = Paid()
    for n, (named, charged) in enumerate(rules_paying.charged(body, basket)):
        if named is None and not (program and program.settings.sections["redeem"]["rate"]):
            continue  # Points of another scheme: here they are a tender like any other.
        first_id = ids.nth(purchase_id, _FIRST_PAYMENT + n * _IDS_EACH)
        moment = Moment(first_id, min(body["occurred_at"], now), cause, now)
        got = _NOT_OURS if program is None else _use(
            connection, book, named, charged, program=program, body=body, purchase_id=purchase_id, moment=moment
        )  # fmt: skip
        if isinstance(got, str):
            paid.discrepancies.append({"code": got, "redemption_id": named, "amount": charged})
            continue
        shown = ids.show("red", got.redemption_id)
        if got.amount < charged:
            paid.discrepancies.append(
                {"code": "price_differs", "of": "redemption", "redemption_id": shown, "expected": got.amount,
                 "received": charged}
            )  # fmt: skip
        excluded = program.excluded if program else None
        paid.redemptions.append(
            {
                "redemption_id": shown,
                "points": got.points,
                "amount": got.amount,
                "lines": rules_paying.over_lines(basket, excluded, points=got.points, amount=got.amount),
            }
        )
    return paid


def unpaid(body: Mapping[str, Any]) -> list[Discrepancy]:
    """The same for a receipt without a member: nobody's points can pay for it."""
    return [
        {"code": _NOT_OURS, "redemption_id": payment.get("redemption_id"), "amount": payment["amount"]}
        for payment in rules_paying.points_payments(body)
        if payment.get("redemption_id")
    ]


def _use(
    connection: Connection[TupleRow],
    book: Book,
    named: str | None,
    amount: int,
    *,
    program: Program,
    body: Mapping[str, Any],
    purchase_id: UUID,
    moment: Moment,
) -> Captured | str:
    if named is None:
        if program.settings.sections["redeem"]["same_purchase"] == "no":
            return _NOT_OURS
        return spend_in(
            connection, book, redemption_id=ids.nth(moment.journal_id, 1), amount=amount, purchase_id=purchase_id,
            store_id=body["store"], terminal=body["terminal"], moment=moment, policy=program.settings,
        )  # fmt: skip
    redemption_id = ids.read("red", named)
    if redemption_id is None:
        return _NOT_OURS
    return capture_in(
        connection, book, redemption_id=redemption_id, points=None, amount=amount, purchase_id=purchase_id,
        occurred_at=moment.occurred_at, journal_id=moment.journal_id, cause=moment.cause, now=moment.now,
        policy=program.settings,
    )  # fmt: skip

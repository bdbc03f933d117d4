"""Reservations over HTTP: what a quote needs is held for the next minutes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.coupons.rules import REFUSALS, CouponUnknown
from loyalty_api.errors import NotFound
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.ledger.rules_spending import InsufficientPoints
from loyalty_api.members.service import MemberBlocked, MemberClosed
from loyalty_api.purchases import examples, reserving
from loyalty_api.purchases.api_till import blueprint, desk
from loyalty_api.purchases.recording import CurrencyMismatch, MemberMismatch
from loyalty_api.purchases.reserving import Reserved
from loyalty_api.purchases.schemas import QuoteSchema
from loyalty_api.purchases.schemas_quotes import ReservationSchema
from loyalty_api.redemptions.rules import AlreadyCaptured, BelowMinimum, Caller, NotRedeemableHere
from loyalty_api.redemptions.service import VerificationRequired
from loyalty_api.security import StoreNotAllowed, ensure_store, principal
from loyalty_api.stores.service import StoreUnknown
from loyalty_api.throttle import RateLimited, Throttle


def _caller() -> Caller:
    who = principal()
    return Caller(who.client_id, who.kind, who.store_id)


def _document(reserved: Reserved) -> dict[str, Any]:
    held, points = reserved.reservation, reserved.redemption
    return {
        "reservation_id": ids.show("rsv", held.reservation_id),
        "expires_at": held.expires_at,
        "coupons": list(held.coupons),
        "budgets": [
            {name: said for name, said in budget.items() if name != "key"} for budget in held.budgets
        ],
        "redemption": {
            "redemption_id": ids.show("red", points.redemption_id),
            "points": points.points,
            "amount": points.amount,
            "expires_at": points.expires_at,
        }
        if points
        else None,
    }


@blueprint.operation(
    "POST", "/quotes/<quote_id>/reserve", "reserve_quote", summary="Hold what a quote needs", status=201,
    body=QuoteSchema(), answer=ReservationSchema(), example=examples.QUOTE, answer_example=examples.RESERVATION,
    errors=(
        reserving.QuoteUnknown, reserving.QuoteExpired, reserving.QuoteDiffers, reserving.BudgetUsedUp,
        reserving.LimitReached, StoreUnknown, CurrencyMismatch, MemberMismatch, StoreNotAllowed, *REFUSALS,
        InsufficientPoints, BelowMinimum, NotRedeemableHere, MemberBlocked, MemberClosed, VerificationRequired,
        RateLimited,
    ),
)  # fmt: skip
@idempotent(status=201)
def reserve(session: Session, quote_id: str, body: dict[str, Any]) -> Answer:
    """Coupons, budgets of promotions, the member's own limits and points (`redeem`) together, or nothing.

    Send the basket that was quoted.

    The purchase that names the quote uses what is held; what no purchase uses comes back by itself at `expires_at`.
    """
    ensure_store(principal(), body["store"])
    throttle: Throttle = current_app.extensions["throttle"]
    now = clock.now()
    # What a quote was told of codes that are not there is limited, and so is this.
    reserved = throttle.limit_misses(
        principal(),
        lambda: reserving.reserve(
            session, desk(), quote_id=quote_id, body=body, caller=_caller(), reservation_id=ids.new(), now=now
        ),
        missed=CouponUnknown,
    )
    return Answer(_document(reserved))


@blueprint.operation(
    "DELETE", "/reservations/<rsv:reservation_id>", "release_reservation", summary="Let go of what is held",
    status=204, errors=(reserving.ReservationUnknown, reserving.ReservationUsed, AlreadyCaptured, NotFound),
)  # fmt: skip
@idempotent(required=False, status=204)
def release(session: Session, reservation_id: UUID) -> None:
    """When the customer has changed their mind; the same again does nothing."""
    reserving.release(session, desk(), reservation_id=reservation_id, caller=_caller(), now=clock.now())

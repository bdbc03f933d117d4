"""A member's own coupons: listed with their codes, activated, and looked at before they are shown (M11)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import clock
from loyalty_api.coupons import rules, schemas, service
from loyalty_api.coupons.api_coupons import REFUSALS, listed_for, validated
from loyalty_api.coupons.edge import blueprint, office, shown
from loyalty_api.coupons.schemas import CouponSchema, OwnCouponCodeBody, UsableCouponSchema
from loyalty_api.errors import NotFound
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.ledger.api import own_id
from loyalty_api.paging import PageQuery, page_of


@blueprint.operation(
    "GET", "/me/coupons", "me_coupons", summary="My coupons", query=PageQuery(),
    answer=page_of(CouponSchema(), "MyCouponPage"), answer_example={"data": [schemas.OWN], "next_cursor": None},
    errors=(NotFound,),
)  # fmt: skip
def list_own(query: dict[str, Any]) -> dict[str, Any]:
    """The latest first, with state, window, how often left, and the code to show at the till."""
    return listed_for(own_id(), query, clear=True)


@blueprint.operation(
    "POST", "/me/coupons/<cpn:coupon_id>/activate", "me_activate_coupon", summary="Activate a coupon of mine",
    answer=CouponSchema(), answer_example={**schemas.OWN, "activated_at": "2026-11-21T15:00:00Z"},
    errors=(rules.CouponUnknown, rules.CouponUsed, rules.CouponExpired),
)  # fmt: skip
@idempotent()
def activate(session: Session, coupon_id: UUID) -> Answer:
    """From then on it counts. Doing it again changes nothing."""
    now, member_id = clock.now(), own_id()
    found = service.activate(
        session, vault=office().vault, member_id=member_id, coupon_id=coupon_id, now=now, clear=True
    )
    return Answer(shown(found, now), owner=member_id)


@blueprint.operation(
    "POST", "/me/coupons/validate", "me_validate_coupon", summary="Whether I can use a coupon",
    body=OwnCouponCodeBody(), answer=UsableCouponSchema(), example={"code": "7GK2M-PX4RW-9HTB-C3FD"},
    answer_example={**schemas.COUPON, "usable": True}, errors=REFUSALS,
)  # fmt: skip
def validate_own(body: dict[str, Any]) -> dict[str, Any]:
    """Nothing changes. Somebody else's coupon is answered as if it were not there."""
    return validated(body, member_id=own_id(), store_id=body["store"], own=True)

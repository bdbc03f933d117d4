"""What the resources of coupons share: the blueprint, what the application lends, and coupons as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import current_app

from loyalty_api import ids
from loyalty_api.coupons.rules import Coupon
from loyalty_api.coupons.service import Found, Office
from loyalty_api.http import Blueprint

blueprint = Blueprint(
    "coupons", __name__, url_prefix="/v1", description="Coupons: batches of codes, and each code by itself."
)


def office() -> Office:
    """What the use cases lean on in this process."""
    lent = current_app.extensions
    return Office(lent["vault"], lent["programs"])


def document(coupon: Coupon, now: datetime, *, code: str | None = None) -> dict[str, Any]:
    """A coupon as it is shown at ``now``, with its ``code`` in clear where it is its member who reads."""
    terms = coupon.terms
    return {
        "coupon_id": ids.show("cpn", coupon.coupon_id),
        "batch_id": ids.show("cpb", coupon.batch_id),
        "code": code or coupon.shown,
        "name": terms.name,
        "kind": terms.kind,
        "state": coupon.state(now),
        "member_id": ids.show("mbr", coupon.member_id) if coupon.member_id else None,
        "uses": coupon.uses,
        "uses_left": coupon.uses_left,
        "valid_from": terms.valid_from,
        "valid_until": terms.valid_until,
        "stores": list(terms.stores),
        "needs_activation": terms.needs_activation,
        "activated_at": coupon.activated_at,
    }


def shown(found: Found, now: datetime) -> dict[str, Any]:
    """The same of what was looked for."""
    return document(found.coupon, now, code=found.code)

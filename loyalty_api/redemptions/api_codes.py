"""Reward codes over a counter. Attempts are limited, and a code that never was is answered like one mistyped."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.coupons import service as coupons
from loyalty_api.fields import Choice, Flag, Moment, Schema, Text, Whole
from loyalty_api.http import spoken, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.redemptions import examples, using
from loyalty_api.redemptions.edge import blueprint, caller, counter, reason_text, speaking_for
from loyalty_api.redemptions.rules import HoldExpired
from loyalty_api.redemptions.schemas import STATUSES
from loyalty_api.rewards.rules import RewardNotAvailable
from loyalty_api.security import StoreNotAllowed, principal
from loyalty_api.throttle import RateLimited, Throttle


class CodeBody(Schema):
    """A code as it was scanned or typed, and where."""

    code = Text(required=True, longest=64)
    store = Text(longest=44, pattern=r"str_[A-Za-z0-9_-]{1,40}")


class CodeUseBody(CodeBody):
    """A code that is used, and on which receipt."""

    terminal = Text(longest=32)
    reference = Text(longest=64)
    occurred_at = Moment()


class CodeRewardSchema(Schema):
    """What a code is worth."""

    reward_id = Text(required=True)
    kind = Text(required=True)
    name = Text(required=True, longest=200)
    quantity = Whole(required=True)
    value = ma.fields.Dict(required=True, allow_none=True)
    money = Whole(required=True, allow_none=True)


class CodeReasonSchema(Schema):
    """Why not."""

    code = Text(required=True)
    text = Text(required=True, longest=500)


class CodeUsedSchema(Schema):
    """Where and when it was used."""

    store = Text(required=True, allow_none=True)
    at = Moment(required=True)
    reference = Text(required=True, allow_none=True)


class CodeCouponSchema(Schema):
    """Which coupon a code is; a purchase uses it, by sending the code among its ``coupons``."""

    coupon_id = Text(required=True)
    name = Text(required=True)
    state = Text(required=True)
    uses_left = Whole(required=True)


class CodeSchema(Schema):
    """What a code is, for whom, and whether it can be used here and now; ``reward`` or ``coupon`` by its kind."""

    code = Text(required=True)
    kind = Choice("reward", "coupon", required=True)
    usable = Flag(required=True)
    reason = ma.fields.Nested(CodeReasonSchema(), required=True, allow_none=True)
    reward = ma.fields.Nested(CodeRewardSchema(), required=True, allow_none=True)
    coupon = ma.fields.Nested(CodeCouponSchema(), required=True, allow_none=True)
    member_id = Text(required=True, allow_none=True)
    redemption_id = Text(required=True, allow_none=True)
    redemption_status = Choice(*STATUSES, required=True, allow_none=True)
    expires_at = Moment(required=True, allow_none=True)
    used = ma.fields.Nested(CodeUsedSchema(), required=True, allow_none=True)


CODE = {"code": "7GK2M-PX4RW-9HTB-C3FD", "store": "str_0412"}
FOUND: dict[str, Any] = {
    "code": "…C3FD", "kind": "reward", "usable": True, "reason": None,
    "reward": {"reward_id": examples.REWARD, "kind": "product", "name": "A coffee", "quantity": 1, "value": None,
               "money": None},
    "coupon": None, "member_id": examples.MEMBER, "redemption_id": examples.REDEMPTION, "redemption_status": "held",
    "expires_at": "2026-11-22T15:05:10Z", "used": None,
}  # fmt: skip
USED: dict[str, Any] = {
    **FOUND, "usable": False, "redemption_status": "captured", "expires_at": None,
    "reason": {"code": "code_used", "text": "This code has been used."},
    "used": {"store": "str_0412", "at": "2026-11-21T15:05:10Z", "reference": "004711"},
}  # fmt: skip


def _throttle() -> Throttle:
    found: Throttle = current_app.extensions["throttle"]
    return found


@blueprint.operation(
    "POST", "/codes/inspect", "inspect_code", summary="What a code is", body=CodeBody(), answer=CodeSchema(),
    example=CODE, answer_example=FOUND, errors=(using.CodeUnknown, StoreNotAllowed, RateLimited),
)  # fmt: skip
def inspect(body: dict[str, Any]) -> dict[str, Any]:
    """Usable here and now, or why not. Nothing changes; the code is sent in the body, never in an address."""
    now, place = clock.now(), using.Place(speaking_for(body.get("store")))
    with unit_of_work() as session:
        found = _throttle().limit_misses(
            principal(),
            lambda: using.inspect_any(session, counter(), typed=body["code"], place=place, now=now),
            missed=using.CodeUnknown,
        )
    return _document(found) if isinstance(found, using.Found) else _coupon_document(found)


@blueprint.operation(
    "POST", "/codes/use", "use_code", summary="Use a code", body=CodeUseBody(), answer=CodeSchema(),
    example={**CODE, "terminal": "7", "reference": "004711"}, answer_example=USED,
    errors=(
        using.CodeUnknown, using.CodeUsed, using.CodeExpired, using.CodeCancelled, HoldExpired, RewardNotAvailable,
        StoreNotAllowed, RateLimited,
    ),
)  # fmt: skip
@idempotent()
def use(session: Session, body: dict[str, Any]) -> Answer:
    """Once. Points that are held behind it are used with it."""
    now = clock.now()
    place = using.Place(speaking_for(body.get("store")), body.get("terminal"), body.get("reference"))
    found = _throttle().limit_misses(
        principal(),
        lambda: using.use(
            session, counter(), typed=body["code"], place=place, step_id=ids.new(),
            occurred_at=body.get("occurred_at") or now, caller=caller(), now=now,
        ),
        missed=using.CodeUnknown,
    )  # fmt: skip
    return Answer(_document(found), owner=found.redemption.member_id)


def _document(found: using.Found) -> dict[str, Any]:
    reward, redemption, code = found.reward, found.redemption, found.code
    refusal = found.refusal
    status = redemption.status_at(clock.now())
    return {
        "code": found.shown,
        "kind": "reward",
        "usable": refusal is None,
        "reason": {"code": refusal.code, "text": _why_not(refusal.code, redemption.points)}
        if refusal
        else None,
        "reward": {
            "reward_id": ids.show("rwd", reward.reward_id),
            "kind": reward.kind,
            "name": reward.name_in(spoken()),
            "quantity": redemption.quantity,
            "value": dict(reward.value) if reward.value else None,
            "money": reward.money and reward.money * redemption.quantity,
        },
        "coupon": None,
        "member_id": ids.show("mbr", redemption.member_id),
        "redemption_id": ids.show("red", redemption.redemption_id),
        "redemption_status": status,
        "expires_at": redemption.expires_at if status == "held" else None,
        "used": {"store": code.used_store, "at": code.used_at, "reference": code.used_reference}
        if code.used_at
        else None,
    }


def _why_not(code: str, points: int) -> str:
    """Why it cannot be used; where no points were taken for it, none are back."""
    return reason_text("gift_code_expired" if code == using.CodeExpired.code and not points else code)


def _coupon_document(found: coupons.Found) -> dict[str, Any]:
    coupon, refusal = found.coupon, found.refusal
    return {
        "code": coupon.shown,
        "kind": "coupon",
        "usable": refusal is None,
        "reason": {"code": refusal.code, "text": reason_text(refusal.code)} if refusal else None,
        "reward": None,
        "coupon": {
            "coupon_id": ids.show("cpn", coupon.coupon_id),
            "name": coupon.terms.name,
            "state": coupon.state(clock.now()),
            "uses_left": coupon.uses_left,
        },
        "member_id": ids.show("mbr", coupon.member_id) if coupon.member_id else None,
        "redemption_id": None,
        "redemption_status": None,
        "expires_at": coupon.terms.valid_until,
        "used": None,
    }

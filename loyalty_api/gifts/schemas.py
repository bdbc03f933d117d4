"""Gifts as they are answered, with examples."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from loyalty_api.fields import Choice, Moment, Schema, Text, Whole

_STATES = ("granted", "shown", "claimed", "handed_over", "expired", "taken_back")
_BECAME = ("held", "captured", "reversed", "released", "expired")


class GiftWhyStepSchema(Schema):
    """A number behind a gift."""

    label = Text(required=True)
    value = Text(required=True, longest=500)


class GiftWhySchema(Schema):
    """Why a gift was given, in the reader's language."""

    text = Text(required=True, longest=500)
    steps = fields.List(fields.Nested(GiftWhyStepSchema()), required=True)


class GiftRedemptionSchema(Schema):
    """The redemption that a gift of a reward became: no points were taken for it. Its own operations show the rest."""

    redemption_id = Text(required=True)
    status = Choice(*_BECAME, required=True)
    code = Text(
        required=True,
        allow_none=True,
        metadata={"description": "what it is collected by; in full for the member only"},
    )
    expires_at = Moment(
        required=True, allow_none=True, metadata={"description": "until when it is kept for the member"}
    )
    order_id = Text(required=True, allow_none=True)


class GiftSchema(Schema):
    """A gift of a member's. What its member has not opened yet keeps what it is to itself: those members are null."""

    gift_id = Text(required=True)
    member_id = Text(required=True)
    state = Choice(*_STATES, required=True)
    title = Text(required=True, longest=1000)
    kind = Text(required=True, allow_none=True)
    rule = Text(required=True, allow_none=True)
    points = Whole(required=True, allow_none=True)
    sku = Text(required=True, allow_none=True)
    quantity = Whole(required=True, allow_none=True)
    reference = Text(
        required=True,
        allow_none=True,
        metadata={"description": "the reward, or the name of the coupon, that is given"},
    )
    store = Text(required=True, allow_none=True)
    purchase_id = Text(required=True, allow_none=True)
    journal_id = Text(
        required=True, allow_none=True, metadata={"description": "where the points of a gift stand"}
    )
    coupon_id = Text(
        required=True, allow_none=True, metadata={"description": "the coupon that the gift became"}
    )
    redemption = fields.Nested(
        GiftRedemptionSchema(),
        required=True,
        allow_none=True,
        metadata={"description": "what a gift of a reward became"},
    )
    granted_at = Moment(required=True)
    expires_at = Moment(required=True)
    shown_at = Moment(required=True, allow_none=True)
    claimed_at = Moment(required=True, allow_none=True)
    handed_over_at = Moment(required=True, allow_none=True)
    why = fields.Nested(GiftWhySchema(), required=True, allow_none=True)


class HandOverGiftBody(Schema):
    """Where a gift is handed over."""

    store = Text(required=True, longest=44)


GIFT: dict[str, Any] = {
    "gift_id": "gft_01m80xfza0e4trdbsjq23m1646", "member_id": "mbr_01m80xfza0e4trdbsjq23m1646", "state": "shown",
    "title": "A flower", "kind": "product", "rule": "flower", "points": None, "sku": None, "quantity": 1,
    "reference": None, "store": "str_0412", "purchase_id": "pur_01m80xfza0e4trdbsjq23m1646", "journal_id": None,
    "coupon_id": None, "redemption": None,
    "granted_at": "2026-11-21T15:06:41Z", "expires_at": "2026-12-21T23:00:00Z", "shown_at": "2026-11-21T18:00:00Z",
    "claimed_at": None, "handed_over_at": None,
    "why": {"text": "It goes with what you bought.", "steps": []},
}  # fmt: skip
_SECRET = dict.fromkeys(("kind", "rule", "points", "sku", "quantity", "reference", "why", "shown_at"))
UNOPENED: dict[str, Any] = {**GIFT, **_SECRET, "state": "granted", "title": "A gift for you"}
HANDED_OVER: dict[str, Any] = {
    **GIFT, "state": "handed_over", "claimed_at": "2026-11-22T09:30:00Z", "handed_over_at": "2026-11-22T09:30:00Z",
}  # fmt: skip
CLAIMED_REWARD: dict[str, Any] = {
    **HANDED_OVER, "title": "A coffee", "kind": "reward", "rule": "tenth_visit", "quantity": None,
    "reference": "rwd_01m80xfza0e4trdbsjq23m1646",
    "redemption": {
        "redemption_id": "red_01m80xfza0e4trdbsjq23m1649", "status": "held", "code": "7GK2M-PX4RW-9HTB-C3FD",
        "expires_at": "2026-12-21T23:00:00Z", "order_id": None,
    },
}  # fmt: skip

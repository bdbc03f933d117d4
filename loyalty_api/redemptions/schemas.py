"""What is sent and answered about redemptions. Amounts are in minor units, times carry their offset."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from loyalty_api.fields import Choice, Moment, Schema, Text, Whole
from loyalty_api.members.rules import SCANNED_KINDS

MAX_MONEY = 100_000_000_000
MAX_POINTS = 1_000_000_000
WORD = r"[a-z][a-z0-9_]*"
STATUSES = ("held", "captured", "partly_reversed", "reversed", "released", "expired")


class ScannedMemberSchema(Schema):
    """What was scanned or typed to say whose points they are."""

    kind = Choice(*SCANNED_KINDS, required=True)
    value = Text(required=True, longest=254)
    entry = Choice("scanned", "typed", "tapped", load_default="scanned")


class VerificationSchema(Schema):
    """How the member confirmed it: the six digits that the app shows."""

    method = Choice("app_code", required=True)
    value = Text(required=True, longest=6, pattern=r"\d{6}")


class WishBody(Schema):
    """What points are wanted for; the price is ours."""

    purpose = Choice(
        "basket", "points", "reward", required=True, data_key="for",
        metadata={"description": "basket: money off, within max_points and max_amount; points: exactly so many"},
    )  # fmt: skip
    points = Whole(least=1, most=MAX_POINTS)
    reward_id = Text(longest=40)
    quantity = Whole(least=1, most=100, load_default=1)
    occurred_at = Moment()
    channel = Choice("store", "online", "app", "phone", "kiosk", load_default="store")

    @ma.validates_schema
    def _named(self, data: dict[str, Any], **_: Any) -> None:
        needed = {"points": "points", "reward": "reward_id"}.get(data.get("purpose", ""))
        if needed and needed not in data:
            raise ma.ValidationError(f"Send {needed}.", needed)
        limits = [data.get(name) for name in ("max_points", "max_amount", "quote_id")]
        if data.get("purpose") == "basket" and all(limit is None for limit in limits):
            raise ma.ValidationError("Send max_amount, max_points or a quote_id.")


class RedemptionBody(WishBody):
    """What a till sends; the second form, for a reward, also comes from a merchant's own app."""

    member_id = Text(longest=40, allow_none=True, load_default=None)
    identifier = ma.fields.Nested(ScannedMemberSchema(), allow_none=True, load_default=None)
    quote_id = Text(longest=400, allow_none=True, load_default=None)
    max_points = Whole(least=0, most=MAX_POINTS)
    max_amount = Whole(least=0, most=MAX_MONEY)
    store = Text(longest=44, pattern=r"str_[A-Za-z0-9_-]{1,40}")
    terminal = Text(longest=32)
    cashier = Text(longest=64, allow_none=True, load_default=None)
    verification = ma.fields.Nested(VerificationSchema(), allow_none=True, load_default=None)

    @ma.validates_schema
    def _whose(self, data: dict[str, Any], **_: Any) -> None:
        if (data.get("member_id") is None) == (data.get("identifier") is None):
            raise ma.ValidationError("Send either member_id or identifier.")


class OwnRedemptionBody(WishBody):
    """What a member asks for in the app."""

    purpose = Choice("points", "reward", required=True, data_key="for")
    channel = Choice("app", "online", load_default="app")


class CaptureBody(Schema):
    """What was used of a hold, and when; all of it when ``points`` is left out."""

    points = Whole(least=1, most=MAX_POINTS)
    occurred_at = Moment()


class ReleaseBody(Schema):
    """When it was let go."""

    occurred_at = Moment()


class ReverseBody(Schema):
    """Why points are given back, in a word; all that are left unless ``points`` says fewer."""

    reason = Text(required=True, longest=40, pattern=WORD)
    points = Whole(least=1, most=MAX_POINTS)


class RedemptionRateSchema(Schema):
    """What points are worth: so many, for so much."""

    points = Whole(required=True)
    amount = Whole(required=True)


class TakenLotSchema(Schema):
    """Points of one lot."""

    lot_id = Text(required=True)
    points = Whole(required=True)
    expires_at = Moment(required=True, allow_none=True)


class UsedSchema(Schema):
    """Points, and what they paid for."""

    points = Whole(required=True)
    amount = Whole(required=True)


class RedemptionBalanceSchema(Schema):
    """The member's points right after the step."""

    available = Whole(required=True)
    pending = Whole(required=True)
    held = Whole(required=True)
    debt = Whole(required=True)
    version = Whole(required=True)


class RedeemedRewardSchema(Schema):
    """What the points buy."""

    reward_id = Text(required=True)
    kind = Text(required=True)
    name = Text(required=True, longest=200)
    quantity = Whole(required=True)
    money = Whole(required=True, allow_none=True)


class RedemptionOrderSchema(Schema):
    """Where something physical is on its way to the member."""

    order_id = Text(required=True)
    state = Text(required=True)


class RedemptionMessageSchema(Schema):
    """What to say, and to whom."""

    audience = Choice("cashier", "member", required=True)
    text = Text(required=True, longest=500)


RedemptionSchema = Schema.from_dict(
    {
        "redemption_id": Text(required=True),
        "member_id": Text(required=True),
        "status": Choice(*STATUSES, required=True),
        "for": Choice("basket", "points", "reward", required=True),
        "points": Whole(required=True),
        "amount": Whole(required=True, allow_none=True),
        "currency": Text(required=True),
        "rate": ma.fields.Nested(RedemptionRateSchema(), required=True, allow_none=True),
        "code": Text(required=True, allow_none=True),
        "reward": ma.fields.Nested(RedeemedRewardSchema(), required=True, allow_none=True),
        "order": ma.fields.Nested(RedemptionOrderSchema(), required=True, allow_none=True),
        "held_at": Moment(required=True),
        "expires_at": Moment(required=True),
        "purchase_id": Text(required=True, allow_none=True),
        "lots": ma.fields.List(ma.fields.Nested(TakenLotSchema()), required=True),
        "captured": ma.fields.Nested(UsedSchema(), required=True),
        "reversed": ma.fields.Nested(UsedSchema(), required=True),
        "balance": ma.fields.Nested(RedemptionBalanceSchema(), required=True),
        "next": ma.fields.List(Choice("capture", "release", "reverse"), required=True),
        "messages": ma.fields.List(ma.fields.Nested(RedemptionMessageSchema()), required=True),
    },
    name="RedemptionSchema",
)


class AppCodeSchema(Schema):
    """Six digits to say at the counter; they hold until ``expires_at`` and are used up once."""

    code = Text(required=True)
    expires_at = Moment(required=True)

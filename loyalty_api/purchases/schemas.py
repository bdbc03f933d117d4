"""What a till sends and what it gets back. Every amount is in minor units, every time carries its offset."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from loyalty_api.coupons.schemas import CouponShownSchema
from loyalty_api.fields import Choice, Day, Flag, Metadata, Moment, Rate, Schema, Text, Whole
from loyalty_api.members.rules import SCANNED_KINDS
from loyalty_api.purchases.schemas_corrected import CorrectedSchema
from loyalty_api.purchases.schemas_gifts import PurchaseGiftSchema
from loyalty_api.tiers.schemas import TierAfterSchema

MAX_LINES = 1000
LINE_TYPES = (
    "goods",
    "deposit",
    "deposit_return",
    "gift_card",
    "service",
    "fee",
    "donation",
    "lottery",
    "correction",
)
MAX_MONEY = 100_000_000_000


class IdentifierSchema(Schema):
    """What was scanned or typed to say who is buying."""

    kind = Choice(*SCANNED_KINDS, required=True)
    value = Text(required=True, longest=254)
    entry = Choice("scanned", "typed", "tapped", load_default="scanned")


class DiscountSchema(Schema):
    """A part of a line's amount that was not charged. ``amount`` is what it took off, 0 or more."""

    source = Choice("till", "program", "coupon", "staff", required=True)
    kind = Text(longest=40)
    promotion_id = Text(longest=80)
    coupon = Text(longest=80)
    basket_wide = Flag()
    amount = Whole(required=True, least=0, most=MAX_MONEY)


class LineSchema(Schema):
    """One line. ``amount`` is the whole line as sold, before the discounts listed with it (R3)."""

    line_id = Text(required=True, longest=36)
    type = Choice(*LINE_TYPES, load_default="goods")
    sku = Text(longest=64)
    name = Text(longest=200)
    quantity = Whole(least=-1_000_000_000, most=1_000_000_000, load_default=1)
    unit = Choice("each", "g", "ml", "mm")
    amount = Whole(required=True, least=-MAX_MONEY, most=MAX_MONEY)
    unit_price = Whole(least=-MAX_MONEY, most=MAX_MONEY)
    discounts = fields.List(fields.Nested(DiscountSchema()), validate=validate.Length(max=50))
    category = fields.Raw(metadata={"description": 'A path of names, as a list or as "Food > Dairy".'})
    department = Text(longest=120)
    brand = Text(longest=120)
    legal_class = Text(longest=40)
    tax_rate = Rate()
    cost = Whole(least=0, most=MAX_MONEY)

    @ma.validates("category")
    def _path(self, value: Any, **_: Any) -> None:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not 1 <= len(names) <= 10:
            raise ma.ValidationError("A category is a name or a list of 1 to 10 names.")
        if not all(isinstance(name, str) and 1 <= len(name) <= 200 and "\x00" not in name for name in names):
            raise ma.ValidationError("Each name has 1 to 200 characters.")


class PaymentSchema(Schema):
    """One tender. Change and cash rounding are not payments; rounding stands in the receipt's own field."""

    kind = Text(required=True, longest=40, pattern=r"[a-z][a-z0-9_]*")
    amount = Whole(required=True, least=-MAX_MONEY, most=MAX_MONEY)
    redemption_id = Text(longest=64)


class ReceiptLayoutSchema(Schema):
    """How wide the till's paper is and which language it speaks."""

    width = Whole(least=16, most=120)
    language = Text(longest=16, pattern=r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class BasketSchema(Schema):
    """What a quote and a purchase have in common."""

    store = Text(required=True, longest=44, pattern=r"str_[A-Za-z0-9_-]{1,40}")
    terminal = Text(required=True, longest=32)
    kind = Choice("sale", "staff", "business", "training", load_default="sale")
    channel = Choice("store", "online", "app", "phone", "kiosk", load_default="store")
    occurred_at = Moment(required=True)
    currency = Text(required=True, longest=3, shortest=3, pattern=r"[A-Z]{3}")
    tax_included = Flag(load_default=True)
    identifier = fields.Nested(IdentifierSchema(), allow_none=True, load_default=None)
    member_id = Text(longest=40, allow_none=True, load_default=None)
    lines = fields.List(
        fields.Nested(LineSchema()), required=True, validate=validate.Length(min=1, max=MAX_LINES)
    )
    coupons = fields.List(Text(longest=80), validate=validate.Length(max=50))
    receipt = fields.Nested(ReceiptLayoutSchema())
    metadata = Metadata()

    @ma.validates_schema
    def _line_ids(self, data: dict[str, Any], **_: Any) -> None:
        ids = [line["line_id"] for line in data.get("lines", ())]
        if len(set(ids)) != len(ids):
            raise ma.ValidationError("Each line_id stands once in a basket.", "lines")


class QuoteSchema(BasketSchema):
    """A basket to be priced; nothing is kept. ``payments`` say how it is meant to be paid, where rules ask for it."""

    language = Text(longest=16)
    payments = fields.List(fields.Nested(PaymentSchema()), validate=validate.Length(max=50))
    redeem = fields.Nested(
        Schema.from_dict(
            {"max_amount": Whole(least=0), "max_points": Whole(least=0)}, name="RedeemWishSchema"
        )()
    )
    include = fields.List(Choice("reasons", "near_misses"), validate=validate.Length(max=2))


class PurchaseSchema(BasketSchema):
    """A basket that was paid: a fact, not a request (R1)."""

    business_date = Day(required=True)
    reference = Text(required=True, longest=64)
    offline = Flag(load_default=False)
    cashier = Text(longest=64, allow_none=True, load_default=None)
    quote_id = Text(longest=400, allow_none=True, load_default=None)
    replaces = Text(longest=64, allow_none=True, load_default=None)
    exchange_reference = Text(longest=64)
    total = Whole(required=True, least=-MAX_MONEY, most=MAX_MONEY)
    rounding = Whole(least=-10_000, most=10_000, load_default=0)
    payments = fields.List(fields.Nested(PaymentSchema()), validate=validate.Length(max=50))


class PointsSchema(Schema):
    """Points of a purchase: by kind of rule, and where they are."""

    base = Whole(required=True)
    bonus = Whole(required=True)
    earned = Whole(required=True)
    pending = Whole(required=True)
    spent = Whole(required=True)
    quoted = Whole(allow_none=True)
    available_at = Moment(allow_none=True)
    expires_at = Moment(allow_none=True)


class BalanceAfterSchema(Schema):
    """The member's points right after this."""

    available = Whole(required=True)
    pending = Whole(required=True)
    held = Whole(required=True)
    debt = Whole(required=True)
    version = Whole(required=True)


class NoticeSchema(Schema):
    """Something that did not go as the till expected; never an error (R1)."""

    class Meta:
        unknown = ma.INCLUDE

    code = Text(required=True)


class MessageSchema(Schema):
    """A sentence for the cashier or the member; it never blocks."""

    audience = Choice("cashier", "member", required=True)
    text = Text(required=True, longest=500)


class ReceiptLineSchema(Schema):
    """A line to print."""

    text = Text(required=True)
    value = Text(required=True, shortest=0)
    align = Choice("left", "right", "center", required=True)
    style = Choice("normal", "bold", required=True)


class EffectSchema(Schema):
    """What a rule gave: points by line, or for a discount ``amounts`` by line in minor units."""

    rule = Text(required=True)
    kind = Text(required=True)
    desired = Whole()
    granted = Whole()
    points = fields.Dict(keys=Text(), values=Whole())
    amounts = fields.Dict(keys=Text(), values=Whole())
    lines = fields.List(Text())


class RedeemedSchema(Schema):
    """A redemption that the purchase captured; ``amount`` is what its points paid, in minor units."""

    redemption_id = Text(required=True)
    status = Choice("captured", required=True)
    points = Whole(required=True)
    amount = Whole(required=True)


class PurchaseReturnSchema(Schema):
    """What came back of a purchase, by one return or void."""

    return_id = Text(required=True)
    kind = Text(required=True)
    status = Text(required=True)
    occurred_at = Moment(required=True)
    store = Text(required=True)
    reference = Text(required=True, allow_none=True)
    points_taken_back = Whole(required=True)
    points_given_back = Whole(required=True)
    refundable = Whole(required=True)


class PurchaseAnswerSchema(Schema):
    """A recorded purchase, as it was first answered and is answered ever after, but for what became of it since."""

    purchase_id = Text(required=True)
    status = Text(required=True)
    match = Choice("identified", "anonymous", "unknown_identifier", "claimed", required=True)
    member_id = Text(required=True, allow_none=True)
    store = Text(required=True)
    terminal = Text(required=True)
    business_date = Day(required=True)
    reference = Text(required=True)
    occurred_at = Moment(required=True)
    recorded_at = Moment(required=True)
    currency = Text(required=True)
    total = Whole(required=True)
    program_version = Whole(required=True, allow_none=True)
    points = fields.Nested(PointsSchema(), required=True)
    balance = fields.Nested(BalanceAfterSchema(), required=True, allow_none=True)
    expiring_next = fields.Nested(
        Schema.from_dict({"points": Whole(), "expires_at": Moment()}, name="ExpiringSchema")(),
        allow_none=True,
    )
    tier = fields.Nested(TierAfterSchema(), allow_none=True)
    redemptions = fields.List(fields.Nested(RedeemedSchema()))
    returns = fields.List(fields.Nested(PurchaseReturnSchema()))
    coupons = fields.List(fields.Nested(CouponShownSchema()))
    gifts = fields.List(fields.Nested(PurchaseGiftSchema()))
    effects = fields.List(fields.Nested(EffectSchema()))
    corrected = fields.Nested(CorrectedSchema(), allow_none=True)
    discrepancies = fields.List(fields.Nested(NoticeSchema()))
    claim_code = Text(allow_none=True)
    messages = fields.List(fields.Nested(MessageSchema()))
    receipt_lines = fields.List(fields.Nested(ReceiptLineSchema()))


class IgnoredSchema(Schema):
    """The answer to a training receipt: nothing was kept (R6)."""

    status = Choice("ignored", required=True)


class ActivitySchema(Schema):
    """One thing that happened to a member's account, as an app shows it."""

    activity_id = Text(required=True)
    kind = Text(required=True)
    occurred_at = Moment(required=True)
    title = Text(required=True, longest=500)
    text = Text(required=True, longest=500)
    points = Whole(required=True)
    state = Text(required=True)
    store = fields.Dict(required=True, allow_none=True)
    money = fields.Dict(required=True, allow_none=True)
    reference = Text(required=True, allow_none=True)
    receipt_url = Text(required=True, allow_none=True)

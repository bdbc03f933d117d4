"""What a quote answers. Amounts are in minor units."""

from __future__ import annotations

import marshmallow as ma

from loyalty_api.coupons.schemas import CouponShownSchema
from loyalty_api.fields import Choice, Moment, Schema, Text, Whole
from loyalty_api.purchases.schemas import (
    EffectSchema,
    MessageSchema,
    NoticeSchema,
    ReceiptLineSchema,
)
from loyalty_api.purchases.schemas_gifts import QuoteGiftSchema


class QuoteMemberSchema(Schema):
    """Whom the basket was priced for."""

    member_id = Text(required=True)
    status = Text(required=True)
    tier = Text(required=True, allow_none=True)
    available = Whole(required=True)


class TotalsSchema(Schema):
    """The money of a basket, minor units."""

    amount = Whole(required=True)
    till_discounts = Whole(required=True)
    program_discounts = Whole(required=True)
    total = Whole(required=True)


class PricedLineSchema(Schema):
    """A line with the discounts that the program gives on it."""

    line_id = Text(required=True)
    discounts = ma.fields.List(ma.fields.Dict(), required=True)
    paid = Whole(required=True)


class RedeemableSchema(Schema):
    """What points could pay of the basket within the wish (``redeem``), and the member's most on this basket.

    ``amount`` is in minor units; fewer points than ``least`` are never used, and only whole steps.
    """

    points = Whole(required=True)
    amount = Whole(required=True)
    step = Whole(required=True)
    least = Whole(required=True)
    member_max_points = Whole(required=True)


class QuotePointsSchema(Schema):
    """What the basket would earn."""

    base = Whole(required=True)
    bonus = Whole(required=True)
    total = Whole(required=True)
    if_not_redeeming = Whole(required=True)
    available_at = Moment(required=True, allow_none=True)


class QuoteEffectSchema(EffectSchema):
    """What a rule would give, in words too."""

    text = Text(longest=500)


class ReasonSchema(Schema):
    """Why a rule gave nothing, or less."""

    rule = Text(required=True, allow_none=True)
    outcome = Text(required=True)
    code = Text(required=True)
    by = Text(
        required=True, allow_none=True, metadata={"description": "the rule that stood instead, if one did"}
    )
    text = Text(required=True, longest=500)


class NearMissSchema(Schema):
    """How little was missing."""

    rule = Text(required=True)
    missing = ma.fields.Dict(keys=Text(), values=Whole(), required=True)
    text = Text(required=True, longest=500)


class AddSchema(Schema):
    """What to put into the basket."""

    sku = Text(required=True)
    quantity = Whole(required=True)


class BecauseSchema(Schema):
    """Of ``of`` baskets with this product so many held the suggested one as well (``together``)."""

    sku = Text(required=True)
    together = Whole(required=True)
    of = Whole(required=True)


class SuggestionSchema(Schema):
    """A product that is not in the basket and goes with it.

    ``rule`` is the promotion that would then lower a price, ``gift`` the gift of this basket that makes it free.
    ``promotion``: a promotion is waiting for it. ``pinned``: the marketer says so. ``bought_together``: baskets do.
    """

    kind = Choice("promotion", "pinned", "bought_together", required=True)
    rule = Text(required=True, allow_none=True)
    gift = Text(required=True, allow_none=True)
    add = ma.fields.Nested(AddSchema(), required=True)
    name = Text(required=True, allow_none=True)
    because = ma.fields.Nested(BecauseSchema(), required=True, allow_none=True)
    text = Text(required=True, longest=500)


class ReservedBudgetSchema(Schema):
    """What is held of a promotion's budget: minor units, or a purchase."""

    promotion_id = Text(required=True)
    amount = Whole()
    times = Whole()
    period = Text(required=True)
    store = Text()


class ReservedCouponSchema(Schema):
    """A coupon that is held."""

    code = Text(required=True)
    coupon_id = Text(required=True)
    name = Text(required=True)


class ReservedPointsSchema(Schema):
    """Points that are held: name the redemption in the purchase's ``payments``."""

    redemption_id = Text(required=True)
    points = Whole(required=True)
    amount = Whole(required=True, allow_none=True)
    expires_at = Moment(required=True)


class ReservationSchema(Schema):
    """What is held for a quote until its purchase comes, or until ``expires_at``."""

    reservation_id = Text(required=True)
    expires_at = Moment(required=True)
    coupons = ma.fields.List(ma.fields.Nested(ReservedCouponSchema()), required=True)
    budgets = ma.fields.List(ma.fields.Nested(ReservedBudgetSchema()), required=True)
    redemption = ma.fields.Nested(ReservedPointsSchema(), required=True, allow_none=True)


class QuoteAnswerSchema(Schema):
    """A priced basket. Its id carries the promise until ``honoured_until``; nothing is stored."""

    quote_id = Text(required=True, longest=400)
    honoured_until = Moment(required=True)
    program_version = Whole(required=True, allow_none=True)
    currency = Text(required=True)
    member = ma.fields.Nested(QuoteMemberSchema(), required=True, allow_none=True)
    totals = ma.fields.Nested(TotalsSchema(), required=True)
    lines = ma.fields.List(ma.fields.Nested(PricedLineSchema()), required=True)
    redeemable = ma.fields.Nested(RedeemableSchema(), required=True, allow_none=True)
    points = ma.fields.Nested(QuotePointsSchema(), required=True)
    effects = ma.fields.List(ma.fields.Nested(QuoteEffectSchema()), required=True)
    reasons = ma.fields.List(ma.fields.Nested(ReasonSchema()), required=True)
    near_misses = ma.fields.List(ma.fields.Nested(NearMissSchema()), required=True)
    coupons = ma.fields.List(ma.fields.Nested(CouponShownSchema()), required=True)
    gifts = ma.fields.List(ma.fields.Nested(QuoteGiftSchema()))
    suggestions = ma.fields.List(ma.fields.Nested(SuggestionSchema()), required=True)
    discrepancies = ma.fields.List(ma.fields.Nested(NoticeSchema()), required=True)
    messages = ma.fields.List(ma.fields.Nested(MessageSchema()), required=True)
    receipt_lines = ma.fields.List(ma.fields.Nested(ReceiptLineSchema()), required=True)

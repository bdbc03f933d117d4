"""What a till sends when goods come back, and what it gets. Amounts in minor units, times with their offset."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from loyalty_api.fields import Choice, Day, Flag, Metadata, Moment, Schema, Text, Whole
from loyalty_api.purchases.schemas import (
    MAX_LINES,
    MAX_MONEY,
    BalanceAfterSchema,
    IdentifierSchema,
    NoticeSchema,
    ReceiptLayoutSchema,
    ReceiptLineSchema,
)  # fmt: skip
from loyalty_api.tiers.schemas import TierAfterSchema

STORE = r"str_[A-Za-z0-9_-]{1,40}"
KINDS = ("goods", "exchange", "price_correction", "goodwill")


class OriginalSchema(Schema):
    """The purchase that is meant: by its id, or by what its paper receipt shows (R29)."""

    purchase_id = Text(longest=40)
    store = Text(longest=44, pattern=STORE)
    terminal = Text(longest=32)
    business_date = Day()
    reference = Text(longest=64)

    @ma.validates_schema
    def _one_way(self, data: dict[str, Any], **_: Any) -> None:
        named = {"store", "terminal", "business_date", "reference"}
        given = named & data.keys()
        if ("purchase_id" in data) == bool(given) or (given and given != named):
            raise ma.ValidationError(
                "Send the purchase_id, or store, terminal, business_date and reference together."
            )


class ReturnLineSchema(Schema):
    """What comes back of a line: so many units, or so much money (R31), or all that is left of it.

    ``sku`` names the goods when there is no receipt.
    """

    line_id = Text(required=True, longest=36)
    quantity = Whole(least=0, most=1_000_000_000)
    amount = Whole(least=1, most=MAX_MONEY)
    sku = Text(longest=64)


class NestedReturnSchema(Schema):
    """Goods that come back: a fact, not a request (R1). Without ``lines`` everything that is left comes back."""

    store = Text(required=True, longest=44, pattern=STORE)
    terminal = Text(required=True, longest=32)
    business_date = Day(required=True)
    reference = Text(required=True, longest=64)
    occurred_at = Moment(required=True)
    kind = Choice(*KINDS, load_default="goods")
    reason = Text(longest=200, allow_none=True, load_default=None)
    exchange_reference = Text(longest=64, allow_none=True, load_default=None)
    currency = Text(longest=3, shortest=3, pattern=r"[A-Z]{3}", allow_none=True, load_default=None)
    cashier = Text(longest=64, allow_none=True, load_default=None)
    offline = Flag(load_default=False)
    identifier = fields.Nested(IdentifierSchema(), allow_none=True, load_default=None)
    lines = fields.List(fields.Nested(ReturnLineSchema()), validate=validate.Length(min=1, max=MAX_LINES))
    receipt = fields.Nested(ReceiptLayoutSchema())
    metadata = Metadata()

    @ma.validates_schema
    def _line_ids(self, data: dict[str, Any], **_: Any) -> None:
        lines = data.get("lines", ())
        if len({line["line_id"] for line in lines}) != len(lines):
            raise ma.ValidationError("Each line_id stands once in a return.", "lines")

    @ma.validates_schema
    def _one_measure(self, data: dict[str, Any], **_: Any) -> None:
        loose = "original" in self.fields and data.get("original") is None
        if not loose and any("quantity" in line and "amount" in line for line in data.get("lines", ())):
            raise ma.ValidationError("A line comes back by quantity or by amount.", "lines")


class ReturnSchema(NestedReturnSchema):
    """The same with the purchase that it came from; ``original`` null or left out: there is no receipt (R30)."""

    original = fields.Nested(OriginalSchema(), allow_none=True, load_default=None)

    @ma.validates_schema
    def _something(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("original") is None and "lines" not in data:
            raise ma.ValidationError("Without a receipt, say what comes back.", "lines")


class VoidSchema(Schema):
    """Why a sale or a return is undone."""

    reason = Text(required=True, longest=200)


class VoidByReceiptSchema(VoidSchema):
    """A sale to undo, by its id or its receipt."""

    original = fields.Nested(OriginalSchema(), required=True)


class ReturnedLineSchema(Schema):
    """What came back of a line; ``left`` is in the line's units, null where the goods are of no purchase we know."""

    purchase_id = Text(required=True, allow_none=True)
    line_id = Text(required=True)
    sku = Text(required=True, allow_none=True)
    quantity = Whole(required=True)
    value = Whole(required=True)
    money = Whole(required=True)
    points_part = Whole(required=True)
    points_taken_back = Whole(required=True)
    points_given_back = Whole(required=True)
    left = Whole(required=True, allow_none=True)


class ReturnPointsSchema(Schema):
    """Points taken back, and where from (``expired``: gone by themselves before); points given back."""

    taken_back = Whole(required=True)
    from_pending = Whole(required=True)
    from_available = Whole(required=True)
    to_debt = Whole(required=True)
    expired = Whole(required=True)
    given_back = Whole(required=True)
    given_back_expires = Moment(required=True, allow_none=True)


class TenderSchema(Schema):
    """Money to refund by this tender, minor units."""

    kind = Text(required=True)
    amount = Whole(required=True)


class ReturnMoneySchema(Schema):
    """Money to refund, and what could not be taken back is worth: points, and free items that are kept."""

    refundable = Whole(required=True)
    tenders = fields.List(fields.Nested(TenderSchema()), required=True)
    shortfall = Whole(required=True)


class GiftBackSchema(Schema):
    """A gift of the purchase: taken back, kept, or used already and so missing."""

    gift_id = Text(required=True)
    rule = Text(required=True)
    status = Choice("taken_back", "kept", "used", required=True)


class CouponBackSchema(Schema):
    """A coupon that the purchase used: given back when the purchase comes to nothing, else it stays used (R38)."""

    code = Text(required=True)
    status = Choice("given_back", "stays_used", "taken_back", required=True)


class DiscountBackSchema(Schema):
    """The share of a promotion's discount that what came back had, minor units: it was not paid, so not refunded."""

    rule = Text(required=True)
    amount = Whole(required=True)


class ReturnAnswerSchema(Schema):
    """A return, as it was first answered; one that waited shows what came of it once its purchase is there."""

    return_id = Text(required=True)
    purchase_id = Text(required=True, allow_none=True)
    status = Choice("waiting", "applied", "voided", required=True)
    kind = Text(required=True)
    store = Text(required=True)
    terminal = Text(required=True, allow_none=True)
    business_date = Day(required=True, allow_none=True)
    reference = Text(required=True, allow_none=True)
    exchange_reference = Text(required=True, allow_none=True)
    reason = Text(required=True, allow_none=True)
    occurred_at = Moment(required=True)
    recorded_at = Moment(required=True)
    policy = Text(required=True, allow_none=True)
    currency = Text(required=True, allow_none=True)
    lines = fields.List(fields.Nested(ReturnedLineSchema()), required=True)
    points = fields.Nested(ReturnPointsSchema(), required=True)
    money = fields.Nested(ReturnMoneySchema(), required=True)
    discounts = fields.List(fields.Nested(DiscountBackSchema()), required=True)
    coupons = fields.List(fields.Nested(CouponBackSchema()), required=True)
    gifts = fields.List(fields.Nested(GiftBackSchema()), required=True)
    tier = fields.Nested(TierAfterSchema(), required=True, allow_none=True)
    balance = fields.Nested(BalanceAfterSchema(), required=True, allow_none=True)
    discrepancies = fields.List(fields.Nested(NoticeSchema()), required=True)
    receipt_lines = fields.List(fields.Nested(ReceiptLineSchema()), required=True)

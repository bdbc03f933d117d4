"""What purchases and quotes say of gifts."""

from __future__ import annotations

from marshmallow import fields

from loyalty_api.fields import Moment, Schema, Text, Whole


class PurchaseGiftSchema(Schema):
    """A gift that came with a purchase, as it stood then. What a member is to open keeps its name to itself."""

    gift_id = Text(required=True)
    rule = Text(required=True)
    kind = Text(required=True)
    state = Text(required=True)
    name = Text(required=True, allow_none=True, longest=1000)
    sku = Text(required=True, allow_none=True)
    quantity = Whole(required=True, allow_none=True)
    expires_at = Moment(required=True)


class QuoteGiftSchema(Schema):
    """A free item that goes with the basket, and the lines of it that lie there already."""

    rule = Text(required=True)
    name = Text(required=True, longest=1000)
    sku = Text(required=True)
    quantity = Whole(required=True)
    lines = fields.List(Text(), required=True)

"""What is sent and answered about coupons. A code is in clear only where its member or its printer reads it."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import validate

from loyalty_api.coupons.rules import KINDS, STATES
from loyalty_api.fields import Choice, Flag, Moment, Schema, Text, Whole
from loyalty_api.members.rules import SCANNED_KINDS

MOST_CODES, MOST_MEMBERS, MOST_USES, MOST_BROUGHT = 1_000_000, 25_000, 1_000_000, 10_000
STORE = r"str_[A-Za-z0-9_-]{1,40}"


class CouponTermsSchema(Schema):
    """When, where and for whom the coupons of a batch count."""

    name = Text(
        required=True,
        longest=80,
        metadata={"description": "what conditions name: `coupon: [name]`; never a code"},
    )
    kind = Choice(
        *KINDS,
        required=True,
        metadata={
            "description": "single: each code once; limited: each code `uses` times; personal: a member's own"
        },
    )
    uses = Whole(
        least=1, most=MOST_USES, load_default=1, metadata={"description": "how often each code can be used"}
    )
    valid_from = Moment(allow_none=True, load_default=None)
    valid_until = Moment(
        allow_none=True,
        load_default=None,
        metadata={"description": "the first moment at which it no longer counts"},
    )
    stores = ma.fields.List(
        Text(longest=44, pattern=STORE), validate=validate.Length(max=10_000), load_default=list
    )
    audience = ma.fields.Dict(
        allow_none=True,
        load_default=None,
        metadata={"description": "as conditions have it under `member`; null: everybody"},
    )
    needs_activation = Flag(
        load_default=False,
        metadata={"description": "personal coupons that count once their member has activated them"},
    )
    note = Text(longest=500, allow_none=True, load_default=None)


class BroughtCodeSchema(Schema):
    """A code of the merchant's own, as it is scanned."""

    code = Text(required=True, longest=80)
    name = Text(
        longest=80,
        allow_none=True,
        load_default=None,
        metadata={"description": "what conditions name, where it is not the batch's name"},
    )


class CouponBatchBody(CouponTermsSchema):
    """A batch to be made."""

    count = Whole(
        least=1, most=MOST_CODES, allow_none=True, load_default=None,
        metadata={"description": "how many codes; of personal coupons there is one for each member"},
    )  # fmt: skip
    members = ma.fields.List(
        Text(longest=40),
        validate=validate.Length(min=1, max=MOST_MEMBERS),
        allow_none=True,
        load_default=None,
        metadata={"description": "of personal coupons: whose they are"},
    )
    codes = ma.fields.List(
        ma.fields.Nested(BroughtCodeSchema()),
        validate=validate.Length(min=1, max=MOST_BROUGHT),
        allow_none=True,
        load_default=None,
        metadata={"description": "codes that are printed already, instead of a `count` of ours"},
    )


class CouponBatchSchema(CouponTermsSchema):
    """A batch as it stands. ``made`` of ``total`` codes are there; those that are given one by one are not counted."""

    batch_id = Text(required=True)
    giver = Text(
        required=True,
        allow_none=True,
        metadata={"description": "what gives the coupons one by one, such as `promotion:thanks`; else null"},
    )
    state = Choice("making", "ready", "handed_out", "giving", "blocked", required=True)
    made = Whole(required=True)
    total = Whole(required=True)
    handed_out_at = Moment(required=True, allow_none=True)
    blocked_at = Moment(required=True, allow_none=True)
    created_at = Moment(required=True)
    created_by = Text(required=True)


class CodesBody(Schema):
    """Where to go on reading codes."""

    after = Whole(
        least=0,
        most=MOST_CODES,
        load_default=0,
        metadata={"description": "the number of the last code that arrived"},
    )


class CodeLineSchema(Schema):
    """One code in clear."""

    number = Whole(required=True)
    code = Text(required=True)
    coupon_id = Text(required=True)
    member_id = Text(required=True, allow_none=True)


class ConfirmBody(Schema):
    """How many codes have arrived, so that nothing is cleared that was not read."""

    received = Whole(required=True, least=0, most=MOST_CODES)


class CouponUseSchema(Schema):
    """Where, when and by whom a coupon was used; ``given_back_at`` where that was undone."""

    purchase_id = Text(required=True)
    member_id = Text(required=True, allow_none=True)
    store = Text(required=True)
    terminal = Text(required=True)
    reference = Text(required=True)
    client = Text(required=True)
    cashier = Text(required=True, allow_none=True)
    occurred_at = Moment(required=True)
    recorded_at = Moment(required=True)
    given_back_at = Moment(required=True, allow_none=True)


class CouponSchema(Schema):
    """A coupon as it stands; of its code the last four characters."""

    coupon_id = Text(required=True)
    batch_id = Text(required=True)
    code = Text(required=True)
    name = Text(required=True)
    kind = Choice(*KINDS, required=True)
    state = Choice(*STATES, required=True)
    member_id = Text(required=True, allow_none=True)
    uses = Whole(required=True)
    uses_left = Whole(required=True)
    valid_from = Moment(required=True, allow_none=True)
    valid_until = Moment(required=True, allow_none=True)
    stores = ma.fields.List(Text(), required=True)
    needs_activation = Flag(required=True)
    activated_at = Moment(required=True, allow_none=True)


class UsableCouponSchema(CouponSchema):
    """A coupon that can be used here and now."""

    usable = Flag(required=True)


class OwnCouponCodeBody(Schema):
    """A code as the member typed it, and where it is to be used."""

    code = Text(required=True, longest=80)
    store = Text(longest=44, pattern=STORE, load_default=None, allow_none=True)


class ScannedSchema(Schema):
    """What was scanned or typed to find the member."""

    kind = Choice(*SCANNED_KINDS, required=True)
    value = Text(required=True, longest=254)
    entry = Choice("scanned", "typed", "tapped", load_default="scanned")


class CouponCodeBody(OwnCouponCodeBody):
    """A code as it was scanned or typed, where, when, and by which member, if one is known."""

    member_id = Text(longest=40, allow_none=True, load_default=None)
    identifier = ma.fields.Nested(ScannedSchema(), allow_none=True, load_default=None)
    occurred_at = Moment(allow_none=True, load_default=None)


class CouponShownSchema(Schema):
    """What became of a coupon that was shown, of its code the last four characters; ``reason`` says why not.

    ``issued`` is one that the purchase gives for another time, by which ``rule`` and when it counts; its code is in
    clear in the answer to the sale. ``to_be_issued`` is what a quote says of it, before there is any code, and
    ``not_issued`` what a sale says of it that found its member when the coupon's time was over already.
    """

    code = Text(required=True, allow_none=True)
    coupon_id = Text(required=True, allow_none=True)
    name = Text(required=True, allow_none=True)
    status = Choice(
        "usable", "not_usable", "used", "not_used", "issued", "to_be_issued", "not_issued", required=True
    )
    reason = Text(required=True, allow_none=True)
    rule = Text()
    valid_from = Moment()
    valid_until = Moment()


BATCH_ID = "cpb_01m80xfza0e4trdbsjq23m1646"
COUPON_ID = "cpn_01m80xfza0e4trdbsjq23m1647"
_TERMS: dict[str, Any] = {
    "name": "FRESH", "kind": "single", "uses": 1, "valid_from": None, "valid_until": "2026-12-31T23:00:00Z",
    "stores": [], "audience": None, "needs_activation": False, "note": "Leaflet, week 47",
}  # fmt: skip
BATCH: dict[str, Any] = {
    "batch_id": BATCH_ID, **_TERMS, "giver": None, "state": "making", "made": 0, "total": 100_000,
    "handed_out_at": None, "blocked_at": None, "created_at": "2026-11-16T08:00:00Z",
    "created_by": "cli_01m80xfza0e4trdbsjq23m1646",
}  # fmt: skip
BATCH_BODY: dict[str, Any] = {
    "name": "FRESH", "kind": "single", "count": 100_000, "valid_until": "2026-12-31T23:00:00Z",
    "note": "Leaflet, week 47",
}  # fmt: skip
CODE_LINE: dict[str, Any] = {
    "number": 1, "code": "7GK2M-PX4RW-9HTB-C3FD", "coupon_id": COUPON_ID, "member_id": None,
}  # fmt: skip
COUPON: dict[str, Any] = {
    "coupon_id": COUPON_ID, "batch_id": BATCH_ID, "code": "…C3FD", "name": "FRESH", "kind": "single", "state": "issued",
    "member_id": None, "uses": 0, "uses_left": 1, "valid_from": None, "valid_until": "2026-12-31T23:00:00Z",
    "stores": [], "needs_activation": False, "activated_at": None,
}  # fmt: skip
OWN: dict[str, Any] = {
    **COUPON, "code": "7GK2M-PX4RW-9HTB-C3FD", "kind": "personal", "member_id": "mbr_01m80xfza0e4trdbsjq23m1646",
}  # fmt: skip
USE: dict[str, Any] = {
    "purchase_id": "pur_01m80xfza0e4trdbsjq23m1646", "member_id": "mbr_01m80xfza0e4trdbsjq23m1646",
    "store": "str_0412", "terminal": "7", "reference": "004711", "client": "cli_01m80xfza0e4trdbsjq23m1646",
    "cashier": "c-118", "occurred_at": "2026-11-21T15:06:40Z", "recorded_at": "2026-11-21T15:06:41Z",
    "given_back_at": None,
}  # fmt: skip

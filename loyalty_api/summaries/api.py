"""The summary over HTTP: for the member, and for the office looking over the member's shoulder."""

from __future__ import annotations

from uuid import UUID

import marshmallow as ma
from flask import Response, current_app

from loyalty_api import clock
from loyalty_api.errors import NotFound
from loyalty_api.fields import Choice, Moment, Schema, Text, Whole
from loyalty_api.http import Also, Blueprint, not_modified
from loyalty_api.ledger.api import IF_NONE_MATCH, own_id, polled, program_now
from loyalty_api.ledger.schemas import ExpirySchema, PendingNextSchema, WorthSchema
from loyalty_api.summaries.service import Summaries
from loyalty_api.tiers.schemas import SummaryTierSchema

blueprint = Blueprint(
    "summary", __name__, url_prefix="/v1", description="A member's first screen in one small document."
)


class SummaryBalanceSchema(Schema):
    """Points now."""

    available = Whole(required=True)
    pending = Whole(required=True)
    held = Whole(required=True)
    debt = Whole(required=True)
    worth = ma.fields.Nested(WorthSchema(), required=True, allow_none=True)


class CardSchema(Schema):
    """What to show at the till, also without a signal."""

    format = Choice("code128", required=True)
    value = Text(required=True)
    valid_until = Moment(required=True, allow_none=True)


class CountSchema(Schema):
    """How many."""

    count = Whole(required=True)


class UnopenedSchema(Schema):
    """How many are not opened yet."""

    unopened = Whole(required=True)


class OpenSchema(Schema):
    """How many are still open."""

    open = Whole(required=True)


class SummarySchema(Schema):
    """A member's first screen."""

    member_id = Text(required=True)
    balance = ma.fields.Nested(SummaryBalanceSchema(), required=True)
    pending_next = ma.fields.Nested(PendingNextSchema(), required=True, allow_none=True)
    expiring_next = ma.fields.Nested(ExpirySchema(), required=True, allow_none=True)
    tier = ma.fields.Nested(SummaryTierSchema(), required=True, allow_none=True)
    card = ma.fields.Nested(CardSchema(), required=True, allow_none=True)
    offers = ma.fields.Nested(CountSchema(), required=True)
    gifts = ma.fields.Nested(UnopenedSchema(), required=True)
    claims = ma.fields.Nested(OpenSchema(), required=True)
    version = Whole(required=True)
    valid_until = Moment(required=True, allow_none=True)


EXAMPLE = {
    "member_id": "mbr_01m80xfza0e4trdbsjq23m1646",
    "balance": {
        "available": 1043, "pending": 67, "held": 0, "debt": 0,
        "worth": {"points": 1000, "amount": 10000, "currency": "NOK"},
    },
    "pending_next": {"points": 67, "available_at": "2026-12-04T23:00:00Z"},
    "expiring_next": {"points": 120, "expires_at": "2026-12-31T23:00:00Z", "last_day": "2026-12-31"},
    "tier": {
        "code": "gold", "since": "2026-11-21T15:06:41Z", "until": "2027-12-31T23:00:00Z",
        "progress": {
            "metric": "spend", "value": 1012300, "since": "2025-12-31T23:00:00Z", "until": "2026-12-31T23:00:00Z",
        },
        "keep": {
            "code": "gold", "missing": 1000000, "since": "2026-12-31T23:00:00Z", "by": "2027-12-31T23:00:00Z",
        },
        "next": None,
    },
    "card": {"format": "code128", "value": "9609001234567890128", "valid_until": None},
    "offers": {"count": 0},
    "gifts": {"unopened": 0},
    "claims": {"open": 1},
    "version": 318,
    "valid_until": "2026-12-04T23:00:00Z",
}  # fmt: skip


def _summary(member_id: UUID) -> Response:
    summaries: Summaries = current_app.extensions["summaries"]
    now = clock.now()
    number, program = program_now(now)
    text, etag = summaries.read(member_id=member_id, now=now, program_version=number, program=program)
    return not_modified(etag) or polled(Response(text, mimetype="application/json"), etag)


@blueprint.operation(
    "GET", "/me/summary", "me_summary", summary="My first screen", answer=SummarySchema(),
    answer_example=EXAMPLE, headers=IF_NONE_MATCH, errors=(NotFound,), also={304: Also("It has not changed since.")},
)  # fmt: skip
def get_own() -> Response:
    """Ask when the app comes to the foreground, after a push, and at ``valid_until``; not below 30 seconds."""
    return _summary(own_id())


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/summary", "get_member_summary", summary="A member's first screen",
    answer=SummarySchema(), answer_example=EXAMPLE, headers=IF_NONE_MATCH, errors=(NotFound,),
    also={304: Also("It has not changed since.")},
)  # fmt: skip
def get_one(member_id: UUID) -> Response:
    """What the member sees."""
    return _summary(member_id)

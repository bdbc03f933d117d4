"""Events that earn, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.custom_events import service
from loyalty_api.db import driver
from loyalty_api.errors import Invalid, NotFound
from loyalty_api.fields import Moment, Schema, Text, Whole
from loyalty_api.http import Blueprint, spoken
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.ledger.schemas import EntryBalanceSchema
from loyalty_api.members import service as members
from loyalty_api.members.service import IdentifierUnknown
from loyalty_api.program.rules_lots import EVENT_NAME
from loyalty_api.purchases.api_till import caller, desk
from loyalty_api.purchases.recording import MemberMismatch
from loyalty_api.purchases.schemas import IdentifierSchema
from loyalty_api.purchases.service import member_in
from loyalty_api.rating.words import reason_text
from loyalty_api.rulekit.decision import Reason
from loyalty_api.rulekit.stored import decision_from_json
from loyalty_api.tiers.schemas import TierAfterSchema

blueprint = Blueprint(
    "custom_events", __name__, url_prefix="/v1", description="What members do beside buying, and earn by."
)


class ToldEventSchema(Schema):
    """What somebody did, and when. ``reference`` is the client's own number for it: under one, it earns once."""

    event = Text(required=True, longest=40, pattern=EVENT_NAME)
    member_id = Text(longest=40, load_default=None)
    identifier = ma.fields.Nested(IdentifierSchema(), load_default=None)
    occurred_at = Moment(required=True)
    reference = Text(longest=64, allow_none=True, load_default=None)

    @ma.validates_schema
    def _somebody(self, data: dict[str, Any], **_: Any) -> None:
        if data["member_id"] is None and data["identifier"] is None:
            raise ma.ValidationError("Say who it was, by member_id or identifier.", "member_id")


class EventEffectSchema(Schema):
    """What one rule gave, from when on it can be used, and until when."""

    rule = Text(required=True)
    points = Whole(required=True)
    available_at = Moment(required=True, allow_none=True)
    expires_at = Moment(required=True, allow_none=True)


class EventReasonSchema(Schema):
    """Why a rule (or, without one, all of them) gave nothing or less; ``text`` in the caller's language."""

    rule = Text(required=True, allow_none=True)
    code = Text(required=True)
    text = Text(required=True, longest=500)


class EventGiftSchema(Schema):
    """A gift that the event brought. What it is, the member opens."""

    gift_id = Text(required=True)
    rule = Text(required=True)
    kind = Text(required=True)
    expires_at = Moment(required=True)


class EventAnswerSchema(Schema):
    """What an event came to. ``journal_id`` is where its entries stand, if it earned anything."""

    event_id = Text(required=True)
    member_id = Text(required=True)
    event = Text(required=True)
    reference = Text(required=True, allow_none=True)
    occurred_at = Moment(required=True)
    recorded_at = Moment(required=True)
    program_version = Whole(required=True)
    points = Whole(required=True)
    effects = ma.fields.List(ma.fields.Nested(EventEffectSchema()), required=True)
    gifts = ma.fields.List(ma.fields.Nested(EventGiftSchema()), required=True)
    reasons = ma.fields.List(ma.fields.Nested(EventReasonSchema()), required=True)
    journal_id = Text(required=True, allow_none=True)
    tier = ma.fields.Nested(TierAfterSchema(), required=True, allow_none=True)
    balance = ma.fields.Nested(EntryBalanceSchema(), required=True)


BODY: dict[str, Any] = {
    "event": "survey_answered", "member_id": "mbr_01m80xfza0e4trdbsjq23m1646",
    "occurred_at": "2026-11-21T16:06:40+01:00", "reference": "survey-7/4711",
}  # fmt: skip
ANSWER: dict[str, Any] = {
    "event_id": "evn_01m80xfza0e4trdbsjq23m1646", "member_id": "mbr_01m80xfza0e4trdbsjq23m1646",
    "event": "survey_answered", "reference": "survey-7/4711", "occurred_at": "2026-11-21T15:06:40Z",
    "recorded_at": "2026-11-21T15:06:41Z", "program_version": 12, "points": 50,
    "effects": [
        {
            "rule": "survey", "points": 50, "available_at": "2026-11-21T15:06:40Z",
            "expires_at": "2027-11-30T23:00:00Z",
        }
    ],
    "gifts": [], "reasons": [], "journal_id": "jrn_01m80xfza0e4trdbsjq23m1647", "tier": None,
    "balance": {"available": 1093, "pending": 67, "held": 0, "debt": 0, "version": 319},
}  # fmt: skip


@blueprint.operation(
    "POST", "/events", "report_event", summary="Report something that a member did", status=201,
    body=ToldEventSchema(), answer=EventAnswerSchema(), example=BODY, answer_example=ANSWER,
    headers={"Accept-Language": "the language of reasons: en or nb"},
    errors=(
        NotFound, IdentifierUnknown, MemberMismatch, service.EventUnknown, service.EventNotYours,
        service.EventMismatch, Invalid,
    ),
)  # fmt: skip
@idempotent(status=201)
def report(session: Session, body: dict[str, Any]) -> Answer:
    """It earns what `earn.events` said when it happened. Who may not earn, or has had as much as there is, is answered
    with 0 points and the reason. Under one `reference` of the client it happens once, whatever the key."""
    told = service.Told(
        body["event"], ids.new(), _member(session, body), body["occurred_at"], body["reference"]
    )
    done = service.report(session, desk(), told=told, who=caller(), now=clock.now())
    headers = {"Idempotent-Replayed": "true"} if done.replayed else {}
    return Answer(_document(session, done.row), headers=headers, owner=told.member_id)


def _member(session: Session, body: dict[str, Any]) -> UUID:
    """Who it was (R26).

    :raises IdentifierUnknown: nobody has the identifier.
    :raises MemberMismatch: it is not that of the member who is named too.
    """
    named, scanned = member_in(body), body["identifier"]
    if scanned is None:
        return named or UUID(int=0)
    vault = current_app.extensions["vault"]
    found = members.locate(session, vault=vault, kind=scanned["kind"], value=scanned["value"])
    if found is None:
        raise IdentifierUnknown
    if named not in (None, found.member_id):
        raise MemberMismatch
    return found.member_id


def _document(session: Session, row: service.Row) -> dict[str, Any]:
    decision = decision_from_json(row["decision"])
    program = desk().programs.numbered(driver(session), row["program_version"])
    currency = program.settings.currency if program else ""
    gifts = row["outcome"].get("gifts", ())
    return {
        "event_id": ids.show("evn", row["event_id"]),
        "member_id": ids.show("mbr", row["member_id"]),
        "event": row["event"],
        "reference": row["reference"],
        "occurred_at": row["occurred_at"],
        "recorded_at": row["recorded_at"],
        "program_version": row["program_version"],
        "points": row["points"],
        "effects": [
            {
                "rule": effect.rule, "points": effect.granted, "available_at": effect.available_at,
                "expires_at": effect.expires_at,
            }
            for effect in decision.effects
        ],
        "gifts": [
            {name: gift[name] for name in ("gift_id", "rule", "kind", "expires_at")}
            for gift in gifts
            if "gift_id" in gift
        ],
        "reasons": [
            {
                "rule": reason.rule, "code": reason.code,
                "text": reason_text(reason, currency=currency, language=spoken()),
            }
            for reason in [*decision.reasons, *_against(gifts)]
        ],
        "journal_id": ids.show("jrn", service.journal_of(row)) if row["points"] else None,
        "tier": row["outcome"].get("tier"),
        "balance": row["outcome"]["balance"],
    }  # fmt: skip


def _against(gifts: Sequence[Mapping[str, Any]]) -> list[Reason]:
    """Why gifts that hang on the event were not given."""
    return [
        Reason(gift["rule"], "not_applicable", gift["refused"], gift["numbers"])
        for gift in gifts
        if gift.get("refused")
    ]

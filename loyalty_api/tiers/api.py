"""Tiers over HTTP: how a member stands and came to it, and levels that somebody gives."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.db import driver
from loyalty_api.errors import Invalid, NotFound
from loyalty_api.fields import Choice, Moment, Schema, Text
from loyalty_api.http import LANGUAGE, Blueprint, database, spoken
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.members import service as members
from loyalty_api.members.service import MemberClosed
from loyalty_api.paging import BadCursor, PageQuery, page, read_cursor
from loyalty_api.security import principal
from loyalty_api.tiers import assigning, reading, service
from loyalty_api.tiers.rules_outlook import outlook
from loyalty_api.tiers.rules_standing import Assigned
from loyalty_api.tiers.schemas import TierSchema
from loyalty_api.tiers.service import By, TierBook

blueprint = Blueprint("tiers", __name__, url_prefix="/v1", description="Levels, and the way up")


class AssignBody(Schema):
    """Which level at least, until when, and why."""

    level = Text(required=True, longest=40)
    until = Moment(required=True)
    reason = Choice(*assigning.REASONS, required=True)


BODY: dict[str, Any] = {"level": "gold", "until": "2027-06-30T22:00:00Z", "reason": "status_match"}
_GOLD = {"code": "gold", "name": "Gold", "threshold": 1000000, "text": "Half as many points again"}
_SILVER = {"code": "silver", "name": "Silver", "threshold": 500000, "text": None}
TIER: dict[str, Any] = {
    "member_id": "mbr_01m80xfza0e4trdbsjq23m1646",
    "since": "2026-11-21T15:06:41Z",
    "until": "2027-12-31T23:00:00Z",
    "progress": {
        "metric": "spend", "value": 1012300, "since": "2025-12-31T23:00:00Z", "until": "2026-12-31T23:00:00Z",
    },
    "keep": {
        "code": "gold", "missing": 1000000, "since": "2026-12-31T23:00:00Z", "by": "2027-12-31T23:00:00Z",
    },
    "next": None,
    "level": _GOLD,
    "levels": [_SILVER, _GOLD],
    "assigned": None,
    "history": [
        {
            "change_no": 2, "code": "gold", "previous": "silver", "reason": "reached",
            "occurred_at": "2026-11-21T15:06:41Z", "recorded_at": "2026-11-21T15:06:41Z",
            "assigned_until": None, "assigned_reason": None,
            "source": "pur_01m80xfza0e4trdbsjq23m1646",
            "actor": {"kind": "terminal", "client": "cli_01m80xfza0e4trdbsjq23m1646"},
            "explanation": "/v1/members/mbr_01m80xfza0e4trdbsjq23m1646/tier/changes/2/explanation",
        }
    ],
    "next_cursor": None,
    "as_of": "2026-11-21T15:06:41Z",
}  # fmt: skip


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/tier", "get_member_tier", summary="A member's level, and the way up",
    query=PageQuery(), answer=TierSchema(), answer_example=TIER, headers=LANGUAGE, errors=(NotFound, BadCursor),
)  # fmt: skip
def get_tier(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """The level as of now, what keeps it, what reaches the next one, and how it came to that, the latest first.

    What counts now is `progress`; a level lasts until the end of a period in which too little counts, see `keep`. The
    pages are pages of `history`.
    """
    return _tier(member_id, query)


@blueprint.operation(
    "GET", "/me/tier", "me_tier", summary="My level, and the way up",
    query=PageQuery(), answer=TierSchema(), answer_example=TIER, headers=LANGUAGE, errors=(NotFound, BadCursor),
)  # fmt: skip
def get_own_tier(query: dict[str, Any]) -> dict[str, Any]:
    """The same as the level of the token's member."""
    member_id = principal().member_id
    if member_id is None:
        raise NotFound("This is a member's own page.")
    return _tier(member_id, query)


@blueprint.operation(
    "POST", "/members/<mbr:member_id>/tier/assignments", "assign_tier", summary="Give a member a level",
    status=201, body=AssignBody(), answer=TierSchema(), example=BODY, answer_example=TIER, headers=LANGUAGE,
    errors=(NotFound, MemberClosed, assigning.LevelUnknown, Invalid),
)  # fmt: skip
@idempotent(status=201)
def assign_tier(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    """At least this level until then, whatever the member does; its own progress goes on beneath it.

    Another assignment takes the place of the one before. Who gave it and why stands in the history.
    """
    who, now = principal(), clock.now()
    made = assigning.assign(
        session,
        current_app.extensions["programs"],
        member_id=member_id,
        assigned=Assigned(body["level"], body["until"]),
        by=By(who.kind, who.client_id, ids.new(), body["reason"], body["until"]),
        now=now,
    )
    return _answer(session, made)


@blueprint.operation(
    "POST", "/members/<mbr:member_id>/tier/assignments/end", "end_tier_assignment",
    summary="Take an assigned level back", answer=TierSchema(), answer_example=TIER, headers=LANGUAGE,
    errors=(NotFound, MemberClosed, assigning.NothingAssigned),
)  # fmt: skip
@idempotent()
def end_assignment(session: Session, member_id: UUID) -> Answer:
    """The member's own level is shown again from now on."""
    who = principal()
    made = assigning.end(
        session,
        current_app.extensions["programs"],
        member_id=member_id,
        by=By(who.kind, who.client_id, ids.new()),
        now=clock.now(),
    )
    return _answer(session, made)


def _answer(session: Session, made: TierBook) -> Answer:
    """How the member stands after it was written."""
    book = service.open_book(driver(session), made.member_id, through=made.known.timeline, now=made.now)
    return Answer(
        _document(session, book.member_id, book, {"cursor": None, "limit": 50}), owner=made.member_id
    )


def _tier(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    now = clock.now()
    with database().unit_of_work(snapshot=True) as session:
        members.standing(session, member_id=member_id)
        found = service.look(
            driver(session), current_app.extensions["programs"], member_id=member_id, now=now
        )  # fmt: skip
        return {**_document(session, member_id, found[0] if found else None, query), "as_of": now}


def _document(
    session: Session, member_id: UUID, book: TierBook | None, query: dict[str, Any]
) -> dict[str, Any]:
    before = read_cursor(query["cursor"], int)
    below = before[0] if before else reading.LAST
    rows = reading.history(driver(session), member_id, book, below=below, limit=query["limit"] + 1)
    found = page(rows, limit=query["limit"], key=lambda row: [row["change_no"]])
    shown = outlook(book.state, book.known, book.now) if book else None
    whose = "/v1/me" if principal().member_id else f"/v1/members/{ids.show('mbr', member_id)}"
    return {
        "member_id": ids.show("mbr", member_id),
        **(reading.standing(shown, spoken()) if shown else reading.nothing()),
        "assigned": reading.assignment(driver(session), book) if book else None,
        "history": [reading.change_document(row, whose=whose) for row in found["data"]],
        "next_cursor": found["next_cursor"],
        "as_of": book.now if book else None,
    }

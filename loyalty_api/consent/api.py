"""Terms and requests about one's data over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.consent import service
from loyalty_api.consent.models import PrivacyRequest, TermsAcceptance
from loyalty_api.errors import Forbidden, NotFound
from loyalty_api.fields import Choice, Flag, Moment, Schema, Text
from loyalty_api.http import Blueprint, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.members.service import Actor
from loyalty_api.paging import BadCursor, PageQuery, page, page_of, read_cursor
from loyalty_api.security import principal

blueprint = Blueprint(
    "consent", __name__, url_prefix="/v1", description="What members agreed to and ask about their data"
)


class AcceptSchema(Schema):
    """Terms that a member accepted."""

    version = Text(required=True, longest=64)
    channel = Choice("till", "app", "web", "paper", "phone", required=True)
    accepted_at = Moment(allow_none=True, load_default=None, metadata={"description": "left out: now"})


class AcceptanceSchema(Schema):
    """An acceptance as it is kept for ever."""

    acceptance_id = Text(required=True, longest=40)
    version = Text(required=True, longest=64)
    channel = Choice("till", "app", "web", "paper", "phone", required=True)
    accepted_at = Moment(required=True)
    recorded_at = Moment(required=True)


class ErasureSchema(Schema):
    """A member's wish to be forgotten, and by when it is fulfilled at the latest."""

    request_id = Text(required=True, longest=40)
    kind = Choice("erasure", required=True)
    status = Choice("received", "done", "refused", required=True)
    requested_at = Moment(required=True)
    due_at = Moment(required=True)


class GiftChoicesSchema(Schema):
    """Whether a member wants gifts and draws at all, and such that follow from what was bought before."""

    gifts = Flag(required=True, metadata={"description": "gifts and draws at all"})
    profiling = Flag(
        required=True, metadata={"description": "gifts by rules that look at what the member bought before"}
    )


_CHOICES = {"gifts": True, "profiling": False}
_ACCEPT = {"version": "2026-01", "channel": "app", "accepted_at": "2026-11-21T16:04:00+01:00"}
_ACCEPTANCE = {
    "acceptance_id": "trm_01k9tz3v5th9v3r6d1g0a4b5ef",
    "version": "2026-01",
    "channel": "app",
    "accepted_at": "2026-11-21T15:04:00Z",
    "recorded_at": "2026-11-21T15:04:05Z",
}
_ERASURE = {
    "request_id": "prv_01k9tz3v5vj0w4s7e2h1b5c6fg",
    "kind": "erasure",
    "status": "received",
    "requested_at": "2026-11-21T15:04:05Z",
    "due_at": "2026-12-21T15:04:05Z",
}


@blueprint.operation(
    "POST",
    "/members/<mbr:member_id>/terms",
    "record_terms",
    summary="Record that a member accepted terms",
    status=201,
    body=AcceptSchema(),
    answer=AcceptanceSchema(),
    example=_ACCEPT,
    answer_example=_ACCEPTANCE,
    errors=(NotFound,),
)
@idempotent(status=201)
def record_terms(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    """Which version, when and how. Acceptances are only added, never changed or taken away."""
    return _accept(session, member_id, body)


@blueprint.operation(
    "GET",
    "/members/<mbr:member_id>/terms",
    "list_terms",
    summary="List the terms a member accepted",
    query=PageQuery(),
    answer=page_of(AcceptanceSchema(), "AcceptancePage"),
    answer_example={"data": [_ACCEPTANCE], "next_cursor": None},
    errors=(NotFound, BadCursor),
)
def list_terms(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """In the order in which they were recorded."""
    return _page(member_id, query)


@blueprint.operation(
    "POST",
    "/me/terms",
    "me_accept_terms",
    summary="Accept terms",
    status=201,
    body=AcceptSchema(),
    answer=AcceptanceSchema(),
    example=_ACCEPT,
    answer_example=_ACCEPTANCE,
)
@idempotent(status=201)
def me_accept_terms(session: Session, body: dict[str, Any]) -> Answer:
    """The member accepts a version of the program's terms."""
    return _accept(session, _own_id(), body)


@blueprint.operation(
    "GET",
    "/me/terms",
    "me_list_terms",
    summary="Which terms I accepted",
    query=PageQuery(),
    answer=page_of(AcceptanceSchema(), "AcceptancePage"),
    answer_example={"data": [_ACCEPTANCE], "next_cursor": None},
    errors=(BadCursor,),
)
def me_list_terms(query: dict[str, Any]) -> dict[str, Any]:
    """In the order in which they were recorded."""
    return _page(_own_id(), query)


@blueprint.operation(
    "DELETE",
    "/me",
    "me_delete",
    summary="Ask to be forgotten",
    status=202,
    answer=ErasureSchema(),
    answer_example=_ERASURE,
)
@idempotent(required=False, status=202)
def me_delete(session: Session) -> Answer:
    """Files a request and says by when it is fulfilled. Asked again, it answers with the same request."""
    member_id = _own_id()
    filed = service.request_erasure(session, member_id=member_id, actor=_actor(), now=clock.now())
    return Answer(_erasure(filed), owner=member_id)


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/gift-choices", "get_gift_choices",
    summary="Whether a member wants gifts", answer=GiftChoicesSchema(), answer_example=_CHOICES, errors=(NotFound,),
)  # fmt: skip
def get_gift_choices(member_id: UUID) -> dict[str, Any]:
    """Both are true until the member says otherwise."""
    return _choices(member_id)


@blueprint.operation(
    "PUT", "/members/<mbr:member_id>/gift-choices", "put_gift_choices",
    summary="Say for a member who asks whether gifts are wanted", body=GiftChoicesSchema(),
    answer=GiftChoicesSchema(), example=_CHOICES, answer_example=_CHOICES, errors=(NotFound,),
)  # fmt: skip
@idempotent(required=False)
def put_gift_choices(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    """Counts from the next purchase on. What was granted before stays."""
    return _choose(session, member_id, body)


@blueprint.operation(
    "GET", "/me/gift-choices", "me_gift_choices", summary="Whether I want gifts",
    answer=GiftChoicesSchema(), answer_example=_CHOICES,
)  # fmt: skip
def me_gift_choices() -> dict[str, Any]:
    """Both are true until the member says otherwise."""
    return _choices(_own_id())


@blueprint.operation(
    "PUT", "/me/gift-choices", "me_put_gift_choices", summary="Say whether I want gifts",
    body=GiftChoicesSchema(), answer=GiftChoicesSchema(), example=_CHOICES, answer_example=_CHOICES,
)  # fmt: skip
@idempotent(required=False)
def me_put_gift_choices(session: Session, body: dict[str, Any]) -> Answer:
    """Counts from the next purchase on. What was granted before stays, and may be left where it is."""
    return _choose(session, _own_id(), body)


def _choices(member_id: UUID) -> dict[str, Any]:
    with unit_of_work() as session:
        found = service.gift_choices(session, member_id=member_id)
    return {"gifts": found.gifts, "profiling": found.profiling}


def _choose(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    wanted = service.GiftChoices(body["gifts"], body["profiling"])
    service.choose_gifts(session, member_id=member_id, wanted=wanted, actor=_actor(), now=clock.now())
    return Answer(dict(body), owner=member_id)


def _accept(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    accepted = service.record_terms(session, member_id=member_id, **body, actor=_actor(), now=clock.now())
    return Answer(_acceptance(accepted), owner=member_id)


def _page(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    with unit_of_work() as session:
        found = service.list_terms(
            session,
            member_id=member_id,
            after=read_cursor(query["cursor"], datetime, UUID),
            limit=query["limit"] + 1,
        )
    shown = page(found, limit=query["limit"], key=lambda each: [each.recorded_at, each.acceptance_id])
    return {**shown, "data": [_acceptance(each) for each in shown["data"]]}


def _acceptance(found: TermsAcceptance) -> dict[str, Any]:
    return {
        "acceptance_id": ids.show("trm", found.acceptance_id),
        "version": found.version,
        "channel": found.channel,
        "accepted_at": found.accepted_at,
        "recorded_at": found.recorded_at,
    }


def _erasure(found: PrivacyRequest) -> dict[str, Any]:
    return {
        "request_id": ids.show("prv", found.request_id),
        "kind": found.kind,
        "status": found.status,
        "requested_at": found.requested_at,
        "due_at": found.due_at,
    }


def _actor() -> Actor:
    caller = principal()
    return Actor(kind=caller.kind, client_id=caller.client_id)


def _own_id() -> UUID:
    member_id = principal().member_id
    if member_id is None:
        raise Forbidden("This needs a member's own token.")
    return member_id

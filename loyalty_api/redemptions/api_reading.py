"""Looking at redemptions, and the six digits that a member says at the counter."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import clock
from loyalty_api.codes import spoken_digits
from loyalty_api.errors import NotFound
from loyalty_api.http import spoken, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.ledger.api import own_id
from loyalty_api.members import service as members
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.redemptions import examples, rules, service, verifying
from loyalty_api.redemptions.answers import document
from loyalty_api.redemptions.edge import blueprint, caller, counter
from loyalty_api.redemptions.schemas import AppCodeSchema, RedemptionSchema

_PAGE: dict[str, Any] = {"data": [examples.HELD], "next_cursor": None}


@blueprint.operation(
    "GET", "/redemptions/<red:redemption_id>", "get_redemption", summary="A redemption by its id",
    answer=RedemptionSchema(), answer_example=examples.HELD,
    errors=(rules.RedemptionUnknown,),
)  # fmt: skip
def get(redemption_id: UUID) -> dict[str, Any]:
    """As it stands now, with the member's balance now."""
    now = clock.now()
    with unit_of_work() as session:
        done = service.look(session, counter(), redemption_id=redemption_id, caller=caller(), now=now)
    return document(done, now=now, language=spoken())


@blueprint.operation(
    "GET", "/me/redemptions/<red:redemption_id>", "me_get_redemption", summary="A redemption of mine",
    answer=RedemptionSchema(), answer_example=examples.HELD, errors=(rules.RedemptionUnknown,),
)  # fmt: skip
def get_own(redemption_id: UUID) -> dict[str, Any]:
    """With its countdown (`expires_at`) while it is held."""
    now, owner = clock.now(), own_id()
    with unit_of_work() as session:
        done = service.look(
            session, counter(), redemption_id=redemption_id, caller=caller(), now=now, owner=owner
        )
    return document(done, now=now, language=spoken(), clear=True)


def _listed(member_id: UUID, query: dict[str, Any], *, clear: bool = False) -> dict[str, Any]:
    now, language = clock.now(), spoken()
    place = read_cursor(query["cursor"], datetime, UUID)
    before = (place[0], place[1]) if place else None
    with unit_of_work() as session:
        members.ensure_known(session, member_id=member_id)
        found = service.list_of(
            session, counter(), member_id=member_id, before=before, limit=query["limit"] + 1, now=now
        )
    shown = page(
        found,
        limit=query["limit"],
        key=lambda done: [done.redemption.held_at, done.redemption.redemption_id],
    )
    return {
        **shown,
        "data": [document(done, now=now, language=language, clear=clear) for done in shown["data"]],
    }


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/redemptions", "list_member_redemptions", summary="A member's redemptions",
    query=PageQuery(), answer=page_of(RedemptionSchema(), "RedemptionPage"), answer_example=_PAGE,
    errors=(NotFound,),
)  # fmt: skip
def list_of_member(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """The latest first, each as it stands now."""
    return _listed(member_id, query)


@blueprint.operation(
    "GET", "/me/redemptions", "me_redemptions", summary="My redemptions",
    query=PageQuery(), answer=page_of(RedemptionSchema(), "RedemptionPage"), answer_example=_PAGE,
    errors=(NotFound,),
)  # fmt: skip
def list_own(query: dict[str, Any]) -> dict[str, Any]:
    """The latest first; those that are held have a countdown."""
    return _listed(own_id(), query, clear=True)


@blueprint.operation(
    "POST", "/me/code", "me_code", summary="Six digits to confirm with at the counter", status=201,
    answer=AppCodeSchema(), answer_example=examples.APP_CODE, errors=(NotFound,),
)  # fmt: skip
@idempotent(status=201)
def issue_code(session: Session) -> Answer:
    """They replace those before, hold for five minutes and a few attempts, and are used up once."""
    member_id, code = own_id(), spoken_digits()
    until = verifying.issue(session, vault=counter().vault, member_id=member_id, code=code, now=clock.now())
    return Answer({"code": code, "expires_at": until}, owner=member_id)

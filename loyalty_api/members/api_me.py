"""A member's own account over HTTP, opened by the member's own token."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from loyalty_api import clock
from loyalty_api.errors import Invalid, NotFound
from loyalty_api.http import (
    Also,
    PreconditionFailed,
    PreconditionRequired,
    not_modified,
    require_match,
    unit_of_work,
)
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.members import bodies, edge, examples, identifiers, membership, people, schemas, service
from loyalty_api.members.api_members import IF_MATCH
from loyalty_api.members.edge import blueprint
from loyalty_api.members.profiles import Record
from loyalty_api.members.rules import MemberClosed

_UNCHANGED = {304: Also("Nothing has changed since If-None-Match")}
_EDIT_ERRORS = (MemberClosed, PreconditionRequired, PreconditionFailed, Invalid)


@blueprint.operation(
    "GET",
    "/me",
    "me_get",
    summary="What is known about me",
    answer=schemas.AccountSchema(),
    answer_example=examples.ACCOUNT,
    also=_UNCHANGED,
)
def me_get() -> Any:
    """The member's own profile, identifiers and the people who share the account."""
    member_id, vault = edge.own_id(), edge.vault()
    with unit_of_work() as session:
        record = service.get(session, vault=vault, member_id=member_id)
        unchanged = not_modified(str(record.row.profile_version))
        return unchanged or (_account(session, record), edge.etag(record))


@blueprint.operation(
    "PATCH",
    "/me",
    "me_edit",
    summary="Correct what is known about me",
    body=bodies.OwnEditSchema(),
    answer=schemas.AccountSchema(),
    example=examples.EDIT,
    answer_example=examples.ACCOUNT,
    errors=_EDIT_ERRORS,
    headers=IF_MATCH,
)
@idempotent(required=False)
def me_edit(session: Session, body: dict[str, Any]) -> Answer:
    """Change what is sent; what is left out stays, null empties. A blocked member may do it too."""
    edited = _edit(session, body)
    return Answer(_account(session, edited), headers=edge.etag(edited), owner=edited.row.member_id)


@blueprint.operation(
    "GET",
    "/me/preferences",
    "me_preferences",
    summary="How I want to be spoken to",
    answer=schemas.PreferencesSchema(),
    answer_example={"language": "nb"},
    also=_UNCHANGED,
)
def me_preferences() -> Any:
    """The member's choices."""
    with unit_of_work() as session:
        record = service.get(session, vault=edge.vault(), member_id=edge.own_id())
    unchanged = not_modified(str(record.row.profile_version))
    return unchanged or ({"language": record.row.language}, edge.etag(record))


@blueprint.operation(
    "PATCH",
    "/me/preferences",
    "me_edit_preferences",
    summary="Change how I want to be spoken to",
    body=schemas.PreferencesSchema(),
    answer=schemas.PreferencesSchema(),
    example={"language": "en"},
    answer_example={"language": "en"},
    errors=_EDIT_ERRORS,
    headers=IF_MATCH,
)
@idempotent(required=False)
def me_edit_preferences(session: Session, body: dict[str, Any]) -> Answer:
    """Change what is sent; what is left out stays."""
    edited = _edit(session, body)
    document = {"language": edited.row.language}
    return Answer(document, headers=edge.etag(edited), owner=edited.row.member_id)


@blueprint.operation(
    "GET",
    "/me/card",
    "me_card",
    summary="My card, to show at the till",
    answer=schemas.CardSchema(),
    answer_example=examples.CARD,
    errors=(NotFound,),
    also=_UNCHANGED,
)
def me_card() -> Any:
    """The number behind the bar code; it holds without a signal, until `valid_until` if that is set."""
    member_id = edge.own_id()
    with unit_of_work() as session:
        record = service.get(session, vault=edge.vault(), member_id=member_id)
        card = identifiers.card_to_show(session, vault=edge.vault(), member_id=member_id)
    unchanged = not_modified(str(record.row.profile_version))
    document = {"format": "code128", "value": card.value, "valid_until": None}
    return unchanged or (document, edge.etag(record))


@blueprint.operation(
    "POST",
    "/me/sign-out-everywhere",
    "me_sign_out",
    summary="Sign out everywhere",
    answer=schemas.SignedOutSchema(),
    answer_example={"signed_out_at": "2026-11-21T15:04:05Z"},
)
@idempotent()
def me_sign_out(session: Session) -> Answer:
    """Every token that was issued for this member until now ends within a second, this one too."""
    now, member_id = clock.now(), edge.own_id()
    membership.sign_out_everywhere(session, member_id=member_id, actor=edge.actor(), now=now)
    return Answer({"signed_out_at": now}, owner=member_id)


def _edit(session: Session, body: dict[str, Any]) -> Record:
    member = service.lock_person(session, member_id=edge.own_id())
    require_match(str(member.profile_version))
    return membership.edit(
        session, vault=edge.vault(), member=member, changes=body, actor=edge.actor(), now=clock.now()
    )


def _account(session: Session, record: Record) -> dict[str, Any]:
    """Members see themselves in clear, and never that somebody else has an identifier which they gave."""
    vault, member_id = edge.vault(), record.row.member_id
    given = identifiers.list_all(session, vault=vault, member_id=member_id)
    shared = people.list_all(session, vault=vault, member_id=member_id)
    return {
        **edge.member_document(record, clear=True),
        "identifiers": [edge.identifier_document(each, enumerates=False) for each in given],
        "people": [edge.person_document(each, clear=True) for each in shared],
    }

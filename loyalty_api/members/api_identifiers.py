"""A member's identifiers over HTTP: listed, added, replaced when lost, removed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.codes import card_number
from loyalty_api.errors import Fault, Forbidden, Invalid, NotFound
from loyalty_api.http import unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.members import bodies, edge, examples, identifiers, identifying, schemas, service
from loyalty_api.members.edge import blueprint
from loyalty_api.members.identifiers import Identifier, IdentifierInUse, NewIdentifier
from loyalty_api.members.normal import BadIdentifier
from loyalty_api.members.rules import IdentifierKind, MemberBlocked, MemberClosed


@blueprint.operation(
    "GET",
    "/members/<mbr:member_id>/identifiers",
    "list_identifiers",
    summary="List a member's identifiers",
    answer=schemas.IdentifierListSchema(),
    answer_example={"data": [examples.IDENTIFIER]},
    errors=(NotFound,),
)
def list_identifiers(member_id: UUID) -> dict[str, Any]:
    """All of them, ended ones too, oldest first and masked.

    A `contested` one was another member's when it was given, and finds nobody.
    """
    enumerates = edge.may_enumerate()
    with unit_of_work() as session:
        service.ensure_known(session, member_id=member_id)
        found = identifiers.list_all(session, vault=edge.vault(), member_id=member_id)
    return {"data": [edge.identifier_document(each, enumerates=enumerates) for each in found]}


@blueprint.operation(
    "POST",
    "/members/<mbr:member_id>/identifiers",
    "add_identifier",
    summary="Give a member one more identifier",
    status=201,
    body=bodies.GiveIdentifierSchema(),
    answer=schemas.IssuedIdentifierSchema(),
    example=examples.GIVE_IDENTIFIER,
    answer_example=examples.GIVEN_IDENTIFIER,
    errors=(NotFound, IdentifierInUse, MemberBlocked, MemberClosed, BadIdentifier, Forbidden),
)
@idempotent(status=201)
def add_identifier(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    """A card, app code, phone, e-mail, payment card token or sign-in that finds this member from now on.

    With `issue_card` the card number is made here and shown once, in `issued`. For an identifier that is
    taken the same holds as at enrolment.
    """
    edge.ensure_may_give(body["kind"])
    number = card_number() if body["issue_card"] else None
    made = identifying.add(
        session,
        vault=edge.vault(),
        member_id=member_id,
        new=NewIdentifier(body["kind"], number or body["value"], _person(body["person_id"])),
        actor=edge.actor(),
        now=clock.now(),
        conceal=not edge.may_enumerate(),
    )
    return _made(member_id, made, number)


@blueprint.operation(
    "POST",
    "/members/<mbr:member_id>/identifiers/<idn:identifier_id>/replace",
    "replace_identifier",
    summary="Replace a lost card or another identifier",
    status=201,
    body=bodies.ReplaceIdentifierSchema(),
    answer=schemas.IssuedIdentifierSchema(),
    example=examples.REPLACE_IDENTIFIER,
    answer_example=examples.REPLACED_IDENTIFIER,
    errors=(NotFound, IdentifierInUse, MemberBlocked, MemberClosed, BadIdentifier, Forbidden),
)
@idempotent(status=201)
def replace_identifier(
    session: Session, member_id: UUID, identifier_id: UUID, body: dict[str, Any]
) -> Answer:
    """The new one takes the place of the old, for the same person; the old one finds nobody any more."""
    number = card_number() if body["issue_card"] else None

    def new(kind: IdentifierKind, person_id: UUID | None) -> NewIdentifier:
        edge.ensure_may_give(kind)
        if number and kind != "card":
            fault = Fault("/issue_card", "invalid_value", "Only card numbers are made here.")
            raise Invalid(fault.message, errors=[fault])
        return NewIdentifier(kind, number or body["value"], person_id)

    made = identifying.replace(
        session,
        vault=edge.vault(),
        member_id=member_id,
        identifier_id=identifier_id,
        new=new,
        reason=body["reason"],
        actor=edge.actor(),
        now=clock.now(),
        conceal=not edge.may_enumerate(),
    )
    return _made(member_id, made, number)


@blueprint.operation(
    "DELETE",
    "/members/<mbr:member_id>/identifiers/<idn:identifier_id>",
    "remove_identifier",
    summary="Remove an identifier",
    status=204,
    errors=(NotFound, MemberClosed),
)
@idempotent(required=False, status=204)
def remove_identifier(session: Session, member_id: UUID, identifier_id: UUID) -> None:
    """It finds nobody any more, and may be given to another member. That it was there is kept."""
    identifying.remove(
        session,
        vault=edge.vault(),
        member_id=member_id,
        identifier_id=identifier_id,
        actor=edge.actor(),
        now=clock.now(),
    )


def _made(member_id: UUID, made: Identifier, number: str | None) -> Answer:
    document = edge.identifier_document(made, enumerates=edge.may_enumerate())
    return Answer({**document, "issued": number}, owner=member_id)


def _person(text: str | None) -> UUID | None:
    """The person named in a body.

    :raises NotFound: it is not the id of a person.
    """
    if text is None:
        return None
    person_id = ids.read("per", text)
    if person_id is None:
        raise NotFound("Nobody like this shares the account now.")
    return person_id

"""The people who share an account over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import clock
from loyalty_api.errors import NotFound
from loyalty_api.http import unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.members import bodies, edge, examples, people, schemas, service
from loyalty_api.members.edge import blueprint
from loyalty_api.members.people import NewPerson, Person
from loyalty_api.members.rules import MemberClosed


@blueprint.operation(
    "GET",
    "/members/<mbr:member_id>/people",
    "list_people",
    summary="List the people who share an account",
    answer=schemas.PeopleSchema(),
    answer_example={"data": [examples.PERSON]},
    errors=(NotFound,),
)
def list_people(member_id: UUID) -> dict[str, Any]:
    """Everyone who shares or shared it, oldest first."""
    clear = edge.sees_people()
    with unit_of_work() as session:
        service.ensure_known(session, member_id=member_id)
        found = people.list_all(session, vault=edge.vault(), member_id=member_id)
    return {"data": [edge.person_document(person, clear=clear) for person in found]}


@blueprint.operation(
    "POST",
    "/members/<mbr:member_id>/people",
    "add_person",
    summary="Let one more person share an account",
    status=201,
    body=bodies.NameTagSchema(),
    answer=schemas.PersonSchema(),
    example={"name": "Ola"},
    answer_example=examples.PERSON,
    errors=(NotFound, MemberClosed),
)
@idempotent(status=201)
def add_person(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    """Give the person identifiers afterwards, so that entries show who earned them."""
    new = NewPerson(body["name"])
    made = people.add(
        session, vault=edge.vault(), member_id=member_id, new=new, actor=edge.actor(), now=clock.now()
    )
    return _answered(member_id, made)


@blueprint.operation(
    "PATCH",
    "/members/<mbr:member_id>/people/<per:person_id>",
    "rename_person",
    summary="Change a person's name tag",
    body=bodies.NameTagSchema(),
    answer=schemas.PersonSchema(),
    example={"name": "Ola H"},
    answer_example={**examples.PERSON, "name": "Ola H"},
    errors=(NotFound, MemberClosed),
)
@idempotent(required=False)
def rename_person(session: Session, member_id: UUID, person_id: UUID, body: dict[str, Any]) -> Answer:
    """The name tag changes on entries of the past too. It is one word: the last one to write it wins."""
    renamed = people.rename(
        session,
        vault=edge.vault(),
        member_id=member_id,
        person_id=person_id,
        name=body["name"],
        actor=edge.actor(),
        now=clock.now(),
    )
    return _answered(member_id, renamed)


@blueprint.operation(
    "DELETE",
    "/members/<mbr:member_id>/people/<per:person_id>",
    "end_person",
    summary="End a person's share in an account",
    status=204,
    errors=(NotFound, MemberClosed),
)
@idempotent(required=False, status=204)
def end_person(session: Session, member_id: UUID, person_id: UUID) -> None:
    """The person's identifiers find nobody any more; points stay with the account."""
    people.end(
        session,
        vault=edge.vault(),
        member_id=member_id,
        person_id=person_id,
        actor=edge.actor(),
        now=clock.now(),
    )


def _answered(member_id: UUID, person: Person) -> Answer:
    return Answer(edge.person_document(person, clear=edge.sees_people()), owner=member_id)

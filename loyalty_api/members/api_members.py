"""Members over HTTP: enrolled, looked up, listed, searched and edited."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.codes import card_number, is_mistyped_card
from loyalty_api.errors import Forbidden, Invalid, NotFound
from loyalty_api.http import (
    Also,
    PreconditionFailed,
    PreconditionRequired,
    not_modified,
    require_match,
    unit_of_work,
)
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.members import bodies, edge, examples, membership, schemas, service
from loyalty_api.members.edge import blueprint
from loyalty_api.members.membership import WorksHere
from loyalty_api.members.profiles import Record
from loyalty_api.members.queries import Filters
from loyalty_api.members.rules import Status, masked_name
from loyalty_api.members.service import (
    Enrolled,
    Enrolment,
    Found,
    IdentifierInUse,
    IdentifierUnknown,
    MemberClosed,
    NewIdentifier,
    NewPerson,
)
from loyalty_api.paging import BadCursor, page, page_of, read_cursor
from loyalty_api.security import principal

IF_MATCH = {"If-Match": "the ETag of the state that is edited"}
_SAID_TO_CASHIER: Mapping[Status, str] = {
    "earn_only": "Points are earned, but cannot be used.",
    "blocked": "This member is blocked: no points on this purchase.",
    "closed": "This membership has ended: no points on this purchase.",
}


@blueprint.operation(
    "POST",
    "/members",
    "enrol_member",
    summary="Enrol a member",
    status=201,
    body=bodies.EnrolSchema(),
    answer=schemas.EnrolledSchema(),
    example=examples.ENROL,
    answer_example=examples.ENROLLED,
    errors=(IdentifierInUse, Invalid, Forbidden),
)
@idempotent(status=201)
def enrol_member(session: Session, body: dict[str, Any]) -> Answer:
    """Make a person a member, with or without personal data.

    Identifiers are the caller's own, or a card number that is made here (`issue_card`). Each belongs to one
    member while it is active: one that is taken is refused with `identifier_in_use`, by its pointer and
    without saying whose it is. A caller who may not find out who is a member (a mobile backend or a partner
    without `members:read`) gets the same 201 after the same work whether or not it was taken: a taken one is
    kept as contested, finds nobody, and the office sees that it is.
    """
    now = clock.now()
    number = card_number() if body["issue_card"] else None
    enrolled = service.enrol(
        session,
        vault=edge.vault(),
        enrolment=_enrolment(body, number),
        actor=edge.actor(),
        now=now,
        conceal=not edge.may_enumerate(),
    )
    member_id = enrolled.record.row.member_id
    if body["terms"]:
        edge.record_terms(session, member_id=member_id, terms=body["terms"], now=now)
    document = {**_account(enrolled), "card": number}
    return Answer(document, headers=edge.etag(enrolled.record), owner=member_id)


def _enrolment(body: Mapping[str, Any], number: str | None) -> Enrolment:
    """The body as the service takes it; a store's own client enrols for its store when it names none."""
    people, wanted = [], _identifiers(body["identifiers"], "/identifiers", None)
    for index, person in enumerate(body["people"]):
        people.append(NewPerson(person["name"]))
        pointer = f"/people/{index}/identifiers"
        wanted += _identifiers(person["identifiers"], pointer, people[-1].person_id)
    if number:
        wanted.append(NewIdentifier("card", number, pointer="/issue_card"))
    return Enrolment(
        identifiers=wanted,
        people=people,
        profile=body["profile"],
        language=body.get("language"),
        home_store=body.get("home_store") or principal().store_id,
        tags=body.get("tags", ()),
    )


def _identifiers(given: list[dict[str, Any]], pointer: str, person_id: UUID | None) -> list[NewIdentifier]:
    for new in given:
        edge.ensure_may_give(new["kind"])
    return [
        NewIdentifier(new["kind"], new["value"], person_id, pointer=f"{pointer}/{index}/value")
        for index, new in enumerate(given)
    ]


def _account(enrolled: Enrolled) -> dict[str, Any]:
    clear, enumerates = edge.sees_people(), edge.may_enumerate()
    return {
        **edge.member_document(enrolled.record, clear=clear),
        "identifiers": [edge.identifier_document(i, enumerates=enumerates) for i in enrolled.identifiers],
        "people": [edge.person_document(p, clear=clear) for p in enrolled.people],
    }


@blueprint.operation(
    "POST",
    "/members/lookup",
    "look_up_member",
    summary="Find a member by something a till can scan",
    body=bodies.LookUpSchema(),
    answer=schemas.FoundSchema(),
    example=examples.LOOK_UP,
    answer_example=examples.FOUND,
    errors=(IdentifierUnknown,),
)
def look_up_member(body: dict[str, Any]) -> dict[str, Any]:
    """Who is in front of the till: status, balance and what to say, by card, app code, phone or e-mail.

    The identifier is sent in the body, never in an address, since addresses end up in logs. A till must know
    when nobody is found, so that is a plain 404; trying numbers is stopped by the client's rate limit.
    """
    asked = body["identifier"]
    with unit_of_work() as session:
        found = service.find(session, vault=edge.vault(), kind=asked["kind"], value=asked["value"])
        if found is None:
            mistyped = asked["kind"] == "card" and is_mistyped_card(asked["value"].replace(" ", ""))
            raise IdentifierUnknown("The check digit is wrong: type the number again." if mistyped else "")
        return _found(session, found, clock.now())


def _found(session: Session, found: Found, now: datetime) -> dict[str, Any]:
    record = service.get(session, vault=edge.vault(), member_id=found.member_id)
    shown = edge.member_document(record, clear=edge.sees_people())
    text = _SAID_TO_CASHIER.get(found.status)
    return {
        **{name: shown[name] for name in ("member_id", "status", "name", "language")},
        "person": _sharer(session, found),
        "tier": edge.tier_of(session, member_id=found.member_id, now=now),
        "balance": edge.balance_of(session, member_id=found.member_id, now=now),
        "messages": [{"audience": "cashier", "code": f"member_{found.status}", "text": text}] if text else [],
    }


def _sharer(session: Session, found: Found) -> dict[str, Any] | None:
    if found.person_id is None:
        return None
    name = service.person_names(session, vault=edge.vault(), member_id=found.member_id)[found.person_id]
    shown = name if edge.sees_people() else masked_name(name, None)
    return {"person_id": ids.show("per", found.person_id), "name": shown}


@blueprint.operation(
    "GET",
    "/members",
    "list_members",
    summary="List members",
    query=bodies.ListQuery(),
    answer=page_of(schemas.MemberSchema(), "MemberPage"),
    answer_example={"data": [examples.MEMBER], "next_cursor": None},
    errors=(BadCursor,),
)
def list_members(query: dict[str, Any]) -> dict[str, Any]:
    """Members by the time of their enrolment, oldest first. Stores' walk-in accounts are none."""
    return _page(query)


@blueprint.operation(
    "POST",
    "/members/search",
    "search_members",
    summary="Search members by identifier or name",
    body=bodies.SearchSchema(),
    answer=page_of(schemas.MemberSchema(), "MemberPage"),
    example=examples.SEARCH,
    answer_example={"data": [examples.MEMBER], "next_cursor": None},
    errors=(BadCursor,),
)
def search_members(body: dict[str, Any]) -> dict[str, Any]:
    """Members with this identifier, or whose name holds all of these words, whatever case and accents.

    What is looked for is sent in the body, so that no name and no number stands in an address.
    """
    identifier = body["identifier"]
    return _page(body, name=body["name"], identifier=identifier and (identifier["kind"], identifier["value"]))


def _page(asked: dict[str, Any], **narrowed: Any) -> dict[str, Any]:
    with unit_of_work() as session:
        found = service.search(
            session,
            vault=edge.vault(),
            filters=Filters(asked["status"], asked["tag"], asked["enrolled_from"], asked["enrolled_to"]),
            after=read_cursor(asked["cursor"], datetime, UUID),
            limit=asked["limit"] + 1,
            **narrowed,
        )
    shown = page(
        found, limit=asked["limit"], key=lambda record: [record.row.enrolled_at, record.row.member_id]
    )
    clear = edge.sees_people()
    return {**shown, "data": [edge.member_document(record, clear=clear) for record in shown["data"]]}


@blueprint.operation(
    "GET",
    "/members/<mbr:member_id>",
    "get_member",
    summary="Get a member",
    answer=schemas.MemberSchema(),
    answer_example=examples.MEMBER,
    errors=(NotFound,),
    also={304: Also("Nothing has changed since If-None-Match")},
)
def get_member(member_id: UUID) -> Any:
    """One member; the ETag is what an edit names."""
    with unit_of_work() as session:
        return shown(service.get(session, vault=edge.vault(), member_id=member_id))


def shown(record: Record) -> Response | tuple[dict[str, Any], dict[str, str]]:
    """A member as an answer with its ETag, or 304 when the caller has it already."""
    unchanged = not_modified(str(record.row.profile_version))
    return unchanged or (edge.member_document(record, clear=edge.sees_people()), edge.etag(record))


@blueprint.operation(
    "PATCH",
    "/members/<mbr:member_id>",
    "edit_member",
    summary="Edit a member",
    body=bodies.EditSchema(),
    answer=schemas.MemberSchema(),
    example=examples.EDIT,
    answer_example=examples.MEMBER,
    errors=(NotFound, MemberClosed, WorksHere, PreconditionRequired, PreconditionFailed, Invalid),
    headers=IF_MATCH,
)
@idempotent(required=False)
def edit_member(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    """Change what is sent; what is left out stays, null empties. Contact data are no identifiers."""
    member = service.lock_person(session, member_id=member_id)
    require_match(str(member.profile_version))
    edited = membership.edit(
        session, vault=edge.vault(), member=member, changes=body, actor=edge.actor(), now=clock.now()
    )
    return answered(edited)


def answered(record: Record) -> Answer:
    """The answer to a change: the member as it is now, with its ETag."""
    document = edge.member_document(record, clear=edge.sees_people())
    return Answer(document, headers=edge.etag(record), owner=record.row.member_id)

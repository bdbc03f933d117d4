"""Several people who share one account: each with a name tag, and with identifiers of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.members import identifiers, profiles, queries
from loyalty_api.members.actors import Actor
from loyalty_api.members.rules import ensure_open
from loyalty_api.vault import Vault, open_sealed, seal


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person who is to share an account."""

    name: str
    person_id: UUID = field(default_factory=ids.new)


@dataclass(frozen=True, slots=True)
class Person:
    """A person who shares, or shared, an account."""

    person_id: UUID
    name: str
    created_at: datetime
    ended_at: datetime | None


def insert(
    session: Session, *, vault: Vault, member_id: UUID, new: Sequence[NewPerson], actor: Actor, now: datetime
) -> list[Person]:
    """Let people share the account of a member whose row this transaction holds."""
    key = profiles.data_key(session, vault=vault, member_id=member_id)
    for person in new:
        driver(session).execute(
            "INSERT INTO people (member_id, person_id, sealed, created_at) VALUES (%s, %s, %s, %s)",
            (member_id, person.person_id, _sealed(key, member_id, person.person_id, person.name), now),
        )
        _tell(session, member_id, person.person_id, kind="person_added", actor=actor, now=now)
    return [Person(person.person_id, person.name, now, None) for person in new]


def add(
    session: Session, *, vault: Vault, member_id: UUID, new: NewPerson, actor: Actor, now: datetime
) -> Person:
    """Let one more person share a member's account.

    :raises NotFound: there is no such member.
    :raises MemberClosed: the membership has ended.
    """
    ensure_open(queries.lock_person(session, member_id=member_id).status)
    made = insert(session, vault=vault, member_id=member_id, new=[new], actor=actor, now=now)
    queries.changed(session, member_id=member_id, now=now)
    return made[0]


def rename(
    session: Session,
    *,
    vault: Vault,
    member_id: UUID,
    person_id: UUID,
    name: str,
    actor: Actor,
    now: datetime,
) -> Person:
    """Give a person another name tag; entries of the past show it too.

    :raises NotFound: there is no such member, or nobody like this shares the account now.
    :raises MemberClosed: the membership has ended.
    """
    ensure_open(queries.lock_person(session, member_id=member_id).status)
    found = current(session, vault=vault, member_id=member_id, person_id=person_id)
    key = profiles.data_key(session, vault=vault, member_id=member_id)
    driver(session).execute(
        "UPDATE people SET sealed = %s WHERE member_id = %s AND person_id = %s",
        (_sealed(key, member_id, person_id, name), member_id, person_id),
    )
    _tell(session, member_id, person_id, kind="person_renamed", actor=actor, now=now)
    queries.changed(session, member_id=member_id, now=now)
    return Person(person_id, name, found.created_at, None)


def end(
    session: Session, *, vault: Vault, member_id: UUID, person_id: UUID, actor: Actor, now: datetime
) -> None:
    """A person leaves the account, and the person's identifiers with them; the name tag stays on old entries.

    :raises NotFound: there is no such member, or nobody like this shares the account now.
    :raises MemberClosed: the membership has ended.
    """
    ensure_open(queries.lock_person(session, member_id=member_id).status)
    current(session, vault=vault, member_id=member_id, person_id=person_id)
    for identifier in identifiers.list_all(session, vault=vault, member_id=member_id):
        if identifier.person_id == person_id and identifier.ended_at is None:
            identifiers.end(
                session,
                vault=vault,
                member_id=member_id,
                identifier=identifier,
                status="removed",
                actor=actor,
                now=now,
            )
    driver(session).execute(
        "UPDATE people SET ended_at = %s WHERE member_id = %s AND person_id = %s", (now, member_id, person_id)
    )
    _tell(session, member_id, person_id, kind="person_ended", actor=actor, now=now)
    queries.changed(session, member_id=member_id, now=now)


def list_all(session: Session, *, vault: Vault, member_id: UUID) -> list[Person]:
    """Everyone who shares or shared the account, oldest first; nobody once the member is erased."""
    key = vault.owner_key(session, member_id, create=False)
    if key is None:
        return []
    rows = driver(session).execute(
        "SELECT person_id, sealed, created_at, ended_at FROM people WHERE member_id = %s"
        " ORDER BY created_at, person_id",
        (member_id,),
    )
    return [
        Person(row[0], open_sealed(key, row[1], _place(member_id, row[0])).decode(), row[2], row[3])
        for row in rows
    ]


def current(session: Session, *, vault: Vault, member_id: UUID, person_id: UUID) -> Person:
    """A person who shares the account now.

    :raises NotFound: nobody like this does.
    """
    for person in list_all(session, vault=vault, member_id=member_id):
        if person.person_id == person_id and person.ended_at is None:
            return person
    raise NotFound("Nobody like this shares the account now.")


def _tell(
    session: Session, member_id: UUID, person_id: UUID, *, kind: str, actor: Actor, now: datetime
) -> None:
    events.record(
        session,
        member_id=member_id,
        kind=kind,
        subject=ids.show("per", person_id),
        occurred_at=now,
        now=now,
        body={"actor": actor.shown()},
    )


def _sealed(key: bytes, member_id: UUID, person_id: UUID, name: str) -> bytes:
    return seal(key, name.encode(), _place(member_id, person_id))


def _place(member_id: UUID, person_id: UUID) -> bytes:
    return b"person/" + member_id.bytes + person_id.bytes

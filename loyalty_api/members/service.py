"""Members: enrolled and found, and the lock and version that every feature relies on.

Whoever writes anything of a member's locks it first with ``lock``, and whoever changes anything that is shown
of it calls ``touch`` in the same transaction, so that no cache serves what was before.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver
from loyalty_api.errors import Fault, Invalid
from loyalty_api.members import identifiers, people, profiles, queries
from loyalty_api.members.actors import Actor
from loyalty_api.members.identifiers import (
    Identifier,
    IdentifierInUse,
    IdentifierUnknown,
    NewIdentifier,
    blind_of,
    card_to_show,
    locate,
)
from loyalty_api.members.normal import BadIdentifier, normalise
from loyalty_api.members.people import NewPerson, Person
from loyalty_api.members.profiles import Profile, Record, birth_date, birthday_blinds, index_birthdays
from loyalty_api.members.queries import (
    LOCK_NOW,
    VERSIONS,
    Filters,
    Located,
    MemberRow,
    changed,
    ensure_known,
    known,
    lock,
    lock_person,
    person_of,
    standing,
    touch,
)
from loyalty_api.members.queries_many import ensure_all_known, lock_many
from loyalty_api.members.rules import (
    IdentifierKind,
    MemberBlocked,
    MemberClosed,
    Status,
    name_words,
    subject_value,
    walk_in_id,
)
from loyalty_api.stores import service as stores
from loyalty_api.vault import Vault

__all__ = [
    "LOCK_NOW",
    "VERSIONS",
    "Actor",
    "BadIdentifier",
    "IdentifierInUse",
    "IdentifierUnknown",
    "Located",
    "MemberBlocked",
    "MemberClosed",
    "MemberRow",
    "NewIdentifier",
    "NewPerson",
    "birth_date",
    "birthday_blinds",
    "blind_of",
    "card_to_show",
    "changed",
    "ensure_all_known",
    "ensure_known",
    "index_birthdays",
    "known",
    "locate",
    "lock",
    "lock_many",
    "lock_person",
    "normalise",
    "person_of",
    "standing",
    "touch",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """Whom an identifier belongs to, and what that member may do."""

    member_id: UUID
    identifier_id: UUID
    person_id: UUID | None
    status: Status


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A person who joins. All about the person is optional; ids and the draw token are made with it."""

    identifiers: Sequence[NewIdentifier] = ()
    people: Sequence[NewPerson] = ()
    profile: Profile = field(default_factory=dict)
    language: str | None = None
    home_store: str | None = None
    tags: Sequence[str] = ()
    member_id: UUID = field(default_factory=ids.new)
    draw_token: bytes = field(default_factory=lambda: secrets.token_bytes(16))


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A new member, with what was given along."""

    record: Record
    identifiers: list[Identifier]
    people: list[Person]


def find(session: Session, *, vault: Vault, kind: IdentifierKind, value: str) -> Found | None:
    """The member that an active identifier belongs to, however it is spelled; None when nobody has it."""
    located = locate(session, vault=vault, kind=kind, value=value)
    if located is None:
        return None
    status = queries.status_of(session, member_id=located.member_id)
    return Found(located.member_id, located.identifier_id, located.person_id, status)


def member_for_subject(session: Session, *, vault: Vault, issuer: str, subject: str) -> UUID | None:
    """The member whom an identity provider knows as ``subject``; None when nobody has said so."""
    value = subject_value(issuer=issuer, subject=subject)
    located = locate(session, vault=vault, kind="subject", value=value)
    return located.member_id if located else None


def epoch(session: Session, member_id: UUID) -> int | None:
    """A member's tokens with a lower epoch do not hold any more; None when there is no such member."""
    return queries.epoch(session, member_id=member_id)


def count_members(session: Session) -> int:
    """How many people are members: walk-in accounts and erased ones are not counted."""
    return queries.count(session)


def person_names(session: Session, *, vault: Vault, member_id: UUID) -> dict[UUID, str]:
    """The name tags of everyone who shares or shared the member's account, for entries to show."""
    return {p.person_id: p.name for p in people.list_all(session, vault=vault, member_id=member_id)}


def walk_in_account(session: Session, *, store_id: str, now: datetime) -> UUID:
    """The account that a store's purchases without a member belong to; made when it is first asked for.

    It is never listed nor counted as a member, and earns nothing. Any number may ask for it at once.
    """
    account = walk_in_id(store_id)
    connection = driver(session)
    if connection.execute("SELECT 1 FROM members WHERE member_id = %s", (account,), prepare=True).fetchone():
        return account
    connection.execute(
        "INSERT INTO members (member_id, kind, status, home_store, draw_token, enrolled_at, created_by,"
        " updated_at) VALUES (%s, 'walk_in', 'active', %s, %s, %s, 'system', %s) ON CONFLICT DO NOTHING",
        (account, store_id, account.bytes, now, now),
    )
    return account


def enrol(
    session: Session,
    *,
    vault: Vault,
    enrolment: Enrolment,
    actor: Actor,
    now: datetime,
    conceal: bool = False,
) -> Enrolled:
    """Make a person a member. See ``identifiers.attach`` for ``conceal``.

    :raises Invalid: the store is not known, an identifier stands there twice.
    :raises BadIdentifier: a value cannot be an identifier or a contact of its kind.
    :raises IdentifierInUse: an identifier is another member's, and the caller may know that.
    """
    wanted = identifiers.canonical(enrolment.identifiers)
    profile = profiles.canonical(enrolment.profile)
    ensure_store_known(session, store_id=enrolment.home_store)
    member_id = enrolment.member_id
    _insert(session, enrolment, actor, now)
    events.record(
        session,
        member_id=member_id,
        kind="member_enrolled",
        subject=ids.show("mbr", member_id),
        occurred_at=now,
        now=now,
        body={"store": enrolment.home_store, "actor": actor.shown()},
    )
    if profile:
        profiles.write(session, vault=vault, member_id=member_id, profile=profile)
    tags = people.insert(
        session, vault=vault, member_id=member_id, new=enrolment.people, actor=actor, now=now
    )
    given = identifiers.attach(
        session, vault=vault, member_id=member_id, wanted=wanted, actor=actor, now=now, conceal=conceal
    )
    if any(new.kind == "staff" for new in wanted):
        changed(session, member_id=member_id, now=now, is_staff=True)
    return Enrolled(get(session, vault=vault, member_id=member_id), given, tags)


def ensure_store_known(session: Session, *, store_id: str | None) -> None:
    """Refuse a home store that the merchant does not have.

    :raises Invalid: there is no such store.
    """
    if store_id is None:
        return
    try:
        stores.get(session, store_id=store_id)
    except stores.StoreUnknown as error:
        raise Invalid(error.detail, errors=[Fault("/home_store", "store_unknown", error.detail)]) from error


def _insert(session: Session, enrolment: Enrolment, actor: Actor, now: datetime) -> None:
    driver(session).execute(
        "INSERT INTO members (member_id, kind, status, language, home_store, tags, draw_token, enrolled_at,"
        " created_by, updated_at) VALUES (%s, 'person', 'active', %s, %s, %s, %s, %s, %s, %s)",
        (
            enrolment.member_id,
            enrolment.language,
            enrolment.home_store,
            sorted(set(enrolment.tags)),
            enrolment.draw_token,
            now,
            actor.client_id,
            now,
        ),
    )


def get(session: Session, *, vault: Vault, member_id: UUID) -> Record:
    """A member with its profile in clear.

    :raises NotFound: there is none.
    """
    return profiles.opened(vault, queries.read(session, member_id=member_id))


def search(
    session: Session,
    *,
    vault: Vault,
    filters: Filters,
    after: Sequence[Any] | None,
    limit: int,
    name: str | None = None,
    identifier: tuple[IdentifierKind, str] | None = None,
) -> list[Record]:
    """Up to ``limit`` members by the time of their enrolment, from behind ``after`` (that time and the id).

    ``name`` holds whole words of a name, in any order, without regard to case and accents.
    """
    member_id = None
    if identifier is not None:
        located = locate(session, vault=vault, kind=identifier[0], value=identifier[1])
        if located is None:
            return []
        member_id = located.member_id
    words = name_words(name)
    if name is not None and not words:
        return []
    narrowed = Filters(
        status=filters.status,
        tag=filters.tag,
        enrolled_from=filters.enrolled_from,
        enrolled_to=filters.enrolled_to,
        member_id=member_id,
        names=profiles.name_blinds(vault, words),
    )
    found = queries.page(session, filters=narrowed, after=after, limit=limit)
    return [profiles.opened(vault, sealed) for sealed in found]

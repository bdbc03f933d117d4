"""Identifiers: how they are kept, and that each is one member's while it is active."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver
from loyalty_api.errors import Conflict, Fault, Invalid, NotFound
from loyalty_api.members import profiles, queries
from loyalty_api.members.actors import Actor
from loyalty_api.members.normal import BadIdentifier, normalise
from loyalty_api.members.queries import Located
from loyalty_api.members.rules import IdentifierKind
from loyalty_api.vault import Vault, open_sealed, seal

IdentifierStatus = Literal["active", "contested", "replaced", "removed"]


class IdentifierInUse(Conflict):
    """An identifier belongs to one member at a time, and this one is another's."""

    code, title, action = "identifier_in_use", "This belongs to a member already", "ask_member"


class IdentifierUnknown(NotFound):
    """No active identifier is like this."""

    code, title, action = "identifier_unknown", "No member is known by this", "proceed_without"


@dataclass(frozen=True, slots=True)
class NewIdentifier:
    """An identifier as it is asked for. ``pointer`` says where in the request its value stood."""

    kind: IdentifierKind
    value: str
    person_id: UUID | None = None
    pointer: str = "/value"
    identifier_id: UUID = field(default_factory=ids.new)


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier with its value in clear."""

    identifier_id: UUID
    kind: IdentifierKind
    value: str
    person_id: UUID | None
    status: IdentifierStatus
    created_at: datetime
    ended_at: datetime | None
    replaced_by: UUID | None


def blind_of(vault: Vault, *, kind: IdentifierKind, value: str) -> bytes | None:
    """The blind index of what was scanned or typed, or None when no identifier can be written like that."""
    try:
        return vault.blind(kind, normalise(kind, value))
    except BadIdentifier:
        return None


def locate(session: Session, *, vault: Vault, kind: IdentifierKind, value: str) -> Located | None:
    """Whom an active identifier belongs to, however it is spelled."""
    blind = blind_of(vault, kind=kind, value=value)
    return None if blind is None else queries.locate(session, kind=kind, blind=blind)


def canonical(wanted: Sequence[NewIdentifier]) -> list[NewIdentifier]:
    """The identifiers in their one spelling.

    :raises BadIdentifier: a value cannot be an identifier of its kind.
    :raises Invalid: one stands there twice.
    """
    known = [replace(new, value=normalise(new.kind, new.value, new.pointer)) for new in wanted]
    twice = Counter((new.kind, new.value) for new in known)
    faults = [
        Fault(new.pointer, "duplicate", "It stands here twice.")
        for new in known
        if twice[new.kind, new.value] > 1
    ]
    if faults:
        raise Invalid(faults[0].message, errors=faults)
    return known


def attach(
    session: Session,
    *,
    vault: Vault,
    member_id: UUID,
    wanted: Sequence[NewIdentifier],
    actor: Actor,
    now: datetime,
    conceal: bool,
) -> list[Identifier]:
    """Give canonical identifiers to a member whose row this transaction holds.

    With ``conceal`` an identifier of another member's is kept as ``contested``: it finds nobody, and what the
    caller sees and what is done are the same as for one that was free. So nobody finds out who is a member.

    :raises IdentifierInUse: one is another member's, and the caller may know that.
    """
    key = profiles.data_key(session, vault=vault, member_id=member_id)
    blinds = {new.identifier_id: vault.blind(new.kind, new.value) for new in wanted}
    # Everyone takes index rows in one order, so that two enrolments never wait for each other in a circle.
    free = {
        new.identifier_id: _take(session, member_id=member_id, new=new, blind=blinds[new.identifier_id])
        for new in sorted(wanted, key=lambda new: (new.kind, blinds[new.identifier_id]))
    }
    taken = [new for new in wanted if not free[new.identifier_id]]
    if taken and not conceal:
        faults = [
            Fault(new.pointer, IdentifierInUse.code, "It belongs to a member already.") for new in taken
        ]
        raise IdentifierInUse(errors=faults)
    made = [_made(new, free=free[new.identifier_id], now=now) for new in wanted]
    for identifier in made:
        _insert(session, key=key, member_id=member_id, identifier=identifier)
        blind = blinds[identifier.identifier_id]
        _tell(session, member_id=member_id, identifier=identifier, blind=blind, actor=actor, now=now)
    return made


def end(
    session: Session,
    *,
    vault: Vault,
    member_id: UUID,
    identifier: Identifier,
    status: Literal["replaced", "removed"],
    actor: Actor,
    now: datetime,
    body: Mapping[str, str] | None = None,
    replaced_by: UUID | None = None,
) -> None:
    """End an identifier of a member whose lock the caller holds: out of the index, and into history."""
    connection = driver(session)
    connection.execute(
        "DELETE FROM identifier_index WHERE kind = %s AND blind = %s AND identifier_id = %s",
        (identifier.kind, vault.blind(identifier.kind, identifier.value), identifier.identifier_id),
    )
    connection.execute(
        "UPDATE identifiers SET status = %s, ended_at = %s, replaced_by = %s"
        " WHERE member_id = %s AND identifier_id = %s",
        (status, now, replaced_by, member_id, identifier.identifier_id),
    )
    events.record(
        session,
        member_id=member_id,
        kind=f"identifier_{status}",
        subject=ids.show("idn", identifier.identifier_id),
        occurred_at=now,
        now=now,
        body={"kind": identifier.kind, "actor": actor.shown(), **(body or {})},
    )


def list_all(session: Session, *, vault: Vault, member_id: UUID) -> list[Identifier]:
    """Every identifier the member has or had, oldest first; none can be read once the member is erased."""
    key = vault.owner_key(session, member_id, create=False)
    if key is None:
        return []
    rows = driver(session).execute(
        "SELECT identifier_id, kind, sealed, person_id, status, created_at, ended_at, replaced_by"
        " FROM identifiers WHERE member_id = %s ORDER BY created_at, identifier_id",
        (member_id,),
    )
    return [
        Identifier(row[0], row[1], open_sealed(key, row[2], _place(member_id, row[0])).decode(), *row[3:])
        for row in rows
    ]


def current(session: Session, *, vault: Vault, member_id: UUID, identifier_id: UUID) -> Identifier:
    """An identifier of the member's that is still in use.

    :raises NotFound: the member has none like this.
    """
    for identifier in list_all(session, vault=vault, member_id=member_id):
        if identifier.identifier_id == identifier_id and identifier.ended_at is None:
            return identifier
    raise NotFound("The member has no such identifier in use.")


def card_to_show(session: Session, *, vault: Vault, member_id: UUID) -> Identifier:
    """The card a till can scan: the newest in use, one that all of the account share before a person's own.

    :raises NotFound: the member has none.
    """
    cards = [
        found
        for found in list_all(session, vault=vault, member_id=member_id)
        if found.kind == "card" and found.ended_at is None
    ]
    if not cards:
        raise NotFound("This member has no card.")
    return max(cards, key=lambda card: (card.person_id is None, card.created_at))


def _take(session: Session, *, member_id: UUID, new: NewIdentifier, blind: bytes) -> bool:
    """Whether the identifier was free and is the member's now; waits for whoever is just taking it."""
    row = driver(session).execute(
        "INSERT INTO identifier_index (kind, blind, member_id, identifier_id, person_id)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING true",
        (new.kind, blind, member_id, new.identifier_id, new.person_id),
    )
    return row.fetchone() is not None


def _made(new: NewIdentifier, *, free: bool, now: datetime) -> Identifier:
    return Identifier(
        identifier_id=new.identifier_id,
        kind=new.kind,
        value=new.value,
        person_id=new.person_id,
        status="active" if free else "contested",
        created_at=now,
        ended_at=None,
        replaced_by=None,
    )


def _insert(session: Session, *, key: bytes, member_id: UUID, identifier: Identifier) -> None:
    place = _place(member_id, identifier.identifier_id)
    driver(session).execute(
        "INSERT INTO identifiers (member_id, identifier_id, kind, sealed, person_id, status, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            member_id,
            identifier.identifier_id,
            identifier.kind,
            seal(key, identifier.value.encode(), place),
            identifier.person_id,
            identifier.status,
            identifier.created_at,
        ),
    )


def _tell(
    session: Session, *, member_id: UUID, identifier: Identifier, blind: bytes, actor: Actor, now: datetime
) -> None:
    """Purchases that were kept with this blind index are waiting to be told whose they are.

    Readers of events see no difference between a free identifier and a contested one.
    """
    events.record(
        session,
        member_id=member_id,
        kind="identifier_added",
        subject=ids.show("idn", identifier.identifier_id),
        occurred_at=now,
        now=now,
        body={"kind": identifier.kind, "_blind": blind.hex(), "actor": actor.shown()},
        reaction_due=identifier.status == "active",
    )


def _place(member_id: UUID, identifier_id: UUID) -> bytes:
    return b"identifier/" + member_id.bytes + identifier_id.bytes

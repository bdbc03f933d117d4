"""A member's identifiers change: one more, another in the place of a lost one, one less."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.members import identifiers, people, queries
from loyalty_api.members.actors import Actor
from loyalty_api.members.identifiers import Identifier, NewIdentifier
from loyalty_api.members.rules import IdentifierKind, ensure_may_get_identifier, ensure_open
from loyalty_api.vault import Vault

Reason = Literal["lost", "stolen", "damaged", "renewed"]
REASONS: tuple[Reason, ...] = get_args(Reason)


def add(
    session: Session,
    *,
    vault: Vault,
    member_id: UUID,
    new: NewIdentifier,
    actor: Actor,
    now: datetime,
    conceal: bool = False,
) -> Identifier:
    """Give a member one more identifier. See ``identifiers.attach`` for ``conceal``.

    :raises NotFound: there is no such member, or no such person in the account.
    :raises MemberBlocked: the member is blocked.
    :raises MemberClosed: the membership has ended.
    :raises BadIdentifier: the value cannot be an identifier of its kind.
    :raises IdentifierInUse: it is another member's, and the caller may know that.
    """
    ensure_may_get_identifier(queries.lock_person(session, member_id=member_id).status)
    if new.person_id is not None:
        people.current(session, vault=vault, member_id=member_id, person_id=new.person_id)
    wanted = identifiers.canonical([new])
    made = identifiers.attach(
        session, vault=vault, member_id=member_id, wanted=wanted, actor=actor, now=now, conceal=conceal
    )
    # Whoever works here is staff (R18): there are no gifts for the account, whoever of it buys.
    working = {"is_staff": True} if new.kind == "staff" else {}
    queries.changed(session, member_id=member_id, now=now, **working)
    return made[0]


def replace(
    session: Session,
    *,
    vault: Vault,
    member_id: UUID,
    identifier_id: UUID,
    new: Callable[[IdentifierKind, UUID | None], NewIdentifier],
    reason: Reason,
    actor: Actor,
    now: datetime,
    conceal: bool = False,
) -> Identifier:
    """Put a new identifier in the place of one that is lost: from now on the old one finds nobody.

    ``new`` makes it from the old one's kind and person.

    :raises NotFound: there is no such member, or it has no such identifier that is still in use.
    :raises MemberBlocked: the member is blocked.
    :raises MemberClosed: the membership has ended.
    :raises BadIdentifier: the value cannot be an identifier of its kind.
    :raises IdentifierInUse: it is a member's already, and the caller may know that.
    """
    ensure_may_get_identifier(queries.lock_person(session, member_id=member_id).status)
    old = identifiers.current(session, vault=vault, member_id=member_id, identifier_id=identifier_id)
    wanted = identifiers.canonical([new(old.kind, old.person_id)])
    made = identifiers.attach(
        session, vault=vault, member_id=member_id, wanted=wanted, actor=actor, now=now, conceal=conceal
    )[0]
    body = {"reason": reason, "replaced_by": ids.show("idn", made.identifier_id)}
    identifiers.end(
        session,
        vault=vault,
        member_id=member_id,
        identifier=old,
        status="replaced",
        actor=actor,
        now=now,
        body=body,
        replaced_by=made.identifier_id,
    )
    queries.changed(session, member_id=member_id, now=now)
    return made


def remove(
    session: Session, *, vault: Vault, member_id: UUID, identifier_id: UUID, actor: Actor, now: datetime
) -> None:
    """Take an identifier away: it finds nobody any more, and another member may get it.

    :raises NotFound: there is no such member, or it has no such identifier that is still in use.
    :raises MemberClosed: the membership has ended.
    """
    ensure_open(queries.lock_person(session, member_id=member_id).status)
    old = identifiers.current(session, vault=vault, member_id=member_id, identifier_id=identifier_id)
    identifiers.end(
        session, vault=vault, member_id=member_id, identifier=old, status="removed", actor=actor, now=now
    )
    queries.changed(session, member_id=member_id, now=now)

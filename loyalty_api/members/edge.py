"""What the resources of members share: who asks, what they may see, what the application lends them.

The application lends functions of features above this one. ``extensions["member_balance"]``, called with the session,
the member's id and now, gives the figures that a till shows, ``extensions["member_tier"]`` the member's level.
``extensions["record_terms"]`` is
``consent.service.record_terms``: it keeps terms that were accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.errors import Forbidden
from loyalty_api.http import Blueprint
from loyalty_api.members.actors import Actor
from loyalty_api.members.identifiers import Identifier
from loyalty_api.members.people import Person
from loyalty_api.members.profiles import Record
from loyalty_api.members.rules import full_name, masked_name, masked_value
from loyalty_api.security import principal
from loyalty_api.vault import Vault

blueprint = Blueprint("members", __name__, url_prefix="/v1", description="Who belongs to the program")

BALANCE = ("available", "pending", "held", "debt", "version")


def vault() -> Vault:
    """The vault of the present application."""
    found: Vault = current_app.extensions["vault"]
    return found


def actor() -> Actor:
    """Who makes the present request."""
    caller = principal()
    return Actor(kind=caller.kind, client_id=caller.client_id)


def sees_people() -> bool:
    """Whether the caller sees names and profiles: with ``members:read``, but never a terminal, whose screen
    faces a queue."""
    caller = principal()
    return caller.kind != "terminal" and "members:read" in caller.scopes


def may_enumerate() -> bool:
    """Whether the caller may learn that an identifier belongs to somebody.

    The office and the till may when they can look members up. A mobile backend or a partner relays answers to
    whoever fills in a form at home, so it needs ``members:read``; otherwise a known and an unknown identifier
    get equal answers after equal work.
    """
    caller = principal()
    at_the_counter = caller.kind in ("terminal", "staff", "admin") and "members:lookup" in caller.scopes
    return at_the_counter or "members:read" in caller.scopes


def ensure_may_give(kind: str) -> None:
    """A ``subject`` opens the account to whoever signs in as it, so not everyone may give one; nor say who works here.

    :raises Forbidden: the caller is a till or a partner; or it is not of the office, and says who is staff.
    """
    if kind == "staff" and principal().kind not in ("staff", "admin"):
        raise Forbidden("Only the office says who works here.")
    if kind == "subject" and principal().kind in ("terminal", "partner"):
        raise Forbidden("A till or a partner may not say as whom a member signs in.")


def own_id() -> UUID:
    """The member that the present token belongs to.

    :raises Forbidden: it is not a member's token.
    """
    member_id = principal().member_id
    if member_id is None:
        raise Forbidden("This needs a member's own token.")
    return member_id


def balance_of(session: Session, *, member_id: UUID, now: datetime) -> dict[str, int] | None:
    """The member's figures, or None where no ledger keeps any."""
    ask = current_app.extensions.get("member_balance")
    figures = cast("Mapping[str, int] | None", ask(session, member_id, now)) if ask else None
    return {name: figures[name] for name in BALANCE} if figures else None


def tier_of(session: Session, *, member_id: UUID, now: datetime) -> str | None:
    """The member's level; None for none, or where no feature knows of any."""
    ask = current_app.extensions.get("member_tier")
    return cast("str | None", ask(session, member_id, now)) if ask else None


def record_terms(session: Session, *, member_id: UUID, terms: Mapping[str, Any], now: datetime) -> None:
    """Keep the terms that were accepted with an enrolment."""
    keep = current_app.extensions["record_terms"]
    keep(session, member_id=member_id, **terms, actor=actor(), now=now)


def etag(record: Record) -> dict[str, str]:
    """The header that names this state of what people edit."""
    return {"ETag": f'"{record.row.profile_version}"'}


def member_document(record: Record, *, clear: bool) -> dict[str, Any]:
    """A member as clients see it: in ``clear``, or with a masked name and nothing else about the person."""
    row, profile = record.row, record.profile
    name = full_name if clear else masked_name
    return {
        "member_id": ids.show("mbr", row.member_id),
        "status": row.status,
        "name": name(profile.get("given_name"), profile.get("family_name")),
        "profile": dict(profile) if clear else None,
        "language": row.language,
        "home_store": row.home_store,
        "is_staff": row.is_staff,
        "tags": row.tags if clear else None,
        "enrolled_at": row.enrolled_at,
    }


def identifier_document(identifier: Identifier, *, enumerates: bool) -> dict[str, Any]:
    """An identifier, its value masked; contested only for those who may know of the other member."""
    contested = identifier.status == "contested"
    return {
        "identifier_id": ids.show("idn", identifier.identifier_id),
        "kind": identifier.kind,
        "value": masked_value(identifier.kind, identifier.value),
        "person_id": identifier.person_id and ids.show("per", identifier.person_id),
        "status": "active" if contested and not enumerates else identifier.status,
        "created_at": identifier.created_at,
        "ended_at": identifier.ended_at,
        "replaced_by": identifier.replaced_by and ids.show("idn", identifier.replaced_by),
    }


def person_document(person: Person, *, clear: bool) -> dict[str, Any]:
    """A person who shares an account, with the name tag in ``clear`` or masked."""
    return {
        "person_id": ids.show("per", person.person_id),
        "name": person.name if clear else masked_name(person.name, None),
        "created_at": person.created_at,
        "ended_at": person.ended_at,
    }

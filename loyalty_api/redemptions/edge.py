"""What the resources of redemptions share: the blueprint, who asks, and what the application lends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.errors import NotFound
from loyalty_api.http import Blueprint, spoken
from loyalty_api.language import catalogue
from loyalty_api.members import service as members
from loyalty_api.redemptions.rules import Caller
from loyalty_api.redemptions.service import Counter
from loyalty_api.security import ensure_store, principal

blueprint = Blueprint(
    "redemptions", __name__, url_prefix="/v1", description="Points that are used: on a basket, for a reward."
)


def counter() -> Counter:
    """What the use cases lean on in this process."""
    lent = current_app.extensions
    return Counter(lent["vault"], lent["programs"])


def reason_text(code: str, *, missing: int = 0) -> str:
    """Why a reward or a code is not to be had, in the caller's language."""
    words = catalogue(spoken())
    return words.say("reward_reason", code, points=words.points(missing))


def caller() -> Caller:
    """Who asks."""
    who = principal()
    return Caller(who.client_id, who.kind, who.store_id)


def speaking_for(store_id: str | None) -> str | None:
    """The store that a call is made in: the one it names, which must be the caller's, or the caller's own.

    :raises StoreNotAllowed: it is another store's.
    """
    if store_id is None:
        return principal().store_id
    ensure_store(principal(), store_id)
    return store_id


def member_named(session: Session, body: Mapping[str, Any]) -> UUID:
    """Whose points they are, by id or by what was scanned.

    :raises NotFound: there is no such member.
    :raises IdentifierUnknown: nobody has this identifier.
    """
    scanned = body["identifier"]
    if scanned is None:
        member_id = ids.read("mbr", body["member_id"])
        if member_id is None:
            raise NotFound("There is no such member.")
        return member_id
    vault = current_app.extensions["vault"]
    located = members.locate(session, vault=vault, kind=scanned["kind"], value=scanned["value"])
    if located is None:
        raise members.IdentifierUnknown
    return located.member_id

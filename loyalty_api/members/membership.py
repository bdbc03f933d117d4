"""A membership changes: what is known of the member, what the member may do, who is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver
from loyalty_api.errors import Conflict
from loyalty_api.members import profiles, queries, service
from loyalty_api.members.actors import Actor
from loyalty_api.members.profiles import Record
from loyalty_api.members.queries import MemberRow
from loyalty_api.members.rules import Step, ensure_open, next_status
from loyalty_api.vault import Vault

EDITABLE = ("language", "home_store", "tags", "is_staff")


class WorksHere(Conflict):
    """The member has an identifier of the staff's: remove that first."""

    code, title = "member_works_here", "This member is known as staff by an identifier"


def edit(
    session: Session,
    *,
    vault: Vault,
    member: MemberRow,
    changes: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> Record:
    """Change what is given of a locked ``member``: columns of ``EDITABLE`` and fields of ``profile``.

    None empties a field. The event names the fields and never what they hold.

    :raises MemberClosed: the membership has ended.
    :raises WorksHere: it would be no staff, but has an identifier of the staff's.
    :raises Invalid: the store is not known.
    :raises BadIdentifier: the phone number or the e-mail address is none.
    """
    ensure_open(member.status)
    before = service.get(session, vault=vault, member_id=member.member_id)
    profile = profiles.canonical({**before.profile, **(changes.get("profile") or {})})
    columns = {
        name: changes[name] for name in EDITABLE if name in changes and changes[name] != getattr(member, name)
    }
    fields = sorted(columns) + [
        f"profile.{name}" for name in profiles.FIELDS if profile.get(name) != before.profile.get(name)
    ]
    if not fields:
        return before
    service.ensure_store_known(session, store_id=columns.get("home_store"))
    if columns.get("is_staff") is False and queries.works_here(session, member_id=member.member_id):
        raise WorksHere
    if profile != before.profile:
        profiles.write(session, vault=vault, member_id=member.member_id, profile=profile)
    queries.changed(session, member_id=member.member_id, now=now, **columns)
    _tell(session, member.member_id, "profile_changed", {"fields": fields, "actor": actor.shown()}, now)
    return service.get(session, vault=vault, member_id=member.member_id)


def change_status(
    session: Session, *, vault: Vault, member_id: UUID, step: Step, reason: str, actor: Actor, now: datetime
) -> Record:
    """Block, restrict to earning, unblock or close a member. ``reason`` is a code, kept with the event.

    :raises NotFound: there is no such member.
    :raises MemberClosed: the membership has ended and does not come back.
    """
    before = service.get(session, vault=vault, member_id=member_id)
    status = queries.lock_person(session, member_id=member_id).status
    after = next_status(status, step)
    if after == status:
        return before
    queries.changed(session, member_id=member_id, now=now, status=after)
    body = {"from": status, "to": after, "reason": reason, "actor": actor.shown()}
    _tell(session, member_id, "member_status_changed", body, now)
    return service.get(session, vault=vault, member_id=member_id)


def sign_out_everywhere(session: Session, *, member_id: UUID, actor: Actor, now: datetime) -> None:
    """End every token that was issued to the member until now.

    :raises NotFound: there is no such member.
    """
    member = queries.lock_person(session, member_id=member_id)
    driver(session).execute(
        "UPDATE members SET token_epoch = %s WHERE member_id = %s", (member.token_epoch + 1, member_id)
    )
    _tell(session, member_id, "member_signed_out", {"actor": actor.shown()}, now)


def _tell(session: Session, member_id: UUID, kind: str, body: Mapping[str, Any], now: datetime) -> None:
    events.record(
        session,
        member_id=member_id,
        kind=kind,
        subject=ids.show("mbr", member_id),
        occurred_at=now,
        now=now,
        body=body,
    )

"""Terms that members accept, requests about their data that they file, and whether they want gifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.consent.models import PrivacyRequest, TermsAcceptance
from loyalty_api.consent.rules import accepted_when, due_at
from loyalty_api.members import service as members
from loyalty_api.members.service import Actor


def record_terms(
    session: Session,
    *,
    member_id: UUID,
    version: str,
    channel: str,
    accepted_at: datetime | None,
    actor: Actor,
    now: datetime,
) -> TermsAcceptance:
    """Keep for ever that the member accepted ``version`` of the terms, through ``channel``.

    ``accepted_at`` is when the member did (None: now); a time to come counts as now.

    :raises NotFound: there is no such member.
    """
    members.lock_person(session, member_id=member_id)
    acceptance = TermsAcceptance(
        member_id=member_id,
        acceptance_id=ids.new(),
        version=version,
        channel=channel,
        accepted_at=accepted_when(said=accepted_at, now=now),
        recorded_at=now,
        actor_kind=actor.kind,
        actor_id=actor.client_id,
    )
    session.add(acceptance)
    session.flush()
    body = {"version": version, "channel": channel, "actor": actor.shown()}
    _tell(session, member_id=member_id, kind="terms_accepted", body=body, now=now)
    return acceptance


def list_terms(
    session: Session, *, member_id: UUID, after: Sequence[Any] | None, limit: int
) -> list[TermsAcceptance]:
    """Up to ``limit`` acceptances of the member's as they were recorded, from behind ``after`` (time and id).

    :raises NotFound: there is no such member.
    """
    members.ensure_known(session, member_id=member_id)
    order = (TermsAcceptance.recorded_at, TermsAcceptance.acceptance_id)
    query = (
        select(TermsAcceptance).where(TermsAcceptance.member_id == member_id).order_by(*order).limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*after))
    return list(session.scalars(query))


@dataclass(frozen=True, slots=True)
class GiftChoices:
    """Whether a member wants ``gifts`` and draws at all, and whether what was bought before may bring some."""

    gifts: bool = True
    profiling: bool = True


def gift_choices(session: Session, *, member_id: UUID) -> GiftChoices:
    """What the member has chosen.

    :raises NotFound: there is no such member.
    """
    row = members.known(session, member_id=member_id)
    return GiftChoices(not row.no_gifts, not row.no_profiling)


def choose_gifts(
    session: Session, *, member_id: UUID, wanted: GiftChoices, actor: Actor, now: datetime
) -> None:
    """Keep what the member wants from now on; choosing the same again changes nothing. Granted gifts stay.

    :raises NotFound: there is no such member.
    """
    row = members.lock_person(session, member_id=member_id)
    if (row.no_gifts, row.no_profiling) == (not wanted.gifts, not wanted.profiling):
        return
    members.changed(
        session, member_id=member_id, now=now, no_gifts=not wanted.gifts, no_profiling=not wanted.profiling
    )
    body = {"gifts": wanted.gifts, "profiling": wanted.profiling, "actor": actor.shown()}
    _tell(session, member_id=member_id, kind="gift_choices_changed", body=body, now=now)


def request_erasure(session: Session, *, member_id: UUID, actor: Actor, now: datetime) -> PrivacyRequest:
    """File the member's wish to be forgotten. Asking again while it is open gives the same request.

    :raises NotFound: there is no such member.
    """
    members.lock_person(session, member_id=member_id)
    found = session.scalars(
        select(PrivacyRequest).where(
            PrivacyRequest.member_id == member_id,
            PrivacyRequest.kind == "erasure",
            PrivacyRequest.status == "received",
        )
    ).first()
    return found or _file(session, member_id=member_id, actor=actor, now=now)


def _file(session: Session, *, member_id: UUID, actor: Actor, now: datetime) -> PrivacyRequest:
    request = PrivacyRequest(
        member_id=member_id,
        request_id=ids.new(),
        kind="erasure",
        status="received",
        requested_at=now,
        due_at=due_at(now),
        actor_kind=actor.kind,
        actor_id=actor.client_id,
    )
    session.add(request)
    session.flush()
    body = {"request": ids.show("prv", request.request_id), "actor": actor.shown()}
    _tell(session, member_id=member_id, kind="erasure_requested", body=body, now=now)
    return request


def _tell(session: Session, *, member_id: UUID, kind: str, body: dict[str, Any], now: datetime) -> None:
    events.record(
        session,
        member_id=member_id,
        kind=kind,
        subject=ids.show("mbr", member_id),
        occurred_at=now,
        now=now,
        body=body,
    )

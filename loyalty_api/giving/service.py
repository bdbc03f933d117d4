"""What others ask of gifts that no purchase brings: the job's whole run, and what a reported event gives."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.draws.service import Draws
from loyalty_api.gifts.rules import GiftRule
from loyalty_api.gifts.service import Because, Granted
from loyalty_api.giving import occasions, queries
from loyalty_api.giving.granting import give
from loyalty_api.ledger.service import Book
from loyalty_api.members.service import MemberRow
from loyalty_api.products.service import Catalogue
from loyalty_api.program.service import Programs, settings_in_force
from loyalty_api.purchases.desk import Desk
from loyalty_api.rating.rules import Program, compile_program, without
from loyalty_api.stores.service import Directory
from loyalty_api.vault import Vault

JOB = "grant_gifts"
EVENT_REPORTERS = ("mobile", "staff", "admin")
"""Clients that are believed when they report an event that brings a gift."""
_AT_ONCE, _PROFILES_AT_ONCE, _OTHERS_AT_ONCE = 50, 500, 2_000
# Gifts of an event have ids counted up from its own, behind its journals and lots.
_FIRST = 1 << 25
Work = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run came to: gifts that were granted, and occasions that were refused."""

    given: int = 0
    refused: int = 0


def run(
    work: Work, vault: Vault, *, new_id: Callable[[], UUID], ended: Callable[[], bool], now: datetime
) -> Ran:
    """Note what is due and grant it, in batches of a transaction each, until all is done or it has ``ended``."""
    with work() as session:
        desk = _desk(vault) if _asked(session, now) else None
        due = occasions.due_rules(session, desk, now=now) if desk else None
        queries.refuse_others(
            driver(session), [rule.rule_id for rule in due[1]] if due else [], limit=_OTHERS_AT_ONCE, now=now
        )
    if desk is None or due is None:
        return Ran()
    program, found = due
    _until_done(
        work,
        ended,
        lambda session: occasions.index_birthdays(session, desk, program, limit=_PROFILES_AT_ONCE),
    )
    _until_done(work, ended, lambda session: occasions.note_due(session, desk, program, now=now))
    given = refused = 0
    for rule in found:
        place: occasions.Place | None = occasions.START
        while place is not None and not ended():
            with work() as session:
                done = occasions.settle_batch(
                    session, desk, program, rule, after=place, first_id=new_id(), now=now, limit=_AT_ONCE
                )
            given, refused, place = given + done.given, refused + done.refused, done.place
    return Ran(given, refused)


def _until_done(work: Work, ended: Callable[[], bool], step: Callable[[Session], int]) -> None:
    while not ended():
        with work() as session:
            if not step(session):
                return


def _asked(session: Session, now: datetime) -> bool:
    """Whether the program in force has gifts at all, which is seen without compiling it."""
    settings = settings_in_force(session, now=now)
    return settings is not None and bool(settings.sections["gifts"]["rules"])


def _desk(vault: Vault) -> Desk:
    """A desk of its own: a job reads the program anew at every run."""
    programs: Programs[Program] = Programs(
        lambda document, number: compile_program(document, version=number), without=without
    )
    return Desk(vault, programs, Catalogue(), Directory(), Draws(vault))


def knows(program: Program | None, event: str) -> bool:
    """Whether a gift of the program hangs on an event that clients report."""
    return program is not None and bool(_of(program, event))


def _of(program: Program, event: str) -> list[GiftRule]:
    found = program.gifts.of("event") if program.gifts else []
    return [rule for rule in found if rule.trigger.event == event]


def for_event(
    session: Session,
    desk: Desk,
    *,
    program: Program,
    event: str,
    event_id: UUID,
    member: MemberRow,
    book: Book,
    client_id: str,
    now: datetime,
) -> list[dict[str, Any]]:
    """Grant what hangs on an event, by the rules that were in force then and still are; as it is kept with the event.

    The caller holds the member and writes ``book``. Each is ``{rule, gift_id, kind, expires_at}``, or of one that was
    refused ``{rule, refused, numbers}``.
    """
    in_force = desk.programs.at(driver(session), now)
    if in_force is None:
        return []
    told = []
    known = {rule.rule_id for rule in _of(program, event)}
    for n, rule in enumerate([rule for rule in _of(in_force, event) if rule.rule_id in known]):
        because = Because("event", event_id, event_id.hex, None, client_id, {})
        granted = give(
            session, desk, program=in_force, rule=rule, member=member, book=book,
            gift_id=ids.nth(event_id, _FIRST + n), because=because, now=now,
        )  # fmt: skip
        told.append(_kept(rule.rule_id, granted))
    return told


def _kept(rule_id: str, granted: Granted) -> dict[str, Any]:
    gift = granted.gift
    if gift is None:
        return {"rule": rule_id, "refused": granted.refused, "numbers": dict(granted.numbers or {})}
    return {
        "rule": rule_id,
        "gift_id": ids.show("gft", gift.gift_id),
        "kind": gift.kind,
        "expires_at": gift.expires_at,
    }

"""Corrections: one journal each, with a row that says who made it and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.adjustments import queries, rules
from loyalty_api.adjustments.queries import Adjustment
from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.ledger import service as ledger
from loyalty_api.ledger.rules import Balance, Lot, Movement, Posting
from loyalty_api.ledger.service import Book, Cause, lock_book
from loyalty_api.members import service as members
from loyalty_api.program.rules import Settings
from loyalty_api.program.rules_lots import terms_for
from loyalty_api.program.service import Programs
from loyalty_api.rows import write
from loyalty_api.rulekit.days import begins, local_day
from loyalty_api.vault import Vault, seal

# Ids that a correction makes are counted up from its own.
_JOURNAL, _LOT = 1, 2


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A correction, with the member's balance and version right after it."""

    adjustment: Adjustment
    balance: Balance
    version: int


def adjust(
    session: Session,
    programs: Programs[Any],
    *,
    vault: Vault,
    wanted: Adjustment,
    may_owe: bool,
    now: datetime,
) -> Adjusted:
    """Give or take points. Those that are given live by the program's terms, from now.

    :raises NotFound: there is no such member, or the program has not begun.
    :raises MemberClosed: the membership has ended.
    :raises AdjustmentsUsedUp: the client has made as many as it may in a day.
    :raises InsufficientPoints: fewer are there than are to be taken, and nothing may be owed.
    """
    connection = driver(session)
    member, book = lock_book(session, member_id=wanted.member_id, named=())
    if member.status in ("closed", "erased"):
        raise members.MemberClosed
    policy = _policy(connection, programs, now)
    _ensure_allowed(connection, policy, wanted.client_id, now)
    book.settle(first_id=wanted.adjustment_id, now=now)
    arriving = [_lot(wanted, policy, now)] if wanted.points > 0 else []
    _record(book, wanted, arriving, may_owe=may_owe, now=now)
    _write(connection, book, wanted, _sealed(session, vault, wanted), now)
    return Adjusted(wanted, book.balance, book.version_after)


def find(session: Session, *, member_id: UUID, adjustment_id: UUID) -> Adjustment | None:
    """A correction of a member's as it is kept, without its note; None when there is none."""
    return queries.find(driver(session), member_id, adjustment_id)


def _policy(connection: Connection[TupleRow], programs: Programs[Any], now: datetime) -> Settings:
    program = programs.at(connection, now)
    if program is None:
        raise NotFound("The program has not begun.")
    settings: Settings = program.settings
    return settings


def _ensure_allowed(
    connection: Connection[TupleRow], policy: Settings, client_id: str, now: datetime
) -> None:
    """Corrections are few; many are somebody's own account."""
    midnight = begins(local_day(now, policy.zone), policy.zone)
    most = policy.sections["adjustments"]["client_per_day"]
    if queries.made_by(connection, client_id, since=midnight) >= most:
        raise rules.AdjustmentsUsedUp(f"A client may make {most} corrections a day.")


def _lot(wanted: Adjustment, policy: Settings, now: datetime) -> Lot:
    times = terms_for(terms=policy.lots, at=now, zone=policy.zone)
    return Lot(
        ids.nth(wanted.adjustment_id, _LOT), "adjustment", wanted.adjustment_id, now, now, now, times.expires_at,
        wanted.points, sliding_months=times.sliding_months,
    )  # fmt: skip


def _record(book: Book, wanted: Adjustment, arriving: list[Lot], *, may_owe: bool, now: datetime) -> None:
    """One journal; what is given can be used at once, whatever new earnings wait for."""
    given = tuple(Posting("adjusted", "available", lot.points, lot.lot_id) for lot in arriving)
    postings = given or rules.taking(book.account, -wanted.points, may_owe=may_owe)
    cause = Cause("adjustment", wanted.adjustment_id, actor_kind=wanted.actor_kind, actor_id=wanted.client_id)
    book.record(
        Movement("adjust", now, postings),
        journal_id=ids.nth(wanted.adjustment_id, _JOURNAL),
        cause=cause,
        now=now,
        arriving=arriving,
    )


def _sealed(session: Session, vault: Vault, wanted: Adjustment) -> bytes | None:
    """The note, so that it cannot be read any more once the member is erased: people write names into notes."""
    key = vault.owner_key(session, wanted.member_id) if wanted.note else None
    return seal(key, wanted.note.encode(), wanted.adjustment_id.bytes) if key and wanted.note else None


def _write(
    connection: Connection[TupleRow], book: Book, wanted: Adjustment, note: bytes | None, now: datetime
) -> None:
    subject = ids.show("adj", wanted.adjustment_id)
    told = (wanted.member_id, "points_adjusted", subject, now, now, {"points": wanted.points}, False)
    write(
        connection,
        [
            *ledger.rows_of([book]),
            (members.VERSIONS, [(book.member_id, book.version_after)]),
            (queries.ADJUSTMENTS, [wanted.row(sealed_note=note)]),
            (events.EVENTS, [told]),
        ],
    )

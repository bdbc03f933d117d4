"""Events that earn: who, by which rules of their own time, what they give, all of it stored at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, ClassVar
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.custom_events import queries
from loyalty_api.db import driver
from loyalty_api.errors import Action, Conflict, Forbidden, Invalid
from loyalty_api.facts import service as facts_service
from loyalty_api.giving import service as giving
from loyalty_api.ledger.service import Book, Cause, lock_book, write_book
from loyalty_api.purchases import rules as receipts
from loyalty_api.purchases.booking import book_points, member_row
from loyalty_api.purchases.counting import facts_with_tier
from loyalty_api.purchases.desk import Desk, Who
from loyalty_api.rating import rules_events
from loyalty_api.rating.rules import advance
from loyalty_api.rating.rules_program import Program
from loyalty_api.rows import write
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.stored import decision_to_json, facts_to_json
from loyalty_api.tiers import service as tiers
from loyalty_api.tiers.rules import Amounts
from loyalty_api.vault import Vault

Row = dict[str, Any]


class EventUnknown(Invalid):
    """No rule of the program that was in force when it happened speaks of this event."""

    code, title = "event_unknown", "No rule knows this event"


class EventNotYours(Forbidden):
    """The rules about this event do not believe clients of the caller's kind."""

    code, title = "event_not_yours", "This client may not report this event"


class EventMismatch(Conflict):
    """The client reported something else under this reference."""

    code, title = "event_reference_used", "Another event was reported under this reference"
    action: ClassVar[Action] = "call_support"


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it was reported: what, of whom, when, and under which reference of the client's, if any."""

    event: str
    event_id: UUID
    member_id: UUID
    occurred_at: datetime
    reference: str | None

    def mark(self, vault: Vault) -> bytes:
        """A keyed hash of what is said, to tell a copy from another event under the same reference."""
        said = [self.event, str(self.member_id), self.occurred_at.astimezone(UTC)]
        return vault.blind("event", sha256(orjson.dumps(said)).hexdigest())


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of an event: its row, and whether it was there before."""

    row: Row
    replayed: bool = False


def report(session: Session, desk: Desk, *, told: Told, who: Who, now: datetime) -> Recorded:
    """Record an event and what it earns, or give the first answer again.

    :raises NotFound: there is no such member.
    :raises EventUnknown: no rule in force at its time speaks of it.
    :raises EventNotYours: those that do, do not believe this kind of client.
    :raises EventMismatch: the client reported something else under the reference.
    """
    connection = driver(session)
    program = _rules_for(desk, session, told, who, now)
    # References are taken before members, and members before limits, so that nobody waits in a circle.
    before = _earlier(session, desk, told, who)
    if before is not None:
        return Recorded(before, replayed=True)
    locked, book = lock_book(session, member_id=told.member_id)
    book.settle(first_id=told.event_id, now=now)
    tier = tiers.open_now(connection, desk.programs, member_id=told.member_id, now=now)
    late_days = program.settings.late_days
    at = receipts.timing(told.occurred_at, now=now, late_days=late_days).rated_at
    known = facts_with_tier(
        connection,
        member_row(locked),
        tier,
        program=program,
        at=at,
        vault=desk.vault,
        asks=program.events.asks,
    )
    known, decision = _decide(session, program, known, told=told, who=who, at=at, now=now)
    row = _row(told, who, program, known, decision, now)
    if decision.points():
        _book(book, decision, told, who, now)
    by = tiers.By(who.kind, who.client_id, told.event_id, cause_type="event")
    counts = _count(row, tier, book, decision, program, by)
    if at is not None and who.kind in giving.EVENT_REPORTERS and giving.knows(program, told.event):
        row["outcome"]["gifts"] = giving.for_event(
            session, desk, program=program, event=told.event, event_id=told.event_id, member=locked, book=book,
            client_id=who.client_id, now=now,
        )  # fmt: skip
    row["outcome"]["balance"] = _balance(book)
    if tier is not None:
        tiers.write_book(connection, tier)
    write(connection, [(queries.EVENTS, [row]), *tiers.counted_rows(counts, now=now)])
    write_book(connection, book)
    events.record(
        session, member_id=told.member_id, kind="event_recorded", subject=ids.show("evn", told.event_id),
        occurred_at=row["occurred_at"], now=now, body={"points": row["points"]},
    )  # fmt: skip
    return Recorded(row)


def find(session: Session, *, member_id: UUID, event_id: UUID) -> Row | None:
    """An event of a member's as it was recorded; None when there is none."""
    return queries.find(driver(session), member_id, event_id)


def _rules_for(desk: Desk, session: Session, told: Told, who: Who, now: datetime) -> Program:
    """The version in force when it happened, which must know the event."""
    program = desk.programs.at(driver(session), min(told.occurred_at, now))
    gives = giving.knows(program, told.event)
    if program is None or not (gives or program.events.known(told.event)):
        raise EventUnknown(f"No rule that was in force then speaks of {told.event}.")
    if not (gives and who.kind in giving.EVENT_REPORTERS) and not program.events.of(told.event, who.kind):
        raise EventNotYours
    return program


def _earlier(session: Session, desk: Desk, told: Told, who: Who) -> Row | None:
    """The event that the client reported under this reference before; None when it is new."""
    if told.reference is None:
        return None
    connection, mark = driver(session), told.mark(desk.vault)
    if queries.take(
        connection, client_id=who.client_id, reference=told.reference, member_id=told.member_id,
        event_id=told.event_id, mark=mark,
    ):  # fmt: skip
        return None
    found = queries.known(connection, client_id=who.client_id, reference=told.reference)
    if found is None or found[0] != mark:
        raise EventMismatch
    return found[1]


def _decide(
    session: Session,
    program: Program,
    facts: Facts,
    *,
    told: Told,
    who: Who,
    at: datetime | None,
    now: datetime,
) -> tuple[Facts, Decision]:
    """Rate the event and let what it claims stand; the caller holds the member. It ends when a budget is empty."""
    connection, asked = driver(session), {"event": told.event, "reporter": who.kind}
    needs = rules_events.needs(program, at=at or now, **asked)
    budgets = rules_events.budgets(program, **asked)
    counted = facts_service.open_for(session, member_id=told.member_id, needs=needs, now=now)
    while True:
        known = counted.facts(facts, member_id=told.member_id, needs=needs, budgets=budgets, past={})
        decision = rules_events.evaluate_event(told.event, known, program, at, reporter=who.kind, told_at=now)
        if counted.take(connection, decision.claims, budgets, now=now):
            break
    after = advance(known, rules_events.nothing_bought(program), decision)
    counted.count(told.member_id, decision.claims, after, budgets)
    write(connection, counted.rows())
    return known, decision


def _row(told: Told, who: Who, program: Program, facts: Facts, decision: Decision, now: datetime) -> Row:
    return {
        "member_id": told.member_id,
        "event_id": told.event_id,
        "event": told.event,
        "client_id": who.client_id,
        "actor_kind": who.kind,
        "reference": told.reference,
        "occurred_at": told.occurred_at.astimezone(UTC),
        "recorded_at": now,
        "program_version": program.version,
        "points": decision.points(),
        "facts": facts_to_json(facts),
        "decision": decision_to_json(decision),
        "outcome": {},
    }


def _book(book: Book, decision: Decision, told: Told, who: Who, now: datetime) -> None:
    cause = Cause("event", told.event_id, None, told.reference, None, who.kind, who.client_id)
    book_points(
        book, decision, first_id=told.event_id, occurred_at=min(told.occurred_at, now), cause=cause, now=now
    )
    book.settle(first_id=told.event_id, now=now)


def _count(
    row: Row,
    tier: tiers.TierBook | None,
    book: Book,
    decision: Decision,
    program: Program,
    by: tiers.By,
) -> list[tuple[UUID, tiers.Counted]]:
    """Points of events count towards levels as those of purchases do, on the day of the event.

    What is given back is to be written by ``tiers.counted_rows``: what counts where there are no levels yet.
    """
    points, before = decision.points(), tier.state.shown if tier else None
    day = tier.day_of(decision.at) if tier else local_day(decision.at, program.settings.zone)
    told = tiers.Counted(day, Amounts(points=points))
    if points:
        row["outcome"]["counted"] = told.stored()
    if tier is None:
        return [(row["member_id"], told)] if points else []
    if points:
        tier.add_progress(told, by=by)
    row["outcome"]["tier"] = tier.shown(before=before)
    book.touched = book.touched or tier.changed
    return []


def journal_of(row: Row) -> UUID:
    """The journal that holds what an event earned."""
    return ids.nth(row["event_id"], 1)


def _balance(book: Book) -> Mapping[str, int]:
    balance = book.balance
    return {
        "available": balance.available, "pending": balance.pending, "held": balance.held,
        "debt": balance.debt, "version": book.version_after,
    }  # fmt: skip

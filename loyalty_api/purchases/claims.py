"""Receipts that find their member later: enrolled after the sale (R24), or claimed by the customer (R25).

A claimed purchase is rated at its own time with the member's facts: points, and coupons for another time. It is copied
under the member with the same id; the walk-in copy is marked as moved and its locator follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.codes import plain_code
from loyalty_api.coupons.service import move_uses
from loyalty_api.db import driver
from loyalty_api.errors import Action, Conflict
from loyalty_api.ledger.service import Book, Cause, lock_book, write_book
from loyalty_api.members import service as members
from loyalty_api.purchases import queries, queries_claims, returned
from loyalty_api.purchases.booking import basket_document, line_rows, member_row, note_balance
from loyalty_api.purchases.counting import count_now
from loyalty_api.purchases.desk import Desk, Who
from loyalty_api.purchases.limiting import decide_later, give_back_returned
from loyalty_api.purchases.promising import Afterwards, given_since
from loyalty_api.purchases.queries import Blind, MemberRow
from loyalty_api.purchases.rated import Row
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.days import begins, local_day
from loyalty_api.rulekit.stored import decision_to_json, facts_to_json
from loyalty_api.rulekit.stored_baskets import basket_from_json
from loyalty_api.tiers import service as tiers

SYSTEM = Who("system", "system")
# The ids that an adoption makes are counted up from the purchase's, past those that its recording may have made.
_ADOPTION = 1 << 24


class AllowanceUsedUp(Conflict):
    """The client has keyed in as many claims as it may in a day (R25)."""

    code, title = "claim_allowance_used_up", "No more claims for today"
    action: ClassVar[Action] = "call_support"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a customer says of a receipt: its claim code, or enough of it that it cannot be guessed."""

    code: str | None = None
    store_id: str | None = None
    business_date: date | None = None
    reference: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a claim. ``state``: credited, already_claimed, waiting or refused; ``reason`` when refused;
    ``coupons`` for another time that the member has because of it, or would have had, as an answer says them."""

    claim_id: UUID
    state: str
    purchase_id: UUID | None = None
    points: int = 0
    reason: str | None = None
    until: datetime | None = None
    coupons: Sequence[Row] = ()


def attach(session: Session, desk: Desk, *, member_id: UUID, blind: Blind, now: datetime) -> int:
    """Give a member the receipts on which an identifier of its was scanned before it was enrolled (R24).

    Only those within the program's claim window, and only where the program says so. How many were attached.
    """
    connection = driver(session)
    member, book = _open(session, member_id)
    # A purchase on which it was scanned may be under way this moment, recorded as nobody's.
    queries_claims.meet(connection, blinds=[blind], alone=True)
    attached = 0
    for purchase_id, occurred_at in queries_claims.unattached(connection, blind):
        program = desk.programs.at(connection, min(occurred_at, now))
        if program is None or program.settings.unknown_identifier == "keep_anonymous":
            continue
        if _window_end(program, occurred_at) < now:
            continue
        row = _adopt(session, desk, purchase_id, member, book, who=SYSTEM, now=now)
        attached += row is not None
    queries_claims.forget_unattached(connection, blind)
    write_book(connection, book)
    return attached


def attach_to_owner(session: Session, desk: Desk, *, blind: Blind, now: datetime) -> int:
    """The same for an identifier that found its member while the purchase was being recorded."""
    member_id = queries_claims.owner_of(driver(session), blind)
    return attach(session, desk, member_id=member_id, blind=blind, now=now) if member_id else 0


def claim(
    session: Session, desk: Desk, *, claim_id: UUID, member_id: UUID, claim: Claim, who: Who, now: datetime
) -> Decided:
    """Give a member the purchase that a claim names, once, within the window (R25).

    A receipt that is not here yet is waited for. Whether a purchase exists is not told to who cannot name it in full.

    :raises NotFound: there is no such member.
    :raises AllowanceUsedUp: the client has keyed in as many as it may today.
    """
    connection = driver(session)
    if who.kind != "member":
        _ensure_allowed(connection, desk, who, now)
    member, book = _open(session, member_id)
    purchase_id = _named(connection, desk, claim)
    if purchase_id is None and claim.code is None:
        # It may be on its way this moment: look again when whoever records it is done.
        named = (claim.store_id, claim.business_date, claim.reference)
        queries_claims.meet(connection, receipts=[named], alone=True)
        purchase_id = _named(connection, desk, claim)
    decided = (
        _missing(connection, claim, claim_id, member_id)
        if purchase_id is None
        else _credit(session, desk, purchase_id, claim_id, member, book, who, now)
    )
    write_book(connection, book)
    # Open claims are counted on the member's first screen, so its version moves with them.
    members.touch(session, member_id=member_id, now=now)
    queries_claims.add_claim(
        connection,
        member_id=member_id, claim_id=claim_id, state=decided.state, store_id=claim.store_id,
        business_date=claim.business_date, reference=claim.reference, total=claim.total,
        purchase_id=decided.purchase_id, points=decided.points, actor=(who.kind, who.client_id), now=now,
        decided=decided.state != "waiting",
    )  # fmt: skip
    return decided


def keep_promises(session: Session, desk: Desk, *, purchase_id: UUID, now: datetime) -> None:
    """Credit a purchase without a member to whoever claimed it before it arrived."""
    connection = driver(session)
    row = queries.find(connection, purchase_id)
    if row is None:
        return
    # Members are locked in one order everywhere, so that nobody waits in a circle.
    for claim_id, member_id in sorted(
        queries_claims.awaiting(connection, row), key=lambda waiting: waiting[1]
    ):
        member, book = _open(session, member_id)
        decided = _credit(session, desk, purchase_id, claim_id, member, book, SYSTEM, now)
        write_book(connection, book)
        members.touch(session, member_id=member_id, now=now)
        queries_claims.decide_claim(
            connection, member_id, claim_id, decided.state, purchase_id, decided.points, now
        )


def _ensure_allowed(connection: Connection[TupleRow], desk: Desk, who: Who, now: datetime) -> None:
    """Claims at the counter are few; many are somebody's collection of other people's receipts."""
    program = desk.programs.at(connection, now)
    if program is None:
        return
    zone = program.settings.zone
    midnight = begins(local_day(now, zone), zone)
    most = program.settings.staff_claims_per_day
    if queries_claims.claims_by(connection, who.client_id, since=midnight) >= most:
        raise AllowanceUsedUp(f"A client may claim {most} receipts a day for members.")


def waiting(session: Session, *, member_id: UUID) -> int:
    """How many of a member's claims still wait for their receipt."""
    return queries_claims.open_claims(driver(session), member_id)


def _named(connection: Connection[TupleRow], desk: Desk, claim: Claim) -> UUID | None:
    if claim.code is None:
        return queries_claims.receipt_named(
            connection, claim.store_id, claim.business_date, claim.reference, claim.total
        )
    code = plain_code(claim.code)
    return queries_claims.purchase_of_code(connection, desk.vault.blind("claim_code", code)) if code else None


def _missing(connection: Connection[TupleRow], claim: Claim, claim_id: UUID, member_id: UUID) -> Decided:
    if claim.code is not None:
        return Decided(claim_id, "refused", reason="claim_code_unknown")
    queries_claims.await_receipt(
        connection, claim.store_id, claim.business_date, claim.reference, claim_id, member_id
    )
    return Decided(claim_id, "waiting")


def _credit(
    session: Session,
    desk: Desk,
    purchase_id: UUID,
    claim_id: UUID,
    member: MemberRow,
    book: Book,
    who: Who,
    now: datetime,
) -> Decided:
    connection = driver(session)
    held = queries.find(connection, purchase_id)
    if held is None or held["match"] not in ("anonymous", "unknown_identifier"):
        return Decided(claim_id, "already_claimed", purchase_id=purchase_id)
    program = desk.programs.at(connection, rated_at(held))
    until = _window_end(program, rated_at(held)) if program else now
    if until < now:
        return Decided(claim_id, "refused", reason="claim_window_closed", until=until)
    row = _adopt(session, desk, purchase_id, member, book, who=who, now=now)
    if row is None:
        return Decided(claim_id, "already_claimed", purchase_id=purchase_id)
    credited = row["points_base"] + row["points_bonus"] - returned.taken_back(row)
    return Decided(claim_id, "credited", purchase_id, credited, coupons=given_since(held, row, desk.vault))


def rated_at(row: Mapping[str, Any]) -> datetime:
    """When a stored purchase is rated: at its own time, unless its till's clock was ahead."""
    return min(row["occurred_at"], row["recorded_at"])  # type: ignore[no-any-return]


def _window_end(program: Program, occurred_at: datetime) -> datetime:
    return occurred_at + timedelta(days=program.settings.claim_window_days)


def _open(session: Session, member_id: UUID) -> tuple[MemberRow, Book]:
    """The member, locked, with its book.

    :raises NotFound: there is no such member.
    """
    locked, book = lock_book(session, member_id=member_id)
    return member_row(locked), book


def _adopt(
    session: Session,
    desk: Desk,
    purchase_id: UUID,
    member: MemberRow,
    book: Book,
    *,
    who: Who,
    now: datetime,
) -> Row | None:
    """Copy a walk-in purchase under the member and book its points; None when someone else was first."""
    connection = driver(session)
    held = queries_claims.take_over(connection, purchase_id)
    if held is None:
        return None
    occurred_at = held["occurred_at"]
    lines = queries.lines_of(connection, held["member_id"], purchase_id)
    basket = basket_from_json(basket_document(held, lines))
    program = desk.programs.at(connection, rated_at(held))
    tier = tiers.open_now(connection, desk.programs, member_id=member.member_id, now=now)
    later = Afterwards(held, member, program, basket, now)
    facts, decision, _ = decide_later(
        session, basket, program, rated_at(held), member=member, tier=tier, purchase_id=purchase_id,
        vault=desk.vault, now=now, charge=later.charge,
    )  # fmt: skip
    row = {
        **held,
        "member_id": member.member_id,
        "status": returned.status_of(held),
        "match": "claimed",
        "points_base": decision.points(award="base") if decision else 0,
        "points_bonus": decision.points(award="bonus") if decision else 0,
        "program_version": program.version if program else None,
        "facts": facts_to_json(facts),
        "decision": None,
    }
    if decision:
        row["decision"] = decision_to_json(later.give(connection, desk.vault, decision, facts))
        book.touched = True
    book.settle(first_id=purchase_id, now=now)
    cause = Cause("purchase", purchase_id, held["store_id"], held["reference"], None, who.kind, who.client_id)
    first_id = ids.nth(purchase_id, _ADOPTION)
    returned.book_late(connection, book, row, decision, first_id=first_id, cause=cause, now=now)
    count_now(connection, row, tier, book, decision, basket, program=program, who=who, now=now)
    give_back_returned(session, row, decision)
    note_balance(row, book, program)
    if row["outcome"].get("coupons"):
        move_uses(connection, purchase_id, from_member=held["member_id"], to_member=member.member_id)
    queries.PURCHASES.insert(connection, [row])
    queries.LINES.insert(connection, line_rows(row, basket, lines, decision))
    queries.LOCATORS.insert(connection, [(purchase_id, member.member_id)])
    points = {"points": row["points_base"] + row["points_bonus"]}
    subject = ids.show("pur", purchase_id)
    happened = (member.member_id, "purchase_claimed", subject, occurred_at, now, points, False)
    events.EVENTS.insert(connection, [happened])
    if tier:
        tiers.write_book(connection, tier)
    return row

"""Recording receipts: who, by which rules, what it earns, all of it stored at once.

One path serves a single purchase and a batch of five hundred: open (one round trip), rate each receipt with the pure
function, write (one round trip). The caller commits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events
from loyalty_api.coupons.service import Issue, open_coupons, rows_of
from loyalty_api.db import driver, send_with_commit
from loyalty_api.errors import Invalid, LoyaltyError, Unavailable
from loyalty_api.ledger.service import Book, Cause, open_books
from loyalty_api.ledger.service import rows_of as rows_of_books
from loyalty_api.members.service import VERSIONS, walk_in_account
from loyalty_api.purchases import couponing, gifting, queries, queries_receipts, rules
from loyalty_api.purchases import queries_reservations as reservations
from loyalty_api.purchases.booking import activity_expiry, book_points, note_balance
from loyalty_api.purchases.copies import Outcome, copied, first_of_each, known
from loyalty_api.purchases.counting import Visits, count, facts_with_tier, levels_too, parted
from loyalty_api.purchases.desk import Desk, Reported, Who, asked_of, program_of
from loyalty_api.purchases.drawing import Drawing, open_drawing
from loyalty_api.purchases.exhausting import used_up_rows
from loyalty_api.purchases.honouring import as_charged
from loyalty_api.purchases.limiting import decide, exhausted, open_counted, reading
from loyalty_api.purchases.newcomers import enrol_unknown
from loyalty_api.purchases.noting import note
from loyalty_api.purchases.paying import Paid, pay, unpaid
from loyalty_api.purchases.queries import MemberRow, Opened
from loyalty_api.purchases.queries_reservations import Reservation, held_in, use_reserved
from loyalty_api.purchases.rated import Rated, Row, Written, purchase_row
from loyalty_api.purchases.remembering import Recorded
from loyalty_api.purchases.rules_paying import points_payments
from loyalty_api.purchases.telling import look_again
from loyalty_api.rating.rules_program import Program
from loyalty_api.rows import statements
from loyalty_api.stores.rules import Store
from loyalty_api.stores.service import StoreUnknown
from loyalty_api.tiers import service as tiers
from loyalty_api.wire import Statement, round_trip

# So many purchases are written at once while others are still being rated.
_SLICE = 100


class CurrencyMismatch(Invalid):
    """One installation has one currency (R60)."""

    code, title = "currency_mismatch", "The program has another currency"


class MemberMismatch(Invalid):
    """``identifier`` and ``member_id`` name two members; a purchase has one (R26)."""

    code, title = "identifier_mismatch", "The identifier and the member_id name two members"


def record(
    session: Session,
    desk: Desk,
    reported: Sequence[Reported],
    *,
    who: Who,
    now: datetime,
    aside: Executor | None = None,
) -> list[Outcome]:
    """Record receipts; each has its own outcome and one that is refused does not touch the others.

    With ``aside``, a thread of it writes what is rated while the rest is being rated.

    :raises Unavailable: a member was re-identified while we waited; nothing is written, send it again.
    """
    connection = driver(session)
    first, copies = first_of_each(reported)
    through = tiers.timeline(desk.programs, connection, now)
    programs = {r.purchase_id: program_of(connection, desk, r, now) for r in first}
    asked = asked_of(first, programs, now)
    drawing = open_drawing(connection, desk.draws, [(program, at) for program, at, _ in asked], now=now)
    held = reservations.of_quotes([r.held for r in first if r.held], now)
    also = [*held, *reading(asked, now), *levels_too(through), *drawing.also]
    opened = queries.open_receipts(
        connection,
        receipts=[(r.key, r.purchase_id, r.mark) for r in first],
        blinds=[r.blind for r in first if r.blind],
        member_ids=[r.member_id for r in first if r.member_id],
        also=also,
    )
    opened = enrol_unknown(session, desk, first, opened, who=who, now=now, also=also)
    fresh = [r for r in first if r.purchase_id in opened.taken]
    earlier = [r for r in first if r.purchase_id not in opened.taken]
    before = queries_receipts.known_receipts(connection, [r.key for r in earlier])
    outcomes = {r.purchase_id: known(r, before.get(r.key)) for r in earlier}
    reserved = reservations.read(opened.also[0]) if held else {}
    opened = replace(opened, also=opened.also[1:]) if held else opened
    batch = _Batch(connection, desk, opened, fresh, programs, who, now, through, drawing, reserved)
    outcomes |= batch.record_all(fresh, aside)
    for store_id in sorted({row["store_id"] for row in batch.anonymous}):
        walk_in_account(session, store_id=store_id, now=now)
    if batch.awaited:
        session.info["reaction_due"] = True
    if batch.refused or batch.anonymous:
        round_trip(connection, batch.statements())
        queries_receipts.give_up(connection, batch.refused)
        look_again(session, batch.anonymous, {r.purchase_id: r.blind for r in first}, now)
    else:
        send_with_commit(session, batch.statements())
    by_key = {r.key: r for r in first}
    for copy in copies:
        original = by_key[copy.key]
        outcomes[copy.purchase_id] = copied(original, copy, outcomes[original.purchase_id])
    return [outcomes[r.purchase_id] for r in reported]


class _Batch:
    """The receipts of one transaction while they are rated, in the order they came."""

    def __init__(
        self,
        connection: Connection[TupleRow],
        desk: Desk,
        opened: Opened,
        reported: Sequence[Reported],
        programs: Mapping[UUID, Program | None],
        who: Who,
        now: datetime,
        through: tiers.Timeline,
        drawing: Drawing,
        reserved: Mapping[bytes, Reservation],
    ) -> None:
        self.connection, self.desk, self.opened, self.who, self.now = connection, desk, opened, who, now
        self.programs = programs
        skus = {line["sku"] for report in reported for line in report.body["lines"] if "sku" in line}
        self.products = desk.catalogue.resolve(connection, skus, version=opened.masters.get("products", 0))
        self.stores = desk.directory.known(connection, version=opened.masters.get("stores", 0))
        self.books = open_books(
            connection,
            versions={m.member_id: m.version for m in opened.members.values()},
            balances=opened.balances,
        )
        shown = [scanned for report in reported for scanned in report.body.get("coupons") or ()]
        self.reserved, self.drawing = reserved, drawing
        self.coupons = open_coupons(connection, desk.vault, shown, lock=True, now=now, own=held_in(reserved))
        counting, levels = parted(drawing.opened(opened.also), through)
        asked = asked_of(reported, programs, now) if len(reported) > 1 or reserved else []
        # Before the limits, which are the last that anybody locks.
        self.rewards = gifting.open_rewards(connection, programs.values(), hold=bool(asked), now=now)
        self.counted = open_counted(connection, counting, asked, reserved=[*reserved.values()], now=now)
        self.recorded: dict[UUID | None, list[Recorded]] = defaultdict(list)
        self.seen: dict[UUID | None, Visits] = defaultdict(list)
        self.counts: list[tuple[UUID, tiers.Counted]] = []
        members = opened.members if through else {}
        self.tiers = tiers.open_books(levels, members=members, through=through, now=now)
        self.written = Written()
        self.refused: list[rules.ReceiptKey] = []
        self.anonymous: list[Row] = []
        self.issued: list[Issue] = []
        self.awaited = False

    def record_all(self, reported: Sequence[Reported], aside: Executor | None) -> dict[UUID, Outcome]:
        """Rate receipts in their order; with ``aside`` PostgreSQL writes the first ones meanwhile."""
        outcomes = {}
        written: list[Future[Any]] = []
        try:
            for report in reported:
                outcomes[report.purchase_id] = self._outcome(report)
                if aside is not None and len(self.written.purchases) >= _SLICE:
                    written.append(aside.submit(round_trip, self.connection, statements(self.written.rows())))
                    self.written = Written()
        finally:
            wait(written)
        for one in written:
            one.result()
        return outcomes

    def _outcome(self, report: Reported) -> Outcome:
        """Rate one receipt and note what it writes."""
        try:
            return Outcome(row=self._record(report))
        except LoyaltyError as error:
            if error.status >= 500:
                raise
            self.refused.append(report.key)
            return Outcome(error=error)

    def _record(self, report: Reported) -> Row:
        store = self.stores.get(report.body["store"])
        if store is None:
            raise StoreUnknown(f"We do not know the store {report.body['store']}.")
        member, person_id = self._member(report)
        rated = self._rate(report, member, store)
        book = self.books[member.member_id] if member else None
        paid = self._book(report, rated, book, person_id) if book else Paid(discrepancies=unpaid(report.body))
        rated.discrepancies.extend(paid.discrepancies)
        member_id = member.member_id if member else None
        row = purchase_row(report, rated, member_id, person_id=person_id, who=self.who, now=self.now)
        if paid.redemptions:
            row["outcome"]["redemptions"] = paid.redemptions
        if book:
            tier = self.tiers.get(book.member_id)
            self.counts += count(
                self.connection, row, tier, book, rated.decision, rated.basket, program=rated.program,
                by=(self.who.kind, self.who.client_id), seen=self.seen[book.member_id],
            )  # fmt: skip
            gifting.bring(self.written, row, rated, book, self.rewards, now=self.now)
            note_balance(row, book, rated.program)
        self._note(report, row, rated, member)
        return row

    def _member(self, report: Reported) -> tuple[MemberRow | None, UUID | None]:
        scanned = self.opened.identified.get(report.blind) if report.blind else None
        if scanned and report.member_id and scanned[0] != report.member_id:
            raise MemberMismatch
        member_id = scanned[0] if scanned else report.member_id
        if member_id is None:
            return None, None
        member = self.opened.members.get(member_id)
        if member is None:
            if scanned is None:
                raise MemberMismatch("There is no member with this member_id.")
            raise Unavailable("The identifier changed hands just now.", retry_after=1)
        return member, scanned[1] if scanned else None

    def _rate(self, report: Reported, member: MemberRow | None, store: Store) -> Rated:
        body = report.body
        basket = rules.basket_of(body, self.products, time_zone=store.time_zone)
        occurred_at = body["occurred_at"]
        program = self.programs[report.purchase_id]
        if program and program.settings.currency != body["currency"]:
            raise CurrencyMismatch(f"Its currency is {program.settings.currency}.")
        timed = rules.timing(
            occurred_at, now=self.now, late_days=program.settings.late_days if program else None
        )
        tier = self.tiers.get(member.member_id) if member else None
        vault = self.desk.vault
        of_member = partial(facts_with_tier, self.connection, member, tier, program=program, vault=vault)
        at = timed.rated_at or min(occurred_at, self.now)
        known = partial(of_member, at=at, asks=couponing.EVERYTHING)
        shown = couponing.present(self.coupons, body, member=member, at=at, known=known)
        basket, facts = couponing.shown_in(shown, basket, of_member(at=timed.rated_at))
        facts = gifting.facts_of_goods(
            self.connection, self.desk.catalogue, facts, program,
            version=self.opened.masters.get("products", 0),
        )  # fmt: skip
        paid = sum([line.paid for line in basket.lines])
        decision, odd = None, list[rules.Discrepancy]()
        if program and timed.rated_at is not None:
            member_id = member.member_id if member else None
            chances, covers = self.drawing.chances(member, program, timed.rated_at), None
            if self.rewards:
                rewarding = gifting.Rewarding(self.rewards, program.gifts, body["store"], chances)
                chances, covers = rewarding.facts, rewarding.covers
            facts, decision, odd = decide(
                self.connection, self.counted, basket, facts, program, timed.rated_at, tier=tier,
                member_id=member_id, purchase_id=report.purchase_id, recorded=self.recorded[member_id],
                seen=self.seen[member_id], chances=chances, covers=covers, now=self.now,
                charge=partial(as_charged, report, basket, program=program, member_id=member_id),
            )  # fmt: skip
        used = couponing.worked(self.coupons, shown, body, basket, facts, program, decision)
        unknown = body["identifier"] is not None and member is None
        discrepancies = [
            *timed.discrepancies,
            *rules.sums(body, paid),
            *rules.goods_back(basket.lines),
            *rules.refusals(status=member.status if member else None, unknown_identifier=unknown),
            *exhausted(decision),
            *odd,
            *shown.discrepancies,
        ]
        return Rated(basket, facts, program, decision, paid, discrepancies, shown, used)

    def _book(self, report: Reported, rated: Rated, book: Book, person_id: UUID | None) -> Paid:
        """Book what was due before, what this receipt earns, what of that is due already, and what points paid."""
        body, now = report.body, self.now
        book.settle(first_id=report.purchase_id, now=now)
        if rated.program:
            book.keep_alive(expiry=activity_expiry(min(body["occurred_at"], now), rated.program), now=now)
        cause = Cause(
            "purchase", report.purchase_id, body["store"], body["reference"], person_id,
            self.who.kind, self.who.client_id,
        )  # fmt: skip
        if rated.points:
            book_points(
                book, rated.decision, first_id=report.purchase_id, occurred_at=body["occurred_at"],
                cause=cause, now=self.now,
            )  # fmt: skip
            book.settle(first_id=report.purchase_id, now=self.now)
        if not points_payments(body):
            return Paid()
        return pay(
            self.connection, book, body, basket=rated.basket, program=rated.program,
            purchase_id=report.purchase_id, cause=cause, now=self.now,
        )  # fmt: skip

    def _note(self, report: Reported, row: Row, rated: Rated, member: MemberRow | None) -> None:
        awaited = row["purchase_id"] in self.opened.awaited
        self.written.events += used_up_rows(self.connection, self.counted, row)
        reserved = self.reserved.get(report.held) if report.held else None
        if reserved:
            use_reserved(self.connection, reserved, row)
        couponing.use(self.coupons, rated, row, self.written, to_member=member is not None)
        self.drawing.drawn(row["member_id"], row["purchase_id"], rated, now=self.now)
        self.issued += couponing.give(row, rated, member)
        note(self.written, report, row, rated, awaited=awaited, vault=self.desk.vault)
        self.awaited = self.awaited or awaited
        if member is None:
            self.anonymous.append(row)
        else:
            self.recorded[member.member_id].append((row["occurred_at"], row["purchase_id"], rated.basket))

    def statements(self) -> list[Statement]:
        """The statement that writes everything that was noted and is not written yet."""
        books = [book for book in self.books.values() if book.changed]
        versions = [(book.member_id, book.version_after) for book in books]
        booked = [row for book in books for row in book.events]
        booked += tiers.events_of(self.tiers.values())
        stood = tiers.rows_of(self.tiers.values())
        return statements(
            [
                *self.written.rows(),
                *rows_of_books(books),
                *stood,
                *tiers.counted_rows(self.counts, now=self.now),
                *self.counted.rows(),
                *(self.rewards.rows() if self.rewards else ()),
                *self.coupons.rows(),
                *self.drawing.rows(),
                *rows_of(self.issued, vault=self.desk.vault, now=self.now),
                (VERSIONS, versions),
                (events.EVENTS, booked),
            ]
        )

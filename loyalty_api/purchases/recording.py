"""Recording receipts: who, by which rules, what it earns, all of it stored at once.

One path serves a single purchase and a batch of five hundred: open (one round trip), rate each receipt with the pure
function, write (one round trip). The caller commits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.codes import claim_code
from loyalty_api.db import driver, send_with_commit
from loyalty_api.errors import Conflict, Invalid, LoyaltyError, Unavailable
from loyalty_api.ledger.rules import Lot, Movement, Posting
from loyalty_api.ledger.service import Book, Cause, open_books, rows_of
from loyalty_api.members.rules import walk_in_id
from loyalty_api.members.service import VERSIONS, walk_in_account
from loyalty_api.program.rules_lots import LotTerms, terms_for
from loyalty_api.purchases import queries, rules
from loyalty_api.purchases.desk import Desk, Reported, Who
from loyalty_api.purchases.newcomers import enrol_unknown
from loyalty_api.purchases.queries import Blind, MemberRow, Opened
from loyalty_api.rating.rules import Program, evaluate
from loyalty_api.rows import write
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision, Effect
from loyalty_api.rulekit.facts import NOBODY, Facts, Member
from loyalty_api.rulekit.stored import decision_to_json, facts_to_json
from loyalty_api.stores.rules import Store
from loyalty_api.stores.service import StoreUnknown
from loyalty_api.vault import Vault

Row = dict[str, Any]
# Everything a purchase makes has an id counted up from its own.
_JOURNAL, _FIRST_LOT = 1, 2


class ReceiptMismatch(Conflict):
    """The same receipt came before with another content (R4)."""

    code, title, action = "receipt_mismatch", "This receipt was recorded with another content", "call_support"


class CurrencyMismatch(Invalid):
    """One installation has one currency (R60)."""

    code, title = "currency_mismatch", "The program has another currency"


class MemberMismatch(Invalid):
    """``identifier`` and ``member_id`` name two members; a purchase has one (R26)."""

    code, title = "identifier_mismatch", "The identifier and the member_id name two members"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one receipt: the purchase's row (``replayed``: it was there before), or why it is refused."""

    row: Row | None = None
    replayed: bool = False
    error: LoyaltyError | None = None


@dataclass(slots=True)
class Written:
    """The rows that a batch of receipts comes to, gathered for one round trip."""

    purchases: list[Sequence[Any]] = field(default_factory=list)
    lines: list[Sequence[Any]] = field(default_factory=list)
    locators: list[Sequence[Any]] = field(default_factory=list)
    events: list[Sequence[Any]] = field(default_factory=list)
    unattached: list[Sequence[Any]] = field(default_factory=list)
    claim_codes: list[Sequence[Any]] = field(default_factory=list)


def mark_of(vault: Vault, body: Mapping[str, Any]) -> bytes:
    """A keyed hash of a receipt's content, to tell a copy from another receipt under the same number."""
    return vault.blind("receipt", sha256(rules.content(body)).hexdigest())


def record(
    session: Session, desk: Desk, reported: Sequence[Reported], *, who: Who, now: datetime
) -> list[Outcome]:
    """Record receipts; each has its own outcome and one that is refused does not touch the others.

    :raises Unavailable: a member was re-identified while we waited; nothing is written, send it again.
    """
    connection = driver(session)
    first, copies = _first_of_each(reported)
    opened = queries.open_receipts(
        connection,
        receipts=[(r.key, r.purchase_id, r.mark) for r in first],
        blinds=[r.blind for r in first if r.blind],
        member_ids=[r.member_id for r in first if r.member_id],
    )
    opened = enrol_unknown(session, desk, first, opened, who=who, now=now)
    batch = _Batch(connection, desk, opened, who, now)
    outcomes = {r.purchase_id: batch.record(r) for r in first}
    for store_id in sorted({row["store_id"] for row in batch.anonymous}):
        walk_in_account(session, store_id=store_id, now=now)
    if batch.refused or batch.anonymous:
        batch.write(connection)
        queries.give_up(connection, batch.refused)
        _look_again(session, batch.anonymous, {r.purchase_id: r.blind for r in first}, now)
    else:
        send_with_commit(session, batch.write)
    by_key = {r.key: r for r in first}
    for copy in copies:
        original = by_key[copy.key]
        outcomes[copy.purchase_id] = _copied(original, copy, outcomes[original.purchase_id])
    return [outcomes[r.purchase_id] for r in reported]


def _copied(original: Reported, copy: Reported, outcome: Outcome) -> Outcome:
    """The outcome of a receipt that stood in the same batch before, under the same number."""
    if outcome.row is None:
        return outcome
    if copy.mark != original.mark:
        return Outcome(error=ReceiptMismatch("Another sale was recorded under this receipt's number."))
    return Outcome(row=outcome.row, replayed=True)


def _look_again(
    session: Session, rows: Sequence[Row], scanned: Mapping[UUID, Blind | None], now: datetime
) -> None:
    """See whether someone has claimed one of these receipts before it arrived (M9), or enrolled its identifier.

    They are told of it once this is committed. Who comes later finds the receipts by themselves.
    """
    if not rows:
        return
    blinds = {blind for row in rows if (blind := scanned[row["purchase_id"]])}
    claimed, enrolled = queries.looked_for(driver(session), rows, sorted(blinds))
    for row in rows:
        blind = scanned[row["purchase_id"]]
        if row["purchase_id"] in claimed:
            _tell(session, row, "awaited_receipt_arrived", {}, now)
        if blind in enrolled:
            kind, mark = blind
            _tell(session, row, "scanned_identifier_enrolled", {"kind": kind, "_blind": mark.hex()}, now)


def _tell(session: Session, row: Row, kind: str, body: Mapping[str, Any], now: datetime) -> None:
    events.record(
        session, member_id=row["member_id"], kind=kind, subject=ids.show("pur", row["purchase_id"]),
        occurred_at=row["occurred_at"], now=now, body=body, reaction_due=True,
    )  # fmt: skip


def _first_of_each(reported: Sequence[Reported]) -> tuple[list[Reported], list[Reported]]:
    """Receipts apart from the copies of them within the same batch."""
    seen: dict[rules.ReceiptKey, Reported] = {}
    copies = [r for r in reported if seen.setdefault(r.key, r) is not r]
    return list(seen.values()), copies


def _known(connection: Connection[TupleRow], report: Reported) -> Outcome:
    """The first answer for a receipt that was recorded before, or the refusal of another one under its number."""
    found = queries.known_receipt(connection, report.key)
    if found is None:
        return Outcome(error=Unavailable("The first copy of this receipt was refused just now."))
    purchase_id, mark = found
    row = queries.find(connection, purchase_id) if mark == report.mark else None
    if row is None:
        return Outcome(error=ReceiptMismatch("Another sale was recorded under this receipt's number."))
    return Outcome(row=row, replayed=True)


class _Batch:
    """The receipts of one transaction while they are rated, in the order they came."""

    def __init__(
        self, connection: Connection[TupleRow], desk: Desk, opened: Opened, who: Who, now: datetime
    ) -> None:
        self.connection, self.desk, self.opened, self.who, self.now = connection, desk, opened, who, now
        self.stores = desk.directory.known(connection, version=opened.masters.get("stores", 0))
        self.books = open_books(
            connection,
            versions={m.member_id: m.version for m in opened.members.values()},
            balances=opened.balances,
        )
        self.written = Written()
        self.refused: list[rules.ReceiptKey] = []
        self.anonymous: list[Row] = []

    def record(self, report: Reported) -> Outcome:
        """Rate one receipt and note what it writes."""
        if report.purchase_id not in self.opened.taken:
            return _known(self.connection, report)
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
        if book:
            self._book(report, rated, book, person_id)
        row = self._row(report, rated, member, person_id)
        if book:
            note_balance(row, book)
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
        basket = self._basket(body, store)
        occurred_at = body["occurred_at"]
        program = self._program(report, min(occurred_at, self.now))
        if program and program.settings.currency != body["currency"]:
            raise CurrencyMismatch(f"Its currency is {program.settings.currency}.")
        timed = rules.timing(
            occurred_at, now=self.now, late_days=program.settings.late_days if program else None
        )
        facts = facts_of(member)
        paid = sum([line.paid for line in basket.lines])
        decision = (
            evaluate(basket, facts, program, timed.rated_at)
            if program and timed.rated_at is not None
            else None
        )
        unknown = body["identifier"] is not None and member is None
        discrepancies = [
            *timed.discrepancies,
            *rules.sums(body, paid),
            *rules.goods_back(basket.lines),
            *rules.refusals(status=member.status if member else None, unknown_identifier=unknown),
        ]
        return Rated(basket, facts, program, decision, paid, discrepancies)

    def _basket(self, body: Mapping[str, Any], store: Store) -> Basket:
        skus = [line["sku"] for line in body["lines"] if "sku" in line]
        products = self.desk.catalogue.resolve(
            self.connection, skus, version=self.opened.masters.get("products", 0)
        )
        return rules.basket_of(body, products, time_zone=store.time_zone)

    def _program(self, report: Reported, at: datetime) -> Program | None:
        programs = self.desk.programs
        if report.quote and report.quote.honoured_until >= at:
            return programs.numbered(self.connection, report.quote.version)
        return programs.at(self.connection, at)

    def _book(self, report: Reported, rated: Rated, book: Book, person_id: UUID | None) -> None:
        """Book what was due before, what this receipt earns, and what of that is due already when it came late."""
        book.settle(first_id=report.purchase_id, now=self.now)
        body = report.body
        if rated.program:
            book.keep_alive(expiry=_activity_expiry(min(body["occurred_at"], self.now), rated.program))
        if not rated.points:
            return
        cause = Cause(
            "purchase", report.purchase_id, body["store"], body["reference"], person_id,
            self.who.kind, self.who.client_id,
        )  # fmt: skip
        book_points(
            book, rated.decision, first_id=report.purchase_id, occurred_at=body["occurred_at"],
            cause=cause, now=self.now,
        )  # fmt: skip
        book.settle(first_id=report.purchase_id, now=self.now)

    def _row(self, report: Reported, rated: Rated, member: MemberRow | None, person_id: UUID | None) -> Row:
        body = report.body
        decision = rated.decision
        return {
            "member_id": member.member_id if member else walk_in_id(body["store"]),
            "purchase_id": report.purchase_id,
            "store_id": body["store"],
            "terminal": body["terminal"],
            "business_date": body["business_date"],
            "reference": body["reference"],
            "kind": body["kind"],
            "channel": body["channel"],
            "status": "recorded",
            "match": "identified" if member else "unknown_identifier" if body["identifier"] else "anonymous",
            "occurred_at": body["occurred_at"].astimezone(UTC),
            "utc_offset": _offset_minutes(body["occurred_at"]),
            "recorded_at": self.now,
            "currency": body["currency"],
            "total": body["total"],
            "paid": rated.paid,
            "line_count": len(body["lines"]),
            "client_id": self.who.client_id,
            "cashier": body["cashier"],
            "person_id": person_id,
            "program_version": rated.program.version if rated.program else None,
            "points_base": decision.points(award="base") if decision else 0,
            "points_bonus": decision.points(award="bonus") if decision else 0,
            "receipt": _kept(body),
            "facts": facts_to_json(rated.facts),
            "decision": decision_to_json(decision) if decision else None,
            "outcome": {
                "discrepancies": rated.discrepancies,
                "quoted": report.quote.points if report.quote else None,
            },
        }

    def _note(self, report: Reported, row: Row, rated: Rated, member: MemberRow | None) -> None:
        written = self.written
        written.purchases.append(tuple(row.values()))
        written.lines.extend(line_rows(row, rated.basket, report.body["lines"], rated.decision))
        written.locators.append((row["purchase_id"], row["member_id"]))
        if member is not None:
            written.events.append(
                (row["member_id"], "purchase_recorded", ids.show("pur", row["purchase_id"]),
                 row["occurred_at"], self.now, {"points": row["points_base"] + row["points_bonus"]}, False)
            )  # fmt: skip
            return
        self.anonymous.append(row)
        code = claim_code(self.desk.vault.blind("claim", row["purchase_id"].hex))
        written.claim_codes.append(
            ("\\x" + self.desk.vault.blind("claim_code", code).hex(), row["purchase_id"])
        )
        if report.blind:
            kind, blind = report.blind
            written.unattached.append((kind, "\\x" + blind.hex(), row["purchase_id"], row["occurred_at"]))

    def write(self, connection: Connection[TupleRow]) -> None:
        """Send everything that was noted, by one statement."""
        books = [book for book in self.books.values() if book.changed]
        written = self.written
        versions = [(book.member_id, book.version_after) for book in books]
        write(
            connection,
            [
                (queries.PURCHASES, written.purchases),
                (queries.LINES, written.lines),
                (queries.LOCATORS, written.locators),
                (queries.UNATTACHED, written.unattached),
                (queries.CLAIM_CODES, written.claim_codes),
                *rows_of(books),
                (VERSIONS, versions),
                (events.EVENTS, written.events),
            ],
        )


@dataclass(frozen=True, slots=True)
class Rated:
    """A basket with what was decided about it; no ``decision`` before the first program or when it came too late."""

    basket: Basket
    facts: Facts
    program: Program | None
    decision: Decision | None
    paid: int
    discrepancies: list[rules.Discrepancy]

    @property
    def points(self) -> int:
        """Points granted, by all rules together."""
        return self.decision.points() if self.decision else 0


def facts_of(member: MemberRow | None) -> Facts:
    """What the rules are told about the member."""
    return Facts(Member(member.status, None, member.is_staff, tuple(member.tags))) if member else NOBODY


def book_points(
    book: Book,
    decision: Decision | None,
    *,
    first_id: UUID,
    occurred_at: datetime,
    cause: Cause,
    now: datetime,
) -> None:
    """Book what the decision grants as one journal; effects with the same terms share a lot.

    The journal and its lots get ids counted up from ``first_id``; the lots come from the cause.
    """
    effects = [effect for effect in decision.effects if effect.granted > 0] if decision else []
    terms: dict[tuple[Any, ...], list[Effect]] = defaultdict(list)
    for effect in effects:
        terms[(effect.available_at, effect.expires_at, effect.sliding_months)].append(effect)
    lots, postings = [], []
    for n, ((available_at, expires_at, sliding), given) in enumerate(terms.items()):
        lot = Lot(
            ids.nth(first_id, _FIRST_LOT + n), cause.type, cause.id, occurred_at, now, available_at,
            expires_at, sum(effect.granted for effect in given), sliding_months=sliding,
            program_version=decision.version if decision else None,
        )  # fmt: skip
        account = "available" if available_at is not None and available_at <= now else "pending"
        lots.append(lot)
        postings += [_posting(effect, account, lot) for effect in given]
    book.record(
        Movement("earn", occurred_at, tuple(postings)),
        journal_id=ids.nth(first_id, _JOURNAL),
        cause=cause,
        now=now,
        arriving=lots,
    )


def _posting(effect: Effect, account: str, lot: Lot) -> Posting:
    rate = effect.rate
    basis = {
        "basis": effect.basis, "points": rate.points, "per": rate.per, "unit": rate.unit, "round": rate.round,
        "desired": effect.desired, "award": effect.award, "lines": dict(effect.shares),
    }  # fmt: skip
    return Posting("issued", account, effect.granted, lot.lot_id, effect.rule, lot.program_version, basis)


def line_rows(
    row: Row, basket: Basket, sent: Sequence[Mapping[str, Any]], decision: Decision | None
) -> list[Sequence[Any]]:
    """The rows of a purchase's lines: as sold, with what the master knew then and the points each earned."""
    points = line_points(decision)
    member_id, purchase_id = row["member_id"], row["purchase_id"]
    return [
        (member_id, purchase_id, n, line.line_id, line.type, line.sku, line.quantity, line.unit, line.amount,
         line.paid, points[line.line_id], _array(line.category), line.department, line.brand, line.legal_class,
         line.tax_rate, said.get("discounts") or None)
        for n, (line, said) in enumerate(zip(basket.lines, sent, strict=True))
    ]  # fmt: skip


def line_points(decision: Decision | None) -> dict[str, int]:
    """The points that each line earned, by all rules together; lines without points are 0."""
    points: dict[str, int] = defaultdict(int)
    for effect in decision.effects if decision else ():
        for line_id, share in effect.shares:
            points[line_id] += share
    return points


def _array(names: Sequence[str]) -> list[str] | None:
    return list(names) or None


def _activity_expiry(at: datetime, program: Program) -> Callable[[int], datetime]:
    """When points that live by activity expire after activity at ``at``, for so many months."""

    def expiry(months: int) -> datetime:
        terms = LotTerms(expire=("inactivity", months), exact=program.settings.lots.exact)
        return terms_for(terms=terms, at=at, zone=program.settings.zone).expires_at or at

    return expiry


def note_balance(row: Row, book: Book) -> None:
    """Keep in the purchase what its answer says of the balance right after it."""
    balance = book.balance
    lots = [lot for lot in book.account.lots.values() if lot.expires_at and lot.available]
    if lots:
        first = min(lot.expires_at for lot in lots if lot.expires_at)
        points = sum(lot.available for lot in lots if lot.expires_at == first)
        row["outcome"]["expiring_next"] = {"points": points, "expires_at": first}
    row["outcome"]["balance"] = {
        "available": balance.available, "pending": balance.pending, "held": balance.held,
        "debt": balance.debt, "version": book.version_after,
    }  # fmt: skip


def _kept(body: Mapping[str, Any]) -> Row:
    """What else the receipt said and may be asked for: never what was scanned."""
    identifier = body["identifier"]
    kept = {
        name: body[name]
        for name in (
            "tax_included",
            "rounding",
            "offline",
            "replaces",
            "payments",
            "coupons",
            "metadata",
            "receipt",
        )
        if body.get(name)
    }
    if identifier:
        kept["identifier"] = {"kind": identifier["kind"], "entry": identifier["entry"]}
    return kept


def _offset_minutes(moment: datetime) -> int:
    offset = moment.utcoffset()
    return int(offset.total_seconds()) // 60 if offset else 0

"""A book of one member's movements: applied as they are made, written at the end with whatever else is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.ledger import queries, rules
from loyalty_api.ledger.queries_rows import balance_row, hold_rows, lot_row
from loyalty_api.ledger.rules import Account, Balance, Hold, Lot, Movement
from loyalty_api.rows import Rows, Table
from loyalty_api.values import dataclass

# Ids that one write makes are counted up from its own: what time did comes first, in a range of its own.
_FIRST_OVERDUE = 1 << 20
_TOLD = {"activate": "points_activated", "expire": "points_expired"}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a journal is booked and who did it; shown with every entry."""

    type: str
    id: UUID | None = None
    store_id: str | None = None
    reference: str | None = None
    person_id: UUID | None = None
    actor_kind: str = "system"
    actor_id: str | None = None


TIME = Cause("time")


@dataclass(slots=True)
class Book:
    """The movements of one member within one transaction, applied as they are made and written at the end.

    ``version`` is the member's version before them; each journal takes the next one. A change without a journal (an
    expiry that moved; or one that another feature makes, who says ``touched``) takes one too, for it is shown, and what
    is shown is cached by the version. ``former`` are the terms that lots had until this book moved them.
    """

    member_id: UUID
    version: int
    account: Account
    journals: list[Sequence[Any]] = field(default_factory=list)
    postings: list[Sequence[Any]] = field(default_factory=list)
    lots: dict[UUID, Lot] = field(default_factory=dict)
    opened: dict[UUID, Hold] = field(default_factory=dict)
    closed: list[UUID] = field(default_factory=list)
    events: list[Sequence[Any]] = field(default_factory=list)
    touched: bool = False
    former: dict[UUID, tuple[datetime | None, datetime | None, datetime]] = field(default_factory=dict)

    @property
    def balance(self) -> Balance:
        """The balance after everything that was recorded so far."""
        return self.account.balance

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.journals or self.lots or self.touched)

    @property
    def version_after(self) -> int:
        """The member's version once this book is written."""
        return self.version + (len(self.journals) or bool(self.lots or self.touched))

    def record(
        self,
        movement: Movement,
        *,
        journal_id: UUID,
        cause: Cause,
        now: datetime,
        arriving: Sequence[Lot] = (),
        collect: bool = True,
    ) -> None:
        """Apply one movement; ``arriving`` are the lots it brings, still empty, or that it moves.

        Points that become available pay what is owed first, in the same journal (R37); a movement that has seen to
        that itself says ``collect=False``.

        :raises Overdrawn: it would take more than there is.
        """
        repaid = rules.repay(self.balance, movement.postings) if collect and self.balance.debt else ()
        if repaid:
            movement = replace(movement, postings=movement.postings + repaid)
        self._remember(arriving, now)
        lots = (
            {**self.account.lots, **{lot.lot_id: lot for lot in arriving}} if arriving else self.account.lots
        )
        self._apply(movement, rules.move(Account(self.balance, lots, self.account.holds), movement))
        self._note(movement, journal_id, cause, now)

    def settle(self, *, first_id: UUID, now: datetime) -> None:
        """Book what time alone has done since the last write, each movement dated when it was due (invariant 16)."""
        due = self.balance.next_due_at
        if due is None or due > now:
            return
        movements, _ = rules.overdue(self.account, now)
        for movement in movements:
            self._apply(movement, rules.move(self.account, movement))
            self._note(movement, ids.nth(first_id, _FIRST_OVERDUE + len(self.journals)), TIME, now)

    def keep_alive(self, *, expiry: Callable[[int], datetime], now: datetime) -> None:
        """Move the expiry of lots that live by activity; ``expiry`` gives the new one for so many months."""
        for lot in self.account.lots.values():
            if not lot.sliding_months or not lot.pending + lot.available + lot.held:
                continue  # It expires by a date of its own, or nothing of it is left to live.
            later = expiry(lot.sliding_months)
            if lot.expires_at and later > lot.expires_at:
                self._remember([replace(lot, expires_at=later)], now)
                self.lots[lot.lot_id] = replace(lot, expires_at=later)
        if self.lots:
            self.account = rules.post(replace(self.account, lots={**self.account.lots, **self.lots}), ())

    def expired_of(self, connection: Connection[TupleRow], lots: Collection[UUID]) -> int:
        """How many points of these lots have expired so far, in this book too."""
        here: int = sum(row[5] for row in self.postings if row[4] == "expired" and row[6] in lots)
        return here + queries.expired_of(connection, self.member_id, lots)

    def _remember(self, moved: Sequence[Lot], now: datetime) -> None:
        """Keep the terms that lots had until this book moved them: nothing else says what was true before."""
        for lot in moved:
            before = self.account.lots.get(lot.lot_id)
            if before and (before.available_at, before.expires_at) != (lot.available_at, lot.expires_at):
                self.former.setdefault(lot.lot_id, (before.available_at, before.expires_at, now))

    def _apply(self, movement: Movement, account: Account) -> None:
        self.account = account
        for posting in movement.postings:
            if posting.lot_id is not None:
                self.lots[posting.lot_id] = account.lots[posting.lot_id]
        if movement.opens:
            self.opened[movement.opens.hold_id] = movement.opens
        # A hold that this book opened itself was never written, so there is nothing to take away.
        if movement.closes and self.opened.pop(movement.closes, None) is None:
            self.closed.append(movement.closes)

    def _note(self, movement: Movement, journal_id: UUID, cause: Cause, now: datetime) -> None:
        after = self.balance
        member_id, version = self.member_id, self.version + len(self.journals) + 1
        self.journals.append(
            (member_id, journal_id, version, movement.kind, cause.type, cause.id, cause.store_id, cause.reference,
             cause.person_id, cause.actor_kind, cause.actor_id, None, movement.occurred_at, now,
             after.available, after.pending, after.held, after.debt)
        )  # fmt: skip
        self.postings.extend(
            (member_id, journal_id, n, p.from_account, p.to_account, p.points, p.lot_id, p.rule,
             p.program_version, p.basis)
            for n, p in enumerate(movement.postings)
        )  # fmt: skip
        if movement.kind in _TOLD:
            points = sum(p.points for p in movement.postings if p.to_account != "debt")
            self.events.append(
                (member_id, _TOLD[movement.kind], ids.show("jrn", journal_id), movement.occurred_at, now,
                 {"points": points}, False)
            )  # fmt: skip


def rows_of(books: Sequence[Book]) -> list[tuple[Table, Rows]]:
    """What the books hold, as rows by table, to be written with whatever else the transaction writes.

    Their ``events`` are left to the caller, who writes them before events of its own.
    """
    changed = [book for book in books if book.journals or book.lots]
    return [
        (queries.JOURNALS, [row for book in changed for row in book.journals]),
        (queries.POSTINGS, [row for book in changed for row in book.postings]),
        (
            queries.FORMER_TERMS,
            [
                (book.member_id, lot_id, book.version_after, *was)
                for book in changed
                for lot_id, was in book.former.items()
            ],
        ),
        (queries.LOTS, [(book.member_id, *lot_row(lot)) for book in changed for lot in book.lots.values()]),
        (queries.BALANCES, [(book.member_id, *balance_row(book.balance)) for book in changed]),
        (
            queries.HOLDS,
            [
                row
                for book in changed
                for hold in book.opened.values()
                for row in hold_rows(book.member_id, hold)
            ],
        ),
        (queries.ENDED_HOLDS, [(book.member_id, hold_id) for book in changed for hold_id in book.closed]),
    ]

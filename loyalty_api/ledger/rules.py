"""How points move: accounts, postings, lots and what time alone does to them. Pure.

A posting moves a positive number of points *from* one account *to* another, so whatever is booked sums to zero. The
member's accounts are ``pending``, ``available``, ``held`` and ``debt`` (what is owed: a posting from it makes the
debt larger, one to it smaller); the program's are ``issued``, ``redeemed``, ``expired``, ``adjusted``, ``transit``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from loyalty_api.errors import LoyaltyError

MEMBER_ACCOUNTS = ("pending", "available", "held", "debt")
PROGRAM_ACCOUNTS = ("issued", "redeemed", "expired", "adjusted", "transit")


class Overdrawn(LoyaltyError):
    """A posting would take more from an account or lot than lies there. Callers check first: this is a bug's stop."""

    code, title = "ledger_overdrawn", "The ledger refused an impossible movement"


@dataclass(frozen=True, slots=True)
class Balance:
    """A member's points: what lies where, and totals over the membership. ``debt`` is what is owed, never negative.

    ``next_due_at`` is the earliest moment at which time alone changes something, or None.
    """

    available: int = 0
    pending: int = 0
    held: int = 0
    debt: int = 0
    earned: int = 0
    spent: int = 0
    expired: int = 0
    adjusted: int = 0
    next_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lot:
    """Points that arrived together, and what remains of them in each account.

    ``available_at`` None: an event must release them. ``expires_at`` None: never. With ``sliding_months`` the
    expiry moves along with the member's activity.
    """

    lot_id: UUID
    source_type: str
    source_id: UUID | None
    earned_at: datetime
    recorded_at: datetime
    available_at: datetime | None
    expires_at: datetime | None
    points: int
    pending: int = 0
    available: int = 0
    held: int = 0
    sliding_months: int | None = None
    program_version: int | None = None

    @property
    def next_due_at(self) -> datetime | None:
        """When time alone next changes this lot; held points do not die while held (R48)."""
        moments = []
        if self.pending and self.available_at:
            moments.append(self.available_at)
        if self.expires_at and self.pending + self.available:
            moments.append(self.expires_at)
        return min(moments) if moments else None


@dataclass(frozen=True, slots=True)
class Posting:
    """``points`` moved from one account to another, of one lot; ``basis`` says how a rule arrived at them."""

    from_account: str
    to_account: str
    points: int
    lot_id: UUID | None = None
    rule: str | None = None
    program_version: int | None = None
    basis: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """What one journal will hold: its kind, when it happened, and its postings."""

    kind: str
    occurred_at: datetime
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """A member's balance together with the lots it is made of (only those that still hold something)."""

    balance: Balance
    lots: Mapping[UUID, Lot] = field(default_factory=dict)


def fold(balance: Balance, postings: Iterable[Posting]) -> Balance:
    """The balance after ``postings``.

    :raises Overdrawn: an account of the member's would fall below zero.
    """
    change = dict.fromkeys((*MEMBER_ACCOUNTS, *PROGRAM_ACCOUNTS), 0)
    for posting in postings:
        change[posting.from_account] -= posting.points
        change[posting.to_account] += posting.points
    after = replace(
        balance,
        available=balance.available + change["available"],
        pending=balance.pending + change["pending"],
        held=balance.held + change["held"],
        debt=balance.debt - change["debt"],
        earned=balance.earned - change["issued"],
        spent=balance.spent + change["redeemed"],
        expired=balance.expired + change["expired"],
        adjusted=balance.adjusted - change["adjusted"],
    )
    if min(after.available, after.pending, after.held, after.debt) < 0:
        raise Overdrawn
    return after


def fold_lot(lot: Lot, postings: Iterable[Posting]) -> Lot:
    """What remains of ``lot`` after the postings that name it.

    :raises Overdrawn: more would be taken from it than it holds.
    """
    change = dict.fromkeys((*MEMBER_ACCOUNTS, *PROGRAM_ACCOUNTS), 0)
    for posting in postings:
        if posting.lot_id == lot.lot_id:
            change[posting.from_account] -= posting.points
            change[posting.to_account] += posting.points
    after = replace(
        lot,
        pending=lot.pending + change["pending"],
        available=lot.available + change["available"],
        held=lot.held + change["held"],
    )
    if min(after.pending, after.available, after.held) < 0:
        raise Overdrawn
    return after


def post(account: Account, postings: Sequence[Posting]) -> Account:
    """The account after ``postings``, its balance and each lot they name, and when time next changes it."""
    named = {posting.lot_id for posting in postings if posting.lot_id}
    lots = {
        lot_id: fold_lot(lot, postings) if lot_id in named else lot for lot_id, lot in account.lots.items()
    }
    due = [lot.next_due_at for lot in lots.values() if lot.next_due_at]
    balance = replace(fold(account.balance, postings), next_due_at=min(due) if due else None)
    return Account(balance, lots)


def repay(balance: Balance, arriving: Sequence[Posting]) -> tuple[Posting, ...]:
    """The postings by which points that become available pay what is owed first; pending never does (R37)."""
    owed = balance.debt
    paid = []
    for posting in arriving:
        part = min(owed, posting.points) if posting.to_account == "available" else 0
        if part:
            paid.append(Posting("available", "debt", part, posting.lot_id))
            owed -= part
    return tuple(paid)


def overdue(account: Account, now: datetime) -> tuple[list[Movement], Account]:
    """What time alone has done up to and including ``now``: activations and expiries, each dated when it was due.

    Answers are computed with it and every write books it first, so nothing depends on when a job ran
    (invariant 16). Lots due at the same moment share a movement; an activation comes before an expiry.
    """
    movements = []
    while account.balance.next_due_at is not None and account.balance.next_due_at <= now:
        moment = account.balance.next_due_at
        kind, postings = _due_at(account.lots.values(), moment)
        postings += repay(account.balance, postings)
        account = post(account, postings)
        movements.append(Movement(kind, moment, postings))
    return movements, account


def _due_at(lots: Iterable[Lot], moment: datetime) -> tuple[str, tuple[Posting, ...]]:
    lots = list(lots)
    waking = [lot for lot in lots if lot.pending and lot.available_at and lot.available_at <= moment]
    if waking:
        return "activate", tuple([Posting("pending", "available", lot.pending, lot.lot_id) for lot in waking])
    return "expire", tuple(
        [
            Posting(source, "expired", points, lot.lot_id)
            for lot in lots
            if lot.expires_at and lot.expires_at <= moment
            for source, points in (("pending", lot.pending), ("available", lot.available))
            if points
        ]
    )

"""How points move: accounts, postings, lots and what time alone does to them. Pure.

A posting moves a positive number of points *from* one account *to* another, so whatever is booked sums to zero. The
member's accounts are ``pending``, ``available``, ``held`` and ``debt`` (what is owed: a posting from it makes the
debt larger, one to it smaller); the program's are ``issued``, ``redeemed``, ``expired``, ``adjusted``, ``transit``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from loyalty_api.errors import LoyaltyError
from loyalty_api.values import dataclass

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
    expiry moves along with the member's activity. ``awaits`` is the event that releases them before their time,
    ``ANY_EVENT`` for whichever comes, None when none does.
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
    awaits: str | None = None

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
class Hold:
    """Points set aside until ``expires_at``: the lots they lie in, in the order in which they were taken."""

    hold_id: UUID
    expires_at: datetime
    taken: tuple[tuple[UUID, int], ...]

    @property
    def points(self) -> int:
        """All that is set aside."""
        return sum([points for _, points in self.taken])


@dataclass(frozen=True, slots=True)
class Movement:
    """What one journal will hold: its kind, when it happened, and its postings; the hold it ``opens`` or ``closes``."""

    kind: str
    occurred_at: datetime
    postings: tuple[Posting, ...]
    opens: Hold | None = None
    closes: UUID | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A member's balance together with the lots it is made of (only those that still hold something).

    ``holds`` are the open ones; what lies in ``held`` is theirs.
    """

    balance: Balance
    lots: Mapping[UUID, Lot] = field(default_factory=dict)
    holds: Mapping[UUID, Hold] = field(default_factory=dict)


def fold(balance: Balance, postings: Iterable[Posting]) -> Balance:
    """The balance after ``postings``.

    :raises Overdrawn: an account of the member's would fall below zero.
    """
    change = _change(postings)
    get = change.get
    available, pending = balance.available + get("available", 0), balance.pending + get("pending", 0)
    held, debt = balance.held + get("held", 0), balance.debt - get("debt", 0)
    if available < 0 or pending < 0 or held < 0 or debt < 0:
        raise Overdrawn
    return Balance(
        available,
        pending,
        held,
        debt,
        balance.earned - get("issued", 0),
        balance.spent + get("redeemed", 0),
        balance.expired + get("expired", 0),
        balance.adjusted - get("adjusted", 0),
        balance.next_due_at,
    )


def fold_lot(lot: Lot, postings: Iterable[Posting]) -> Lot:
    """What remains of ``lot`` after the postings that name it.

    :raises Overdrawn: more would be taken from it than it holds.
    """
    change = _change([posting for posting in postings if posting.lot_id == lot.lot_id])
    get = change.get
    after = Lot(
        lot.lot_id, lot.source_type, lot.source_id, lot.earned_at, lot.recorded_at, lot.available_at,
        lot.expires_at, lot.points, lot.pending + get("pending", 0), lot.available + get("available", 0),
        lot.held + get("held", 0), lot.sliding_months, lot.program_version,
        lot.awaits,
    )  # fmt: skip
    if after.pending < 0 or after.available < 0 or after.held < 0:
        raise Overdrawn
    return after


def _change(postings: Iterable[Posting]) -> dict[str, int]:
    """What each account gains (or loses) by the postings."""
    change: dict[str, int] = {}
    for posting in postings:
        change[posting.from_account] = change.get(posting.from_account, 0) - posting.points
        change[posting.to_account] = change.get(posting.to_account, 0) + posting.points
    return change


def post(account: Account, postings: Sequence[Posting]) -> Account:
    """The account after ``postings``, its balance and each lot they name, and when time next changes it."""
    named = {posting.lot_id for posting in postings if posting.lot_id}
    lots = {**account.lots, **{lot_id: fold_lot(account.lots[lot_id], postings) for lot_id in named}}
    due = [moment for lot in lots.values() if (moment := lot.next_due_at)]
    due += [hold.expires_at for hold in account.holds.values()]
    balance = fold(account.balance, postings)
    first = min(due) if due else None
    balance = balance if first == balance.next_due_at else replace(balance, next_due_at=first)
    return Account(balance, lots, account.holds)


def move(account: Account, movement: Movement) -> Account:
    """The account after a movement: its postings, and the hold that it opens or closes."""
    holds = account.holds
    if movement.opens:
        holds = {**holds, movement.opens.hold_id: movement.opens}
    if movement.closes:
        holds = {hold_id: hold for hold_id, hold in holds.items() if hold_id != movement.closes}
    return post(Account(account.balance, account.lots, holds), movement.postings)


def repay(balance: Balance, arriving: Sequence[Posting]) -> tuple[Posting, ...]:
    """The postings by which points that become available pay what is owed first; pending never does (R37)."""
    # What the movement itself lets go of the debt is not to be paid too.
    owed = balance.debt - sum([p.points for p in arriving if p.to_account == "debt"])
    paid = []
    for posting in arriving:
        part = min(owed, posting.points) if posting.to_account == "available" else 0
        if part:
            paid.append(Posting("available", "debt", part, posting.lot_id))
            owed -= part
    return tuple(paid)


def overdue(account: Account, now: datetime) -> tuple[list[Movement], Account]:
    """What time alone has done up to and including ``now``: activations, ends of holds and expiries, each dated when
    it was due.

    Answers are computed with it and every write books it first, so nothing depends on when a job ran
    (invariant 16). Lots due at the same moment share a movement; an activation comes before the end of a hold, and
    that before an expiry. Points whose life ended while they were held die when the hold ends (R48).
    """
    movements: list[Movement] = []
    while account.balance.next_due_at is not None and account.balance.next_due_at <= now:
        due = account.balance.next_due_at
        movement = _due_at(account, due, max(due, movements[-1].occurred_at) if movements else due)
        repaid = repay(account.balance, movement.postings)
        movement = replace(movement, postings=movement.postings + repaid)
        account = move(account, movement)
        movements.append(movement)
    return movements, account


def _due_at(account: Account, due: datetime, dated: datetime) -> Movement:
    # Which lot pays what is owed may not depend on the order in which a database happened to read them.
    lots = sorted(account.lots.values(), key=lambda lot: lot.lot_id)
    waking = [lot for lot in lots if lot.pending and lot.available_at and lot.available_at <= due]
    if waking:
        woken = tuple([Posting("pending", "available", lot.pending, lot.lot_id) for lot in waking])
        return Movement("activate", dated, woken)
    for hold in account.holds.values():
        if hold.expires_at <= due:
            freed = tuple([Posting("held", "available", points, lot_id) for lot_id, points in hold.taken])
            return Movement("release", dated, freed, closes=hold.hold_id)
    gone = [
        Posting(source, "expired", points, lot.lot_id)
        for lot in lots
        if lot.expires_at and lot.expires_at <= due
        for source, points in (("pending", lot.pending), ("available", lot.available))
        if points
    ]
    return Movement("expire", dated, tuple(gone))

"""The points of a return: one journal in which points go back, what is owed is collected, and points are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.ledger.rules import Account, Lot, Movement, Posting, post, repay
from loyalty_api.ledger.rules_returns import TakenBack, own_lots, take_back
from loyalty_api.ledger.service import Book, Cause
from loyalty_api.redemptions.service import Moment, give_back_in
from loyalty_api.returns.opening import Opened
from loyalty_api.returns.policy import Policy
from loyalty_api.returns.rules import Back
from loyalty_api.rulekit.decision import Claim

Row = dict[str, Any]
_JOURNAL = 1
# What gives points back may need a lot of its own, with an id counted up from the return's.
_GIVEN, _IDS_EACH = 1 << 16, 8


@dataclass(frozen=True, slots=True)
class Part:
    """What comes back of one purchase.

    ``lost`` are the promotions whose coupons for another time go with it, ``gifts`` is what its gifts that were taken
    back had counted and taken.
    """

    opened: Opened
    back: Back
    lost: frozenset[str] = frozenset()
    gifts: tuple[Claim, ...] = ()

    @property
    def purchase_id(self) -> UUID:
        """The purchase's id."""
        found: UUID = self.opened.row["purchase_id"]
        return found


@dataclass(frozen=True, slots=True)
class Loose:
    """Goods of no purchase that we know: the line, what the till gave for it, and points to take for it."""

    line_id: str
    sku: str | None
    quantity: int
    value: int
    points: int


@dataclass(slots=True)
class Given:
    """Points that go back: the postings, the lots whose expiry moves, and how many by purchase and redemption."""

    postings: tuple[Posting, ...] = ()
    lots: list[Lot] = field(default_factory=list)
    points: dict[tuple[UUID, str], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.points.values())


@dataclass(frozen=True, slots=True)
class Moved:
    """What a return did to the member's points."""

    taken: TakenBack = field(default_factory=TakenBack)
    given: Given = field(default_factory=Given)
    lapsed: Mapping[UUID, int] = field(default_factory=dict)


def book_return(
    connection: Connection[TupleRow],
    row: Row,
    parts: Sequence[Part],
    loose: Sequence[Loose],
    book: Book,
    policy: Policy,
    cause: Cause,
    now: datetime,
) -> Moved:
    """One journal: points go back to their lots, what is owed is collected, then points are taken back (R37)."""
    book.settle(first_id=row["return_id"], now=now)
    given = _give(connection, row, parts, book, policy, cause, now)
    lots = {lot.lot_id: lot for lot in given.lots}
    before = Account(book.balance, {**book.account.lots, **lots})
    collected = repay(book.balance, given.postings)
    own = {lot.lot_id for lot in own_lots(book.account.lots.values(), {part.purchase_id for part in parts})}
    lapsed = _lapsed(connection, parts, book)
    taken = take_back(
        post(before, given.postings + collected),
        sum(part.back.points_to_take for part in parts) + sum(line.points for line in loose),
        own=own,
        lapsed=sum(lapsed.values()),
        reach=policy.reach,
    )
    postings = given.postings + collected + taken.postings
    if postings:
        movement = Movement("return", min(row["occurred_at"], now), postings)
        journal_id = ids.nth(row["return_id"], _JOURNAL)
        book.record(movement, journal_id=journal_id, cause=cause, now=now, arriving=given.lots, collect=False)
        book.settle(first_id=row["return_id"], now=now)
    return Moved(taken, given, _counted(lapsed, taken.lapsed))


def _lapsed(connection: Connection[TupleRow], parts: Sequence[Part], book: Book) -> dict[UUID, int]:
    """Points of each purchase's lots that have expired and that no return and no correction has counted yet."""
    found = {}
    for part in parts:
        lots = {lot.lot_id for lot in own_lots(book.account.lots.values(), {part.purchase_id})}
        counted = part.opened.returned.get("lapsed", 0) + part.opened.lapsed_by_correction
        expired = book.expired_of(connection, lots) - counted
        found[part.purchase_id] = max(0, min(expired, part.back.points_to_take))
    return found


def _counted(lapsed: Mapping[UUID, int], counted: int) -> dict[UUID, int]:
    """Which purchases the points lie with that had expired and were counted as taken back."""
    found = {}
    for purchase_id, points in lapsed.items():
        found[purchase_id] = min(points, counted)
        counted -= found[purchase_id]
    return found


def _give(
    connection: Connection[TupleRow],
    row: Row,
    parts: Sequence[Part],
    book: Book,
    policy: Policy,
    cause: Cause,
    now: datetime,
) -> Given:
    """What gives back the points that were spent on what comes back, to the lots they came from (R34)."""
    given = Given()
    wanted = [(part.purchase_id, *give) for part in parts for give in part.back.to_give.items()]
    for n, (purchase_id, redemption, points) in enumerate(wanted):
        redemption_id = ids.read("red", redemption)
        if redemption_id is None or policy.settings is None:
            continue
        moment = Moment(ids.nth(row["return_id"], _GIVEN + n * _IDS_EACH), row["occurred_at"], cause, now)
        back = give_back_in(
            connection, book, redemption_id=redemption_id, points=points, moment=moment,
            debt=book.balance.debt - sum(p.points for p in given.postings if p.to_account == "debt"),
            policy=policy.settings,
        )  # fmt: skip
        if back is not None:
            given.postings += back.postings
            given.lots += back.lots
            given.points[purchase_id, redemption] = sum(posting.points for posting in back.postings)
    return given

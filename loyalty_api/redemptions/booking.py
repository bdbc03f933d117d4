"""What each step of a redemption books, on a book that is locked and settled. Nothing here locks or writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.ledger import rules_spending
from loyalty_api.ledger import service as ledger
from loyalty_api.ledger.rules import Hold, Lot, Movement, Posting
from loyalty_api.ledger.service import Book, Cause
from loyalty_api.program.rules import Settings
from loyalty_api.program.rules_lots import LotTerms, terms_for
from loyalty_api.redemptions import rules_given
from loyalty_api.redemptions.rules import HoldExpired, Redemption
from loyalty_api.values import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a step stands: the id of its journal, when it happened, who did it and why, and when we heard of it."""

    journal_id: UUID
    occurred_at: datetime
    cause: Cause
    now: datetime


def lifetime(section: Mapping[str, Any], *, at_till: bool) -> timedelta:
    """How long a hold lives, by the program's ``redeem.hold``."""
    unit, number = section["hold"]["till" if at_till else "app"]
    return timedelta(**{unit: number})


def hold(book: Book, wanted: Redemption, moment: Moment, *, zone: tzinfo) -> Redemption:
    """Set the points aside, first those that expire first; ``zone`` is the program's.

    :raises InsufficientPoints: there are fewer.
    """
    postings = rules_spending.take(book.account, wanted.points, to="held", zone=zone)
    taken = rules_spending.taken_by(postings)
    opened = Hold(wanted.redemption_id, wanted.expires_at, taken)
    _record(book, Movement("hold", moment.occurred_at, postings, opens=opened), moment)
    return replace(wanted, lots=taken)


def capture(
    connection: Connection[TupleRow],
    book: Book,
    found: Redemption,
    moment: Moment,
    *,
    points: int,
    late_is_debt: bool,
) -> Redemption:
    """Use ``points`` of what is held and let go of the rest.

    When the hold has ended meanwhile, a capture that happened inside it is honoured (R45): the same lots first, then
    what expires first, and what was spent elsewhere since is owed.

    :raises HoldExpired: it happened outside the hold, or the program does not honour late ones.
    """
    if not found.points:
        book.touched = True
        return rules_given.captured(found, occurred_at=moment.occurred_at, now=moment.now)
    held = book.account.holds.get(found.redemption_id)
    if held is not None:
        postings = rules_spending.capture(held.taken, points)
        closes = found.redemption_id
    elif late_is_debt and found.was_open_at(moment.occurred_at):
        postings, closes = _late(connection, book, found, points), None
    else:
        raise HoldExpired
    _record(book, Movement("redeem", moment.occurred_at, postings, closes=closes), moment)
    used = [posting for posting in postings if posting.to_account == "redeemed"]
    return replace(
        found,
        status="captured",
        lots=rules_spending.taken_by(used),
        captured_points=points,
        captured_amount=found.worth_of(points),
        captured_debt=sum([posting.points for posting in used if posting.from_account == "debt"]),
        captured_at=moment.occurred_at,
        ended_at=moment.now,
    )


def _late(
    connection: Connection[TupleRow], book: Book, found: Redemption, points: int
) -> tuple[Posting, ...]:
    ledger.complete(connection, book)
    first = [lot_id for lot_id, _ in found.lots]
    postings = rules_spending.take(book.account, points, to="redeemed", first=first, most=True)
    owed = points - sum([posting.points for posting in postings])
    return (*postings, Posting("debt", "redeemed", owed)) if owed else postings


def release(book: Book, found: Redemption, moment: Moment) -> Redemption:
    """Let go of everything that is held."""
    if not found.points:
        book.touched = True
        return rules_given.released(found, now=moment.now)
    held = book.account.holds[found.redemption_id]
    postings = rules_spending.release(held.taken)
    _record(book, Movement("release", moment.occurred_at, postings, closes=found.redemption_id), moment)
    return replace(found, status="released", ended_at=moment.now)


def reverse(
    connection: Connection[TupleRow],
    book: Book,
    found: Redemption,
    moment: Moment,
    *,
    points: int,
    policy: Settings,
    because: str | None,
) -> Redemption:
    """Give ``points`` of a captured redemption back, by a journal of its own; see ``reversal``."""
    if not found.points:
        book.touched = True
        return rules_given.given_back(found, because=because)
    back = reversal(connection, book, found, moment, points=points, policy=policy, debt=book.balance.debt)
    _record(book, Movement("reverse", moment.occurred_at, back.postings), moment, arriving=list(back.lots))
    return replace(back.redemption, reversed_because=because)


@dataclass(frozen=True, slots=True)
class Reversal:
    """What gives points back: the postings, the lots that are new or live longer by it, and the redemption after it."""

    postings: tuple[Posting, ...]
    lots: tuple[Lot, ...]
    redemption: Redemption


def reversal(
    connection: Connection[TupleRow],
    book: Book,
    found: Redemption,
    moment: Moment,
    *,
    points: int,
    policy: Settings,
    debt: int,
) -> Reversal:
    """What gives ``points`` of a captured redemption back to the lots they came from, the last that was taken first.

    What was owed for it is owed no more, as far as it is not paid yet (``debt`` is what the member owes now). A lot
    that has expired meanwhile lives on for the program's grace. Nothing is booked.
    """
    ledger.complete(connection, book, named=[lot_id for lot_id, _ in found.lots])
    # The debt was what was taken last, so it goes first.
    forgiven = max(min(points, found.captured_debt - found.reversed_points), 0)
    owed = min(forgiven, debt)
    restored = rules_spending.restore(
        found.lots,
        lots=book.account.lots.values(),
        before=max(found.reversed_points - found.captured_debt, 0),
        points=points - forgiven,
        now=moment.now,
        grace_ends=policy.grace_ends(moment.now),
    )
    postings, arriving = list(restored.postings), list(restored.lots)
    if owed:
        postings.insert(0, Posting("redeemed", "debt", owed))
    if forgiven > owed:
        lot = _fresh_lot(found, forgiven - owed, moment, policy)
        arriving.append(lot)
        postings.append(Posting("redeemed", "available", lot.points, lot.lot_id))
    return Reversal(tuple(postings), tuple(arriving), with_reversed(found, found.reversed_points + points))


def with_reversed(found: Redemption, points: int) -> Redemption:
    """The redemption when so many of its captured points are given back in all."""
    whole = points == found.captured_points
    return replace(
        found,
        status="reversed" if whole else "partly_reversed" if points else "captured",
        reversed_points=points,
        reversed_amount=found.captured_amount * points // found.captured_points,
    )


def _fresh_lot(found: Redemption, points: int, moment: Moment, policy: Settings) -> Lot:
    """A lot for points that were owed for a redemption and paid since: they have no lot to go back to."""
    terms = terms_for(
        terms=LotTerms(expire=policy.lots.expire, exact=policy.lots.exact), at=moment.now, zone=policy.zone
    )
    return Lot(
        ids.nth(moment.journal_id, 1), "redemption", found.redemption_id, moment.now, moment.now, moment.now,
        terms.expires_at, points, sliding_months=terms.sliding_months,
    )  # fmt: skip


def _record(book: Book, movement: Movement, moment: Moment, arriving: list[Lot] | None = None) -> None:
    book.record(
        movement,
        journal_id=moment.journal_id,
        cause=moment.cause,
        now=moment.now,
        arriving=arriving or (),
    )

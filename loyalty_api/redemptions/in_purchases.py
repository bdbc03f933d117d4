"""Redemptions inside a purchase or a return (R44), on a member that is locked and a book that is settled by others."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.errors import LoyaltyError
from loyalty_api.ledger.service import Book, Cause
from loyalty_api.program.rules import Settings
from loyalty_api.redemptions import booking, queries, rules
from loyalty_api.redemptions.booking import Moment, Reversal
from loyalty_api.redemptions.rules import Redemption
from loyalty_api.redemptions.writing import note
from loyalty_api.values import dataclass


@dataclass(frozen=True, slots=True)
class Captured:
    """A redemption that was captured in a purchase: the points that were used, and what they paid for."""

    redemption_id: UUID
    points: int
    amount: int


def capture_in(
    connection: Connection[TupleRow],
    book: Book,
    *,
    redemption_id: UUID,
    points: int | None,
    amount: int | None,
    purchase_id: UUID,
    occurred_at: datetime,
    journal_id: UUID,
    cause: Cause,
    now: datetime,
    policy: Settings,
) -> Captured | str:
    """Capture inside a purchase (R44) whose member is locked and whose ``book`` is settled.

    ``points``, or as many as are worth ``amount``; never more than is held; all of it when neither is said. A purchase
    is a fact, so trouble is not raised: the code of the discrepancy is answered and nothing is booked.
    """
    found = queries.find(connection, redemption_id)
    if found is None:
        return rules.RedemptionUnknown.code
    if found.member_id != book.member_id:
        return rules.HoldNotYours.code
    found = queries.lock(connection, found.member_id, redemption_id) or found
    used = _used(found, points, amount)
    try:
        if rules.is_repeated_capture(found, used):
            # The till captured it by a call of its own before; the purchase claims it unless another has.
            if found.purchase_id not in (None, purchase_id):
                return rules.AlreadyCaptured.code
            captured = found
        else:
            captured = booking.capture(
                connection, book, found, Moment(journal_id, occurred_at, cause, now), points=used,
                late_is_debt=policy.sections["redeem"]["late_capture"] == "debt",
            )  # fmt: skip
    except LoyaltyError as error:
        return error.code
    captured = replace(_charged(captured, amount), purchase_id=purchase_id)
    note(connection, [captured], [("points_redeemed", captured, occurred_at)], now)
    return Captured(redemption_id, captured.captured_points, captured.captured_amount)


def give_back_in(
    connection: Connection[TupleRow],
    book: Book,
    *,
    redemption_id: UUID,
    points: int,
    debt: int,
    moment: Moment,
    policy: Settings,
) -> Reversal | None:
    """Give ``points`` of a captured redemption back inside a return, as many as are left of them (R34).

    The member is locked and ``book`` settled. The return books the postings in its own journal (R37); ``debt`` is
    what the member still owes when it comes to them. None when there is nothing to give back.
    """
    found = queries.lock(connection, book.member_id, redemption_id)
    if found is None or found.status not in rules.CAPTURED or not min(points, found.left):
        return None
    back = booking.reversal(
        connection, book, found, moment, points=min(points, found.left), policy=policy, debt=debt
    )
    note(connection, [back.redemption], [("redemption_reversed", back.redemption, moment.now)], moment.now)
    return back


def take_again_in(
    connection: Connection[TupleRow], *, member_id: UUID, redemption_id: UUID, points: int, now: datetime
) -> None:
    """Note that ``points`` which a return gave back are used again, because the return is undone (R39)."""
    found = queries.lock(connection, member_id, redemption_id)
    if found is not None and points:
        again = booking.with_reversed(found, found.reversed_points - points)
        note(connection, [again], [("points_redeemed", again, now)], now)


def _used(found: Redemption, points: int | None, amount: int | None) -> int:
    """The points that a purchase uses of a hold: those it names, or the fewest that are worth the amount."""
    if points is None and amount is not None and found.amount:
        points = -(-amount * found.points // found.amount)
    return found.points if points is None else min(max(points, 1), found.points)


def _charged(captured: Redemption, amount: int | None) -> Redemption:
    """With the amount that the till has charged, where that is less than the points are worth (R2)."""
    if amount is None or amount >= captured.captured_amount:
        return captured
    return replace(captured, captured_amount=amount)

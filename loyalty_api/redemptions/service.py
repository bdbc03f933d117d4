"""Redemptions: hold points, use them, let them go, give them back.

Each step is one transaction under the member's lock.
Repeating a step answers the same. A hold that nobody captures returns by itself: the ledger knows its end, so every
balance is right without a job; ``release_due`` only notes it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.errors import Fault, Invalid
from loyalty_api.ledger.service import Book, lock_book, lock_book_and
from loyalty_api.redemptions import booking, queries, queries_orders, rewarding, rules, verifying
from loyalty_api.redemptions.at_once import spend_in
from loyalty_api.redemptions.booking import Moment
from loyalty_api.redemptions.in_purchases import Captured, capture_in, give_back_in, take_again_in
from loyalty_api.redemptions.looking import list_of, look, offered_to
from loyalty_api.redemptions.queries import find, held_until, of_purchase
from loyalty_api.redemptions.rules import Caller, Redemption, RedemptionUnknown
from loyalty_api.redemptions.verifying import VerificationRequired
from loyalty_api.redemptions.wishing import ensure_may_spend, price_of, wanted_by
from loyalty_api.redemptions.writing import Counter, Done, Wish, finish, moment_of, note, write_all
from loyalty_api.rewards.rules import Asking
from loyalty_api.rewards.service import get as get_reward
from loyalty_api.tiers.service import level_now

__all__ = [
    "Captured", "Counter", "Done", "Moment", "VerificationRequired", "Wish",
    "capture", "capture_held", "capture_in", "find", "give_back_in",
    "held_until", "hold", "list_of", "look", "of_purchase", "offered_to", "release", "release_due", "reverse",
    "spend_in", "take_again_in",
]  # fmt: skip

# What time did to a redemption has ids counted up from its own, far behind those that a request makes.
_BY_ITSELF = 1 << 24


def hold(
    session: Session,
    counter: Counter,
    *,
    member_id: UUID,
    redemption_id: UUID,
    wish: Wish,
    caller: Caller,
    now: datetime,
) -> Done:
    """Hold points for a basket, a number of points or a reward, at the price that the program has now.

    :raises NotFound: there is no such member.
    :raises MemberBlocked: the member may not use points.
    :raises MemberClosed: the membership has ended.
    :raises NotRedeemableHere: points do not pay here.
    :raises BelowMinimum: too few could be used.
    :raises InsufficientPoints: fewer are available.
    :raises VerificationRequired: the member must confirm it first.
    :raises RewardUnknown: there is no such reward.
    :raises RewardNotAvailable: it is not for this member, here and now.
    :raises MemberLimitReached: the member has had as many as one may have.
    :raises RewardOutOfStock: fewer are left.
    :raises Unavailable: pieces of it are being put back this moment.
    """
    connection = driver(session)
    member, book = lock_book(session, member_id=member_id, named=())
    ensure_may_spend(member.status)
    policy = counter.policy(connection, now)
    book.settle(first_id=redemption_id, now=now)
    reward = get_reward(connection, wish.reward_id) if wish.purpose == "reward" else None
    if reward:
        tier = level_now(connection, counter.programs, member_id=member_id, now=now) if reward.tiers else None
        asking = Asking(member.status, tuple(member.tags), tier, book.balance.available, wish.store_id, now)
        rewarding.ensure_to_be_had(connection, reward, asking, member_id, wish.quantity, policy, book.account)
    price, rate = price_of(book, wish, reward, policy)
    if not wish.in_app:
        verifying.ensure_verified(
            connection, vault=counter.vault, member_id=member_id, code=wish.code,
            above=policy.sections["redeem"]["verify_above"], price=price, rate=rate, now=now,
        )  # fmt: skip
    wanted = wanted_by(member_id, redemption_id, wish, price, rate, policy, caller, now)
    moment = moment_of(wanted, redemption_id, caller, wish.occurred_at, now)
    held = booking.hold(book, wanted, moment, zone=policy.zone)
    if reward:
        # Last, so that the stock's row is locked for no longer than the write takes.
        held = replace(held, takes_stock=rewarding.take_stock(connection, reward, wish.quantity, now))
        rewarding.issue_code(connection, counter.vault, held, reward)
    return finish(session, counter.vault, book, held, "points_held", now)


def capture(
    session: Session,
    counter: Counter,
    *,
    redemption_id: UUID,
    step_id: UUID,
    points: int | None,
    occurred_at: datetime,
    caller: Caller,
    now: datetime,
    owner: UUID | None = None,
) -> Done:
    """Use what is held, all of it unless ``points`` says fewer; the rest is let go. ``owner`` sees only one's own.

    :raises RedemptionUnknown: there is none, or it is another store's.
    :raises HoldExpired: it was captured too late.
    :raises AlreadyCaptured: another number of points was used before.
    :raises AlreadyReleased: the points were let go.
    :raises AlreadyReversed: they were used and given back.
    """
    book, found = _open(session, redemption_id, caller, owner)
    return capture_held(
        session, counter, book=book, found=found, step_id=step_id, points=points, occurred_at=occurred_at,
        caller=caller, now=now,
    )  # fmt: skip


def capture_held(
    session: Session,
    counter: Counter,
    *,
    book: Book,
    found: Redemption,
    step_id: UUID,
    points: int | None,
    occurred_at: datetime,
    caller: Caller,
    now: datetime,
    at_once: bool = False,
) -> Done:
    """The same for a redemption that is locked, with its member's book. Errors as for ``capture``.

    ``at_once``: it is written before this returns, not with the COMMIT.
    """
    connection = driver(session)
    book.settle(first_id=step_id, now=now)
    if rules.is_repeated_capture(found, points):
        return finish(session, counter.vault, book, found, None, now)
    used = _part(found, points)
    late_is_debt = counter.policy(connection, now).sections["redeem"]["late_capture"] == "debt"
    moment = moment_of(found, step_id, caller, occurred_at, now)
    captured = booking.capture(connection, book, found, moment, points=used, late_is_debt=late_is_debt)
    captured = _delivered(connection, found, captured, caller, now)
    return finish(session, counter.vault, book, captured, "points_redeemed", now, at_once=at_once)


def _delivered(
    connection: Connection[TupleRow], before: Redemption, captured: Redemption, caller: Caller, now: datetime
) -> Redemption:
    """The captured reward with its order; what had ended meanwhile takes its pieces from the stock again."""
    if captured.reward_id is None:
        return captured
    reward = get_reward(connection, captured.reward_id)
    if before.status == "expired":
        again = rewarding.take_stock(connection, reward, captured.quantity, now)
        captured = replace(captured, takes_stock=again)
    rewarding.order(connection, captured, reward, caller, now)
    return captured


def release(
    session: Session,
    counter: Counter,
    *,
    redemption_id: UUID,
    step_id: UUID,
    occurred_at: datetime,
    caller: Caller,
    now: datetime,
    owner: UUID | None = None,
) -> Done:
    """Let go of what is held. What was let go or has returned by itself is answered as it stands.

    :raises RedemptionUnknown: there is none, or it is another store's.
    :raises AlreadyCaptured: the points were used.
    :raises AlreadyReversed: they were used and given back.
    """
    connection = driver(session)
    book, found = _open(session, redemption_id, caller, owner)
    book.settle(first_id=step_id, now=now)
    if rules.is_repeated_release(found, now):
        return finish(session, counter.vault, book, found, None, now)
    freed = booking.release(book, found, moment_of(found, step_id, caller, occurred_at, now))
    [freed] = rewarding.put_back(connection, [freed])
    return finish(session, counter.vault, book, freed, "hold_released", now)


def reverse(
    session: Session,
    counter: Counter,
    *,
    redemption_id: UUID,
    step_id: UUID,
    points: int | None,
    reason: str,
    caller: Caller,
    now: datetime,
) -> Done:
    """Give back what was used, all that is left unless ``points`` says fewer, to the lots it came from.

    :raises RedemptionUnknown: there is none, or it is another store's.
    :raises NotCaptured: the points are held.
    :raises HoldExpired: they returned by themselves.
    :raises AlreadyReleased: they were let go.
    :raises AlreadyReversed: fewer are left than are asked for.
    """
    connection = driver(session)
    book, found = _open(session, redemption_id, caller, None)
    book.settle(first_id=step_id, now=now)
    if found.purpose == "reward" and points not in (None, found.left):
        raise Invalid(
            "A reward comes back whole.", errors=[Fault("/points", "invalid_value", "All or nothing.")]
        )
    back = rules.reversible(found, points, now)
    if found.status == "reversed":
        return finish(session, counter.vault, book, found, None, now)
    given = booking.reverse(
        connection, book, found, moment_of(found, step_id, caller, now, now),
        points=back, policy=counter.policy(connection, now), because=reason,
    )  # fmt: skip
    if given.status == "reversed":
        [given] = rewarding.put_back(connection, [given])
        queries_orders.cancel_order(connection, given, by=caller.client_id, now=now)
    return finish(session, counter.vault, book, given, "redemption_reversed", now)


def release_due(session: Session, *, now: datetime, limit: int = 100) -> int:
    """Note the holds that ended by ``now`` and give their points back, for up to so many; how many there were.

    One transaction: call it until it answers 0. It waits for members that are being written, in the order in which
    everyone locks them.
    """
    connection = driver(session)
    due = []
    for member_id in queries.due_members(connection, now=now, limit=limit):
        _, book = lock_book(session, member_id=member_id)
        found = queries.due_of(connection, member_id, now=now)
        if not found:
            continue  # Somebody else has noted them while we waited.
        book.settle(first_id=ids.nth(found[0].redemption_id, _BY_ITSELF), now=now)
        write_all(connection, book, [], [("hold_expired", each, each.expires_at) for each in found], now)
        due += [replace(each, status="expired", ended_at=each.expires_at) for each in found]
    note(connection, rewarding.put_back(connection, due), [], now)
    return len(due)


def _open(
    session: Session, redemption_id: UUID, caller: Caller, owner: UUID | None
) -> tuple[Book, Redemption]:
    """A redemption with its member's book, both locked.

    :raises RedemptionUnknown: there is none, or it is not the owner's, or it is another store's.
    """
    connection = driver(session)
    found = queries.find(connection, redemption_id)
    if found is None or owner not in (None, found.member_id):
        raise RedemptionUnknown
    rules.ensure_yours(found, caller)
    _, book, [rows] = lock_book_and(
        session, member_id=found.member_id, named=[lot_id for lot_id, _ in found.lots],
        then=[queries.locking(found.member_id, redemption_id)],
    )  # fmt: skip
    return book, queries.first(rows) or found


def _part(found: Redemption, points: int | None) -> int:
    """How many points a capture uses.

    :raises Invalid: more than are held, or a part of a reward.
    """
    if points is None or points == found.points:
        return found.points
    if points > found.points or found.purpose == "reward":
        message = f"{found.points} points are held."
        raise Invalid(message, errors=[Fault("/points", "invalid_value", message)])
    return points

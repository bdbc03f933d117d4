"""A promise for the next minutes (R43): coupons, budgets, a member's own limits and points, held until the sale comes.

All of it is held or nothing. The purchase that names the quote uses what is held; what no purchase used comes back by
itself, for what is over counts for nothing whether or not a job has noted it (invariant 16).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.coupons import service as coupons
from loyalty_api.coupons.rules import REFUSALS
from loyalty_api.db import driver
from loyalty_api.errors import Action, Conflict, NotFound, Unavailable
from loyalty_api.facts import service as facts
from loyalty_api.members import service as members
from loyalty_api.members.rules import walk_in_id
from loyalty_api.promotions import rules_limits
from loyalty_api.promotions.rules_limits import USED_UP, rule_of_limit, told_of_limit
from loyalty_api.purchases import couponing
from loyalty_api.purchases import queries_reservations as queries
from loyalty_api.purchases.desk import Desk
from loyalty_api.purchases.pricing import Pricing, price_basket
from loyalty_api.purchases.queries_reservations import RESERVATIONS, Reservation
from loyalty_api.purchases.rated import Row
from loyalty_api.quotes import Quote, held_by, read_quote
from loyalty_api.rating.rules_limits import covered, limits_on
from loyalty_api.redemptions import service as redemptions
from loyalty_api.redemptions.rules import Caller, Redemption
from loyalty_api.redemptions.service import Counter, Wish
from loyalty_api.rulekit.decision import Claim

_SHORTEST = timedelta(seconds=1)


class QuoteUnknown(NotFound):
    """This is not one of our quotes."""

    code, title = "quote_unknown", "This is not one of our quotes"


class QuoteExpired(Conflict):
    """The quote is not honoured any more."""

    code, title = "quote_expired", "This quote is not honoured any more"


class QuoteDiffers(Conflict):
    """The basket is not the one that was quoted, or its price has changed since."""

    code, title = "quote_differs", "This basket costs something else by now"


class BudgetUsedUp(Conflict):
    """A promotion that was quoted has nothing left."""

    code, title = USED_UP, "A promotion was used up meanwhile"
    action: ClassVar[Action] = "proceed_without"


class LimitReached(Conflict):
    """The member has had a promotion that was quoted as often as it may be had, or another till holds the last use."""

    code, title = "limit_reached", "The member has had as much of a promotion as one member gets"
    action: ClassVar[Action] = "proceed_without"


class ReservationUnknown(NotFound):
    """There is no such reservation, or it is another store's."""

    code, title = "reservation_unknown", "There is no such reservation"


class ReservationUsed(Conflict):
    """A purchase has used what was reserved."""

    code, title = "reservation_used", "A purchase has used what was reserved"


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation with the points that it holds, as they stand."""

    reservation: Reservation
    redemption: Redemption | None = None


def reserve(
    session: Session,
    desk: Desk,
    *,
    quote_id: str,
    body: Mapping[str, Any],
    caller: Caller,
    reservation_id: UUID,
    now: datetime,
) -> Reserved:
    """Hold what a quoted basket needs; asked again while it is held, the same is answered.

    :raises QuoteUnknown: the id is not one of ours.
    :raises QuoteExpired: its time is over.
    :raises BudgetUsedUp: a promotion has nothing left.
    :raises LimitReached: a promotion has nothing left for this member.
    :raises QuoteDiffers: the basket costs something else than was quoted.
    :raises CouponUsed: and its fellows: a coupon cannot be used.
    :raises InsufficientPoints: and its fellows, as for a redemption.
    """
    connection, quote = driver(session), read_quote(desk.vault, quote_id)
    if quote is None:
        raise QuoteUnknown
    if not quote.covers(now):
        raise QuoteExpired
    mark = held_by(desk.vault, quote_id, lane=(body["store"], body["terminal"]))
    priced = price_basket(connection, desk, body=body, now=now, lock=True)
    held = queries.held_for(connection, mark)
    if held is not None and held.status_at(now) == "expired":
        # Limits are locked after the member, as everywhere, so that nobody waits in a circle.
        _end(connection, [held.reservation_id], status="expired", now=now)
        priced, held = price_basket(connection, desk, body=body, now=now, lock=True), None
    if held is not None:
        return _with_points(connection, held)
    priced, claims = _taken(connection, desk, priced, body, quote, now)
    minutes = priced.program.settings.sections["discounts"]["reserve_minutes"] if priced.program else 1
    until = max(min(now + timedelta(minutes=minutes), quote.honoured_until), now + _SHORTEST)
    member_id = priced.member.member_id if priced.member else None
    facts.set_aside(session, claims=claims, member_id=member_id, held_by=reservation_id, expires_at=until)
    shown = _hold_coupons(connection, priced, body, reservation_id, until)
    redemption = _hold_points(session, desk, priced, body, quote, caller, until, now)
    made = Reservation(
        reservation_id, mark, member_id or walk_in_id(body["store"]), body["store"], "held", _budgets(claims), shown,
        redemption.redemption_id if redemption else None, now, until,
    )  # fmt: skip
    RESERVATIONS.insert(
        connection,
        [
            (
                "\\x" + mark.hex(), made.reservation_id, made.member_id, made.store_id, caller.client_id, "held",
                list(made.budgets), list(made.coupons), made.redemption_id, now, until,
            )
        ],
    )  # fmt: skip
    if queries.find(connection, reservation_id) is None:
        raise Unavailable("The same quote is being reserved this moment.", retry_after=1)
    return Reserved(made, redemption)


def _taken(
    connection: Connection[TupleRow],
    desk: Desk,
    priced: Pricing,
    body: Mapping[str, Any],
    quote: Quote,
    now: datetime,
) -> tuple[Pricing, list[Claim]]:
    """The basket as it was quoted, with what its discounts have taken of budgets and what they count for its member."""
    while True:
        _ensure_as_quoted(priced, quote)
        program, decision = priced.program, priced.unpaid
        if program is None or decision is None:
            return priced, []
        given = (decision.discounts, priced.unwished, priced.facts, program, priced.at)
        found = covered(*given, coupons=decision.coupons)
        budgets = limits_on(program, priced.at, body["store"], basket=priced.unwished)[1]
        if priced.counted.take(connection, found.claims, budgets, now=now):
            return priced, [*found.claims]
        # Somebody was first: what is left is seen by asking anew.
        priced = price_basket(connection, desk, body=body, now=now, lock=True)


def _ensure_as_quoted(priced: Pricing, quote: Quote) -> None:
    refused = next((shown.refused for shown in priced.coupons.shown if shown.refused), None)
    for error in REFUSALS:
        if error.code == refused:
            raise error
    if quote.mark == priced.mark:
        return
    reasons = priced.unpaid.reasons if priced.unpaid else ()
    short = sorted({reason.rule for reason in reasons if reason.code == USED_UP and reason.rule})
    if short:
        raise BudgetUsedUp(f"Nothing or less is left of {', '.join(short)}: ask for a new quote.")
    had = sorted({reason.rule for reason in reasons if reason.code in rules_limits.OF_MEMBER and reason.rule})
    if had:
        raise LimitReached(f"This member gets no more, or less, of {', '.join(had)}: ask for a new quote.")
    raise QuoteDiffers("Ask for a new quote of this basket.")


def _budgets(claims: list[Claim]) -> list[Row]:
    return [
        {"promotion_id": rule_of_limit(claim.key), "key": claim.key, **told_of_limit(claim.key, claim.amount)}
        for claim in claims
        if claim.kind == "limit" and rules_limits.is_of_promotion(claim.key)
    ]


def _hold_coupons(
    connection: Connection[TupleRow],
    priced: Pricing,
    body: Mapping[str, Any],
    reservation_id: UUID,
    until: datetime,
) -> list[Row]:
    """Hold the coupons that do something for the basket; what an answer says of each."""
    used = couponing.worked(
        priced.book, priced.coupons, body, priced.unwished, priced.facts, priced.program, priced.unpaid
    )
    kept = [priced.book.coupon(coupon_id) for coupon_id in sorted(used)]
    if kept:
        coupons.hold(connection, [coupon.blind for coupon in kept], reservation_id, until)
    return [
        {"code": coupon.shown, "coupon_id": ids.show("cpn", coupon.coupon_id), "name": coupon.terms.name}
        for coupon in kept
    ]


def _hold_points(
    session: Session,
    desk: Desk,
    priced: Pricing,
    body: Mapping[str, Any],
    quote: Quote,
    caller: Caller,
    until: datetime,
    now: datetime,
) -> Redemption | None:
    """Hold the points that were wished for, no more than the basket lets points pay; None without a wish."""
    wished = body.get("redeem")
    if wished is None or priced.member is None:
        return None
    limits = [most for most in (wished.get("max_amount"), quote.redeemable) if most is not None]
    wish = Wish(
        "basket", max_points=wished.get("max_points"), max_amount=min(limits, default=None), store_id=body["store"],
        terminal=body["terminal"], channel=body["channel"], until=until,
    )  # fmt: skip
    return redemptions.hold(
        session, Counter(desk.vault, desk.programs), member_id=priced.member.member_id, redemption_id=ids.new(),
        wish=wish, caller=caller, now=now,
    ).redemption  # fmt: skip


def release(session: Session, desk: Desk, *, reservation_id: UUID, caller: Caller, now: datetime) -> Reserved:
    """Let go of all that a reservation holds; again, or when its time is over, nothing happens.

    :raises ReservationUnknown: there is none, or it is another store's.
    :raises ReservationUsed: a purchase has used it.
    """
    connection = driver(session)
    found = queries.find(connection, reservation_id)
    if found is None or caller.store_id not in (None, found.store_id):
        raise ReservationUnknown
    if found.member_id != walk_in_id(found.store_id):
        members.lock_person(session, member_id=found.member_id)
    found = queries.find(connection, reservation_id, lock=True) or found
    if found.status == "used":
        raise ReservationUsed
    if found.status == "held":
        _end(connection, [reservation_id], status="released", now=now)
        if found.redemption_id is not None:
            redemptions.release(
                session, Counter(desk.vault, desk.programs), redemption_id=found.redemption_id, step_id=ids.new(),
                occurred_at=now, caller=caller, now=now,
            )  # fmt: skip
    return Reserved(found)


def release_due(session: Session, *, now: datetime, limit: int = 100) -> int:
    """Note the reservations that ended by ``now`` and give back what they held, up to so many; how many there were."""
    connection = driver(session)
    due = queries.due(connection, now=now, limit=limit)
    if due:
        _end(connection, due, status="expired", now=now)
    return len(due)


def _end(
    connection: Connection[TupleRow], reservation_ids: list[UUID], *, status: str, now: datetime
) -> None:
    """What they hold of coupons and limits comes back; points come back by their own redemption."""
    coupons.let_go(connection, reservation_ids)
    facts.return_held(connection, reservation_ids)
    queries.end(connection, reservation_ids, status=status, now=now)


def _with_points(connection: Connection[TupleRow], held: Reservation) -> Reserved:
    found = redemptions.find(connection, held.redemption_id) if held.redemption_id else None
    return Reserved(held, found)

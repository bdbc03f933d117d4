"""Gifts in use: opened, claimed and handed over, each step once, under the member's lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.coupons.service import Grant, issue
from loyalty_api.db import driver
from loyalty_api.gifts import queries, rewarding
from loyalty_api.gifts.granting import event
from loyalty_api.gifts.queries import GIFTS, row_of
from loyalty_api.gifts.rules_life import Gift, GiftUnknown, claimed, ensure_open, handed_over, shown
from loyalty_api.gifts.service import Shop
from loyalty_api.ledger.rules import Lot, Movement, Posting
from loyalty_api.ledger.service import Book, Cause, lock_book, write_book
from loyalty_api.program.rules import Settings
from loyalty_api.program.rules_lots import LotTerms, terms_for
from loyalty_api.redemptions.rules import Caller
from loyalty_api.rows import write

_JOURNAL, _LOT, _COUPON = 1, 2, 3


@dataclass(frozen=True, slots=True)
class By:
    """Who takes a step with a gift, and in which store (None: in none)."""

    kind: str
    client_id: str
    store_id: str | None = None


def open_one(session: Session, *, member_id: UUID, gift_id: UUID, now: datetime) -> Gift:
    """Show a member what a gift of theirs is; a message is theirs by that. Doing it again changes nothing.

    :raises GiftUnknown: the member has no such gift.
    :raises GiftExpired: its time is over.
    :raises GiftTakenBack: its purchase was undone.
    """
    book, gift = _held(session, gift_id, member_id)
    if gift.state != "granted":
        if gift.state != "handed_over":
            ensure_open(gift, now)
        return gift
    ensure_open(gift, now)
    seen = handed_over(gift, now) if gift.kind == "message" else shown(gift, now)
    return _written(session, book, gift, seen, now)


def claim(
    session: Session, shop: Shop, *, member_id: UUID, gift_id: UUID, step_id: UUID, by: By, now: datetime
) -> Gift:
    """Let a member take a gift: points are booked by it, a reward becomes a redemption, goods wait at the counter.

    Claimed again it stays so.

    :raises GiftUnknown: the member has no such gift.
    :raises GiftExpired: its time is over.
    :raises GiftTakenBack: its purchase was undone.
    """
    book, gift = _held(session, gift_id, member_id)
    if gift.state in ("claimed", "handed_over") and gift.state_at(now) != "expired":
        return gift
    ensure_open(gift, now)
    return _given(session, shop, book, gift, lambda one: claimed(one, now), step_id, by, now)


def hand_over(session: Session, shop: Shop, *, gift_id: UUID, step_id: UUID, by: By, now: datetime) -> Gift:
    """Give a gift to its member at a counter, exactly once; a reward that was claimed before is collected by it.

    :raises GiftUnknown: there is no such gift.
    :raises GiftHandedOver: it was handed over before.
    :raises GiftExpired: its time is over.
    :raises GiftTakenBack: its purchase was undone.
    :raises RewardNotAvailable: it is a reward that is not for this store.
    """
    book, gift = _held(session, gift_id, None)
    if gift.state == "handed_over" and gift.redemption_id is not None:
        caller = Caller(by.client_id, by.kind, by.store_id)
        collected = rewarding.collect(driver(session), shop.vault, gift, caller=caller, now=now)
        if collected is not None:
            return _written(session, book, gift, collected, now)
    ensure_open(gift, now)
    return _given(
        session, shop, book, gift, lambda one: handed_over(one, now, store=by.store_id, by=by.client_id), step_id,
        by, now,
    )  # fmt: skip


def _held(session: Session, gift_id: UUID, member_id: UUID | None) -> tuple[Book, Gift]:
    """A gift with its member's book, both locked.

    :raises GiftUnknown: there is none, or it is not the member's.
    """
    connection = driver(session)
    found = queries.find(connection, gift_id)
    if found is None or member_id not in (None, found.member_id):
        raise GiftUnknown
    _, book = lock_book(session, member_id=found.member_id)
    return book, queries.find(connection, gift_id) or found


def _given(
    session: Session,
    shop: Shop,
    book: Book,
    gift: Gift,
    step: Callable[[Gift], Gift],
    step_id: UUID,
    by: By,
    now: datetime,
) -> Gift:
    """The gift after a step, with what it becomes when the member has it by that."""
    after = step(gift)
    if after.state == "handed_over" and gift.kind == "points":
        after = replace(after, result=_book_points(session, shop, book, gift, step_id, by, now))
    if after.state == "handed_over" and gift.kind == "coupon":
        after = replace(after, result=_issue_coupon(session, shop, gift, now))
    if after.state == "handed_over" and gift.kind == "reward":
        after = _redeem(session, shop, after, by, now)
    return _written(session, book, gift, after, now)


def _redeem(session: Session, shop: Shop, gift: Gift, by: By, now: datetime) -> Gift:
    """Make the redemption that a gift of a reward is."""
    program = shop.programs.at(driver(session), now)
    if program is None:
        raise GiftUnknown
    settings: Settings = program.settings
    return rewarding.become(
        driver(session), shop.vault, gift, caller=Caller(by.client_id, by.kind, by.store_id), settings=settings, now=now
    )  # fmt: skip


def _book_points(
    session: Session, shop: Shop, book: Book, gift: Gift, step_id: UUID, by: By, now: datetime
) -> dict[str, str]:
    """Book a gift of points: a journal and a lot of the gift's own, usable at once, ending as all points do."""
    program = shop.programs.at(driver(session), now)
    if program is None:
        raise GiftUnknown
    points, terms = int(gift.give["points"]), program.settings.lots
    book.settle(first_id=step_id, now=now)
    times = terms_for(
        terms=LotTerms(expire=terms.expire, exact=terms.exact), at=now, zone=program.settings.zone
    )
    journal_id = ids.nth(gift.gift_id, _JOURNAL)
    lot = Lot(
        ids.nth(gift.gift_id, _LOT), "gift", gift.gift_id, now, now, now, times.expires_at, points,
        sliding_months=times.sliding_months, program_version=gift.program_version,
    )  # fmt: skip
    posting = Posting("issued", "available", points, lot.lot_id, gift.rule, gift.program_version)
    cause = Cause("gift", gift.gift_id, by.store_id or gift.store_id, None, None, by.kind, by.client_id)
    book.record(
        Movement("earn", now, (posting,)), journal_id=journal_id, cause=cause, now=now, arriving=[lot]
    )
    return {"journal_id": ids.show("jrn", journal_id)}


def _issue_coupon(session: Session, shop: Shop, gift: Gift, now: datetime) -> dict[str, str]:
    """Give the coupon that a gift is: the member's own, from now on for its days."""
    give = gift.give
    until = now + timedelta(days=int(give["days"]))
    grant = Grant(f"gift:{gift.rule}", str(give["reference"]), now, until, uses=int(give["quantity"]))
    issued = issue(
        session, vault=shop.vault, coupon_id=ids.nth(gift.gift_id, _COUPON), member_id=gift.member_id, grant=grant,
        occurred_at=now, now=now,
    )  # fmt: skip
    return {"coupon_id": ids.show("cpn", issued.coupon_id)}


def _written(session: Session, book: Book, before: Gift, after: Gift, now: datetime) -> Gift:
    """Write a gift that has changed, with its member's book, and tell of each step that it has taken."""
    if after == before:
        return after
    book.touched = True
    connection = driver(session)
    write_book(connection, book)
    moments = {"shown": after.shown_at, "claimed": after.claimed_at, "handed_over": after.handed_over_at}
    earlier = {"shown": before.shown_at, "claimed": before.claimed_at, "handed_over": before.handed_over_at}
    told = [event(after, kind, now=now) for kind, at in moments.items() if at and not earlier[kind]]
    write(connection, [(GIFTS, [row_of(after)]), (events.EVENTS, told)])
    return after


def find(session: Session, *, gift_id: UUID, member_id: UUID | None = None) -> Gift:
    """A gift by its id.

    :raises GiftUnknown: there is none, or it is not the member's.
    """
    gift = queries.find(driver(session), gift_id)
    if gift is None or member_id not in (None, gift.member_id):
        raise GiftUnknown
    return gift

"""Gifts whose purchase comes back: taken back while they wait, named where somebody has them already."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver
from loyalty_api.gifts import queries, rewarding
from loyalty_api.gifts.granting import event
from loyalty_api.gifts.queries import GIFTS, row_of
from loyalty_api.gifts.rules_life import Gift, given_again, taken_back
from loyalty_api.rows import write

_MISSED = "missed_by"


@dataclass(frozen=True, slots=True)
class Back:
    """A gift of what comes back. ``status``: taken_back, kept (it may stay), or used (it is missing now)."""

    gift: Gift
    status: str


def take_back(
    session: Session,
    *,
    member_id: UUID,
    purchase_id: UUID,
    lost: Collection[str] | None,
    because: UUID,
    now: datetime,
) -> list[Back]:
    """Take back what a purchase brought by the rules ``lost`` (None: by any), because of a return or a void (its id).

    The caller holds the member, moves its version on, and counts back what the gifts that were taken had taken. What
    was handed over is named once: later returns of the purchase do not name it again.
    """
    connection, pieces_of = driver(session), list[UUID]()
    found = [
        _back(connection, gift, lost, because, now, pieces_of)
        for gift in queries.of_purchase(connection, member_id, purchase_id)
        if gift.state_at(now) not in ("expired", "taken_back") and _MISSED not in (gift.result or {})
    ]
    rewarding.put_back(connection, pieces_of)
    told = [event(one.gift, "taken_back", now=now) for one in found if one.status == "taken_back"]
    changed = [row_of(one.gift) for one in found if one.status != "kept"]
    write(connection, [(GIFTS, changed), (events.EVENTS, told)])
    return found


def _back(
    connection: Connection[TupleRow],
    gift: Gift,
    lost: Collection[str] | None,
    because: UUID,
    now: datetime,
    pieces_of: list[UUID],
) -> Back:
    """What becomes of one gift; ``pieces_of`` gets the reward of which a piece is free by that."""
    if lost is not None and gift.rule not in lost:
        return Back(gift, "kept")
    cancelled = rewarding.cancel(connection, gift, now=now)
    if gift.is_open(now) or cancelled.uncollected:
        pieces_of += rewarding.kept_by(gift)
        pieces_of += [cancelled.piece_of] if cancelled.piece_of else []
        return Back(taken_back(gift, now, by=because), "taken_back")
    missed = {**(gift.result or {}), _MISSED: ids.show("ret", because)}
    return Back(replace(gift, result=missed), "used")


def give_again(session: Session, *, member_id: UUID, purchase_id: UUID, because: UUID, now: datetime) -> None:
    """Give what a return (its id) had taken back, because it is undone; the caller holds the member."""
    connection = driver(session)
    gifts = queries.of_purchase(connection, member_id, purchase_id)
    again = [
        rewarding.again(connection, given_again(gift), now=now)
        for gift in gifts
        if gift.taken_back_by == because
    ]
    again += [_found(gift) for gift in _missed_by(gifts, ids.show("ret", because))]
    write(connection, [(GIFTS, [row_of(gift) for gift in again])])


def _missed_by(gifts: Iterable[Gift], shown: str) -> list[Gift]:
    return [gift for gift in gifts if (gift.result or {}).get(_MISSED) == shown]


def _found(gift: Gift) -> Gift:
    return replace(
        gift, result={name: value for name, value in (gift.result or {}).items() if name != _MISSED}
    )

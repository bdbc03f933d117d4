"""What time does to gifts: those that nobody took end, and those that soon will are called to mind."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import events
from loyalty_api.db import driver
from loyalty_api.facts import service as facts
from loyalty_api.gifts import queries, rewarding
from loyalty_api.gifts.granting import event
from loyalty_api.gifts.queries import GIFTS, row_of
from loyalty_api.gifts.rules_life import Gift, expired
from loyalty_api.ledger.service import lock_book, write_book
from loyalty_api.rows import write
from loyalty_api.rulekit.decision import Claim


def pass_time(session: Session, *, now: datetime, limit: int = 100) -> int:
    """Note the gifts that ended by ``now``, and tell of those that end soon, of up to so many members; how many.

    One transaction: call it until it answers less than ``limit``. Members are locked in the order in which everyone
    locks them, and what their gifts had taken of budgets and stock comes back behind the last of them.
    """
    connection, back, pieces_of = driver(session), list[Claim](), list[UUID]()
    members = queries.due_members(connection, now=now, limit=limit)
    for member_id in members:
        _, book = lock_book(session, member_id=member_id)
        due = queries.due_of(connection, member_id, now=now)
        pieces_of += [reward for gift in due if not gift.is_open(now) for reward in rewarding.kept_by(gift)]
        ended = [expired(gift) for gift in due if not gift.is_open(now)]
        back += [claim for gift in ended for claim in gift.taken if claim.kind == "limit"]
        book.touched = bool(ended)
        write_book(connection, book)
        _write(session, [gift for gift in due if gift.is_open(now)], ended, now)
    rewarding.put_back(connection, pieces_of)
    if back:
        facts.give_back(session, member_id=members[-1], claims=_summed(back))
    return len(members)


def _write(session: Session, waiting: list[Gift], ended: list[Gift], now: datetime) -> None:
    told = [event(gift, "expiring", now=now) for gift in waiting]
    told += [event(gift, "expired", now=now, at=gift.expires_at) for gift in ended]
    rows = [row_of(replace(gift, remind_at=None)) for gift in waiting] + [row_of(gift) for gift in ended]
    write(driver(session), [(GIFTS, rows), (events.EVENTS, told)])


def _summed(claims: list[Claim]) -> list[Claim]:
    sums: dict[str, int] = {}
    for claim in claims:
        sums[claim.key] = sums.get(claim.key, 0) + claim.amount
    return [Claim("limit", key, amount) for key, amount in sums.items()]

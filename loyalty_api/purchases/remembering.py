"""The history of a member as rules ask for it: what is stored, and what this transaction has recorded of it so far."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.purchases.queries_history import Past, past
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit import history
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.days import local_day

LAST = UUID(int=2**128 - 1)
"""Stands for the id of a purchase that comes after all others of its moment, as a quote's would."""

Recorded = tuple[datetime, UUID, Basket]
"""A purchase of this transaction: when it happened, its id and what was bought."""


def remembered(
    connection: Connection[TupleRow],
    basket: Basket,
    program: Program,
    at: datetime,
    *,
    member_id: UUID,
    purchase_id: UUID,
    recorded: Sequence[Recorded] = (),
) -> dict[str, int]:
    """The numbers of the member's history before a purchase, as far as the program's rules ask for them."""
    asks, zone = program.earning.past, program.settings.zone
    if not asks:
        return {}
    categories = [key for key in sorted(asks) if key.startswith(history.BOUGHT)]
    found = past(
        connection, member_id=member_id, at=at, purchase_id=purchase_id, store=basket.store, zone=zone.key,
        categories=categories, known=[known for _, known, _ in recorded],
    )  # fmt: skip
    for moment, known, bought in recorded:
        if (moment, known) < (at, purchase_id):
            _add(found, moment, bought, basket.store, zone, categories)
    return {key: value for key, value in _numbers(found, basket.store, zone).items() if _asked(key, asks)}


def _add(
    found: Past, at: datetime, bought: Basket, store: str, zone: ZoneInfo, categories: Sequence[str]
) -> None:
    found.purchases += 1
    found.last = max(found.last or at, at)
    if bought.store == store:
        found.last_here = max(found.last_here or at, at)
    found.weeks.add(history.week_of(local_day(at, zone)))
    found.bought |= {key for key in categories if history.has(bought.lines, history.path_in(key))}


def _numbers(found: Past, store: str, zone: ZoneInfo) -> dict[str, int]:
    if not found.purchases or found.last is None:
        return {}
    week = max(found.weeks, default=0)
    streak = 1
    while week - streak in found.weeks:
        streak += 1
    numbers = {
        history.PURCHASES: found.purchases,
        history.DAY: local_day(found.last, zone).toordinal(),
        history.WEEK: week,
        history.STREAK: streak,
    }
    if found.last_here is not None:
        numbers[history.STORE + store] = int(found.last_here.timestamp()) // 60
    return numbers | dict.fromkeys(found.bought, 1)


def _asked(key: str, asks: frozenset[str]) -> bool:
    return key in asks or (key.startswith(history.STORE) and history.STORE in asks)

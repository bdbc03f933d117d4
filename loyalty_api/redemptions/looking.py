"""Redemptions as they stand, with the balance as of now. What time has done is worked out, not written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.ledger import reading
from loyalty_api.ledger.queries import lots_of
from loyalty_api.members import service as members
from loyalty_api.redemptions import queries, rules
from loyalty_api.redemptions.rewarding import deliveries, why_not
from loyalty_api.redemptions.rules import Caller, Redemption, RedemptionUnknown
from loyalty_api.redemptions.writing import Counter, Done
from loyalty_api.rewards import service as catalogue
from loyalty_api.rewards.rules import Asking, Reason, Reward
from loyalty_api.tiers.service import level_now


def look(
    session: Session,
    counter: Counter,
    *,
    redemption_id: UUID,
    caller: Caller,
    now: datetime,
    owner: UUID | None = None,
) -> Done:
    """A redemption as it stands, with the member's balance as of ``now``.

    :raises RedemptionUnknown: there is none, or it is not the owner's, or another store's.
    """
    connection = driver(session)
    found = queries.find(connection, redemption_id)
    if found is None or owner not in (None, found.member_id):
        raise RedemptionUnknown
    rules.ensure_yours(found, caller)
    return _looked_at(connection, counter, found.member_id, [found], now)[0]


def list_of(
    session: Session,
    counter: Counter,
    *,
    member_id: UUID,
    before: tuple[datetime, UUID] | None,
    limit: int,
    now: datetime,
) -> list[Done]:
    """A member's redemptions, the latest first, with the balance as of ``now``."""
    connection = driver(session)
    found = queries.of_member(connection, member_id, before=before, limit=limit)
    return _looked_at(connection, counter, member_id, found, now) if found else []


def offered_to(
    session: Session,
    counter: Counter,
    *,
    member_id: UUID,
    store_id: str | None,
    after: UUID | None,
    limit: int,
    now: datetime,
) -> list[tuple[Reward, int | None, list[Reason]]]:
    """What is in the catalogue, each reward with what is left of it and every reason against having it.

    :raises NotFound: there is no such member.
    :raises NotRedeemableHere: the program has not begun.
    """
    connection = driver(session)
    found = reading.shown(connection, member_id, now)
    status, tags = members.standing(session, member_id=member_id)
    tier = level_now(connection, counter.programs, member_id=member_id, now=now)
    asking = Asking(status, tuple(tags), tier, found.account.balance.available, store_id, now)
    offered = catalogue.offered(connection, after=after, limit=limit)
    return why_not(connection, offered, asking, member_id, counter.policy(connection, now))


def _looked_at(
    connection: Connection[TupleRow],
    counter: Counter,
    member_id: UUID,
    found: Sequence[Redemption],
    now: datetime,
) -> list[Done]:
    shown = reading.shown(connection, member_id, now)
    named = [lot_id for each in found for lot_id, _ in each.lots]
    lots = lots_of(connection, [member_id], named=named)[member_id]
    with_them = deliveries(connection, counter.vault, found)
    return [
        Done(each, shown.account.balance, shown.version, lots, with_them.get(each.redemption_id))
        for each in found
    ]

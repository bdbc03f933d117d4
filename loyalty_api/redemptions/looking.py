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
from loyalty_api.redemptions import queries, rules
from loyalty_api.redemptions.rules import Caller, Redemption, RedemptionUnknown
from loyalty_api.redemptions.writing import Done


def look(
    session: Session, *, redemption_id: UUID, caller: Caller, now: datetime, owner: UUID | None = None
) -> Done:
    """A redemption as it stands, with the member's balance as of ``now``.

    :raises RedemptionUnknown: there is none, or it is not the owner's.
    :raises HoldNotYours: it is another store's.
    """
    connection = driver(session)
    found = queries.find(connection, redemption_id)
    if found is None or owner not in (None, found.member_id):
        raise RedemptionUnknown
    rules.ensure_yours(found, caller)
    return _looked_at(connection, found.member_id, [found], now)[0]


def list_of(
    session: Session,
    *,
    member_id: UUID,
    before: tuple[datetime, UUID] | None,
    limit: int,
    now: datetime,
) -> list[Done]:
    """A member's redemptions, the latest first, with the balance as of ``now``."""
    connection = driver(session)
    found = queries.of_member(connection, member_id, before=before, limit=limit)
    return _looked_at(connection, member_id, found, now) if found else []


def _looked_at(
    connection: Connection[TupleRow], member_id: UUID, found: Sequence[Redemption], now: datetime
) -> list[Done]:
    shown = reading.shown(connection, member_id, now)
    named = [lot_id for each in found for lot_id, _ in each.lots]
    lots = lots_of(connection, [member_id], named=named)[member_id]
    return [Done(each, shown.account.balance, shown.version, lots) for each in found]

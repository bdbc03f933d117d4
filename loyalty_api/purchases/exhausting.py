"""Telling the merchant that the budget of a promotion is used up: once for each budget and period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver
from loyalty_api.facts.service import Counted
from loyalty_api.promotions.rules_limits import is_of_promotion, rule_of_limit, told_of_limit

_KIND = "promotion_exhausted"


def used_up_rows(
    connection: Connection[TupleRow], counted: Counted, row: Mapping[str, Any]
) -> list[Sequence[Any]]:
    """The events of budgets that the purchase of ``row`` used up, to be written with it."""
    moments = row["occurred_at"], row["recorded_at"]
    return [
        (row["member_id"], _KIND, rule, *moments, body, False)
        for rule, body in _used_up(connection, counted, row["purchase_id"])
    ]


def tell_used_up(
    session: Session, counted: Counted, *, member_id: UUID, purchase_id: UUID, at: datetime, now: datetime
) -> None:
    """The same of a purchase that was recorded before and is rated ``now``. The caller holds the member."""
    for rule, body in _used_up(driver(session), counted, purchase_id):
        events.record(
            session, member_id=member_id, kind=_KIND, subject=rule, occurred_at=at, now=now, body=body
        )


def _used_up(
    connection: Connection[TupleRow], counted: Counted, purchase_id: UUID
) -> list[tuple[str, dict[str, Any]]]:
    """The promotions of which a purchase has taken the last, and what is told of each."""
    if not counted.reached:
        return []
    shown = ids.show("pur", purchase_id)
    return [
        (rule_of_limit(key), {"purchase_id": shown, **told_of_limit(key, most)})
        for key, most in sorted(counted.newly_used_up(connection).items())
        if is_of_promotion(key)
    ]

"""Telling those who wait for a receipt that it has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver
from loyalty_api.purchases import queries_claims
from loyalty_api.purchases.queries import Blind
from loyalty_api.purchases.rated import Row


def look_again(
    session: Session, rows: Sequence[Row], scanned: Mapping[UUID, Blind | None], now: datetime
) -> None:
    """See whether someone has claimed one of these receipts before it arrived (M9), or enrolled its identifier.

    They are told of it once this is committed. Who comes later finds the receipts by themselves.
    """
    if not rows:
        return
    blinds = {blind for row in rows if (blind := scanned[row["purchase_id"]])}
    claimed, enrolled = queries_claims.looked_for(driver(session), rows, sorted(blinds))
    for row in rows:
        blind = scanned[row["purchase_id"]]
        if row["purchase_id"] in claimed:
            _tell(session, row, "awaited_receipt_arrived", {}, now)
        if blind in enrolled:
            kind, mark = blind
            _tell(session, row, "scanned_identifier_enrolled", {"kind": kind, "_blind": mark.hex()}, now)


def _tell(session: Session, row: Row, kind: str, body: Mapping[str, Any], now: datetime) -> None:
    events.record(
        session, member_id=row["member_id"], kind=kind, subject=ids.show("pur", row["purchase_id"]),
        occurred_at=row["occurred_at"], now=now, body=body, reaction_due=True,
    )  # fmt: skip

"""Which feature reacts to which event: the only place that knows both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.purchases import claims
from loyalty_api.purchases.desk import Desk
from loyalty_api.returns import waiting


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that another feature is told about."""

    member_id: UUID
    kind: str
    subject: str
    body: Mapping[str, Any]


def _attach_earlier_receipts(session: Session, desk: Desk, event: Happened, now: datetime) -> None:
    claims.attach(
        session,
        desk,
        member_id=event.member_id,
        blind=(event.body["kind"], bytes.fromhex(event.body["_blind"])),
        now=now,
    )


def _attach_receipt_that_met_enrolment(session: Session, desk: Desk, event: Happened, now: datetime) -> None:
    blind = (event.body["kind"], bytes.fromhex(event.body["_blind"]))
    claims.attach_to_owner(session, desk, blind=blind, now=now)


def _keep_promises(session: Session, desk: Desk, event: Happened, now: datetime) -> None:
    purchase_id = ids.read("pur", event.subject)
    if purchase_id is not None:
        claims.keep_promises(session, desk, purchase_id=purchase_id, now=now)


def _apply_waiting_returns(session: Session, desk: Desk, event: Happened, now: datetime) -> None:
    purchase_id = ids.read("pur", event.subject)
    if purchase_id is not None:
        waiting.apply_waiting(session, desk, purchase_id=purchase_id, now=now)


REACTIONS: Mapping[str, Callable[[Session, Desk, Happened, datetime], None]] = {
    "identifier_added": _attach_earlier_receipts,
    "awaited_receipt_arrived": _keep_promises,
    "scanned_identifier_enrolled": _attach_receipt_that_met_enrolment,
    "awaited_purchase_arrived": _apply_waiting_returns,
}

"""Corrections over HTTP: one call, never anonymous."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.adjustments import rules, service
from loyalty_api.adjustments.queries import Adjustment
from loyalty_api.errors import NotFound
from loyalty_api.fields import Choice, Flag, Moment, Schema, Text, Whole
from loyalty_api.http import Blueprint
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.ledger.rules_spending import InsufficientPoints
from loyalty_api.ledger.schemas import EntryBalanceSchema
from loyalty_api.members.service import MemberClosed
from loyalty_api.security import principal

blueprint = Blueprint("adjustments", __name__, url_prefix="/v1", description="Corrections by the staff")
_MOST = 1_000_000_000


class AdjustmentBody(Schema):
    """Points to give (above 0) or to take (below 0), why, and who decided it."""

    points = Whole(required=True, least=-_MOST, most=_MOST)
    reason = Choice(*rules.REASONS, required=True)
    note = Text(longest=500, allow_none=True, load_default=None)
    cashier = Text(longest=64, allow_none=True, load_default=None)
    may_owe = Flag(
        load_default=False, metadata={"description": "what is not there to be taken becomes a debt"}
    )

    @ma.validates("points")
    def _something(self, value: int, **_: Any) -> None:
        if value == 0:
            raise ma.ValidationError("A correction gives or takes something.")


class AdjustmentSchema(Schema):
    """A correction as it was made."""

    adjustment_id = Text(required=True)
    member_id = Text(required=True)
    points = Whole(required=True)
    reason = Choice(*rules.REASONS, required=True)
    note = Text(required=True, allow_none=True, longest=500)
    client = Text(required=True)
    cashier = Text(required=True, allow_none=True)
    created_at = Moment(required=True)
    balance = ma.fields.Nested(EntryBalanceSchema(), required=True)


BODY: dict[str, Any] = {
    "points": 50,
    "reason": "goodwill",
    "note": "The coffee was cold.",
    "cashier": "c-118",
}
ADJUSTMENT: dict[str, Any] = {
    "adjustment_id": "adj_01m80xfza0e4trdbsjq23m1646", "member_id": "mbr_01m80xfza0e4trdbsjq23m1646", "points": 50,
    "reason": "goodwill", "note": "The coffee was cold.", "client": "cli_01m80xfza0e4trdbsjq23m1646",
    "cashier": "c-118", "created_at": "2026-11-21T15:06:41Z",
    "balance": {"available": 1293, "pending": 0, "held": 0, "debt": 0, "version": 319},
}  # fmt: skip


@blueprint.operation(
    "POST", "/members/<mbr:member_id>/adjustments", "adjust_points", summary="Correct a member's points",
    status=201, body=AdjustmentBody(), answer=AdjustmentSchema(), example=BODY, answer_example=ADJUSTMENT,
    errors=(NotFound, MemberClosed, InsufficientPoints, rules.AdjustmentsUsedUp),
)  # fmt: skip
@idempotent(status=201)
def adjust(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    """Points that are given live by the program's terms. No more is taken than there is, unless `may_owe`."""
    now, who = clock.now(), principal()
    wanted = Adjustment(
        member_id, ids.new(), body["points"], body["reason"], body["note"], who.kind, who.client_id,
        body["cashier"], now,
    )  # fmt: skip
    lent = current_app.extensions
    done = service.adjust(
        session, lent["programs"], vault=lent["vault"], wanted=wanted, may_owe=body["may_owe"], now=now
    )
    return Answer(_document(done), owner=member_id)


def _document(done: service.Adjusted) -> dict[str, Any]:
    made, balance = done.adjustment, done.balance
    return {
        "adjustment_id": ids.show("adj", made.adjustment_id),
        "member_id": ids.show("mbr", made.member_id),
        "points": made.points,
        "reason": made.reason,
        "note": made.note,
        "client": made.client_id,
        "cashier": made.cashier,
        "created_at": made.created_at,
        "balance": {
            "available": balance.available,
            "pending": balance.pending,
            "held": balance.held,
            "debt": balance.debt,
            "version": done.version,
        },
    }

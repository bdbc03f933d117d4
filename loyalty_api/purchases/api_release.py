"""Telling that something has happened to a purchase, which its points may have waited for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.fields import Schema, Text, Whole
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.program.rules_lots import EVENT_NAME
from loyalty_api.purchases import releasing, service
from loyalty_api.purchases.api_till import blueprint, caller
from loyalty_api.purchases.schemas import BalanceAfterSchema
from loyalty_api.security import StoreNotAllowed, ensure_store, principal


class HappenedBody(Schema):
    """What has happened to the purchase, by the name that the program's terms use."""

    event = Text(required=True, longest=40, pattern=EVENT_NAME)


class ReleasedSchema(Schema):
    """How many points are available now that waited before, and the balance after it."""

    purchase_id = Text(required=True)
    event = Text(required=True)
    points = Whole(required=True)
    balance = ma.fields.Nested(BalanceAfterSchema(), required=True)


@blueprint.operation(
    "POST", "/purchases/<pur:purchase_id>/release", "release_purchase", summary="Release points that waited",
    body=HappenedBody(), answer=ReleasedSchema(), example={"event": "delivered"},
    answer_example={
        "purchase_id": "pur_01m80xfza0e4trdbsjq23m1646", "event": "delivered", "points": 95,
        "balance": {"available": 1338, "pending": 0, "held": 0, "debt": 0, "version": 319},
    },
    errors=(service.PurchaseUnknown, releasing.PurchaseWithoutMember, StoreNotAllowed),
)  # fmt: skip
@idempotent()
def release(session: Session, purchase_id: UUID, body: dict[str, Any]) -> Answer:
    """Points with the terms `on_event` wait until it is told here that their event has happened, or until their days
    are over. Telling it twice, or of a purchase whose points wait for nothing, releases nothing."""
    row = service.find(session, purchase_id=purchase_id)
    who = principal()
    if who.store_id is not None and row["store_id"] != who.store_id:
        raise service.PurchaseUnknown
    ensure_store(who, row["store_id"])
    found = releasing.release(
        session, purchase=row, event=body["event"], first_id=ids.new(), who=caller(), now=clock.now()
    )
    balance = found.balance
    return Answer(
        {
            "purchase_id": ids.show("pur", purchase_id),
            "event": body["event"],
            "points": found.points,
            "balance": {
                "available": balance.available, "pending": balance.pending, "held": balance.held,
                "debt": balance.debt, "version": found.version,
            },
        }
    )  # fmt: skip

"""The batch call and what it refused, over HTTP."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Response
from sqlalchemy.orm import Session

from loyalty_api import clock, ids, ndjson
from loyalty_api.batches import batch, rejects
from loyalty_api.batches.kinds import Sender, kinds
from loyalty_api.fields import Choice, Day, Moment, Schema, Text, Whole
from loyalty_api.http import Blueprint, database, unit_of_work
from loyalty_api.idempotency import idempotent
from loyalty_api.loading import Loader
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.purchases import examples
from loyalty_api.purchases.api_till import caller, desk
from loyalty_api.purchases.schemas import MAX_MONEY, PurchaseSchema
from loyalty_api.returns.schemas import STORE, ReturnSchema, VoidByReceiptSchema
from loyalty_api.security import ensure_store, principal

LIMITS = ndjson.Limits(size=64 << 20, lines=10_000)
blueprint = Blueprint(
    "batches", __name__, url_prefix="/v1", description="After an outage: many items of all kinds in one file."
)


class BatchResultSchema(Schema):
    """What became of one item."""

    index = Whole(required=True, metadata={"description": "which line, counted from 0, blank ones left out"})
    type = Text(required=True)
    reference = Text(required=True, allow_none=True, shortest=0)
    status = Choice(
        "created", "duplicate", "waiting", "rejected", "ignored", "matches", "differs", required=True
    )
    id = Text(required=True, allow_none=True)
    points = Whole(required=True, allow_none=True)
    code = Text(required=True, allow_none=True)
    errors = ma.fields.List(ma.fields.Dict())
    differences = ma.fields.Dict(metadata={"description": "of totals: what was sent and what is recorded"})


class DayTotalsSchema(Schema):
    """What a lane counted on a business date; what was voided is not counted, returns do not lower the total."""

    store = Text(required=True, longest=44, pattern=STORE)
    terminal = Text(required=True, longest=32)
    business_date = Day(required=True)
    purchases = Whole(required=True, least=0)
    returns = Whole(least=0)
    total = Whole(least=-MAX_MONEY, most=MAX_MONEY)


class ReleaseSchema(Schema):
    """A hold that is given up; its members stand beside the type."""

    redemption_id = Text(required=True, longest=64)
    occurred_at = Moment(required=True)


class BatchItemSchema(Schema):
    """One line of a batch: a ``body`` by its type, but a release has its two members beside the type."""

    type = Choice("purchase", "return", "void", "release", "totals", required=True)
    redemption_id = Text(longest=64, metadata={"description": "of a release"})
    occurred_at = Moment(metadata={"description": "of a release"})
    body = ma.fields.Dict(
        metadata={
            "description": "By type: as POST /v1/purchases, POST /v1/returns and POST /v1/voids take it;"
            " totals: store, terminal, business_date, purchases, returns, total.",
            "anyOf": [
                *[
                    {"$ref": f"#/components/schemas/{name}"}
                    for name in ("Purchase", "Return", "VoidByReceipt")
                ],
                {"type": "object", "required": ["store", "terminal", "business_date", "purchases"]},
            ],
        },
    )


KINDS = kinds(
    {
        "purchase": Loader(PurchaseSchema()).load,
        "return": Loader(ReturnSchema()).load,
        "void": Loader(VoidByReceiptSchema()).load,
        "release": Loader(ReleaseSchema()).load,
        "totals": Loader(DayTotalsSchema()).load,
    },
    purchases_at_once=batch.MOST_AT_ONCE,
)


class RejectQuery(PageQuery):
    """Which refused items."""

    store = Text(longest=44, load_default=None, metadata={"description": "only this store's"})
    state = Choice("open", "cleared", load_default="open", metadata={"description": "open or seen to"})


class RejectSchema(Schema):
    """An item that was refused for good, as it came."""

    reject_id = Text(required=True)
    type = Text(required=True)
    store = Text(required=True, allow_none=True)
    reference = Text(required=True, allow_none=True)
    code = Text(required=True)
    errors = ma.fields.List(ma.fields.Dict(), required=True)
    client_id = Text(required=True)
    created_at = Moment(required=True)
    cleared_at = Moment(required=True, allow_none=True)
    cleared_by = Text(required=True, allow_none=True)
    note = Text(required=True, allow_none=True, longest=500)
    item = ma.fields.Raw(required=True)


class ClearSchema(Schema):
    """What was done about a refused item."""

    note = Text(longest=500, allow_none=True, load_default=None)


class ClearedSchema(Schema):
    """A refused item that was seen to."""

    reject_id = Text(required=True)
    state = Choice("cleared", required=True)


@blueprint.operation(
    "POST", "/batch", "send_batch", summary="Send what was queued",
    body=BatchItemSchema(), body_type=ndjson.MEDIA_TYPE,
    answer=BatchResultSchema(), answer_type=ndjson.MEDIA_TYPE,
    example={"type": "purchase", "body": examples.PURCHASE},
    answer_example={
        "index": 0, "type": "purchase", "reference": "004711", "status": "created",
        "id": "pur_01m80xfza0e4trdbsjq23m1646", "points": 95, "code": None,
    },
    errors=(ndjson.BatchRunning, ndjson.BodyCutShort),
)  # fmt: skip
def send_batch() -> Response:
    """One JSON item a line, up to 10,000; one result a line, each answered once it is durable. A batch that was cut
    off is sent again whole: what was recorded already answers ``duplicate``. Items are recorded in their order."""
    body = ndjson.Body(LIMITS, longest_line=batch.LONGEST_ITEM)
    who = principal()
    counter = batch.Counter(Sender(caller(), partial(ensure_store, who), who.scopes, who.store_id), KINDS)
    return ndjson.answer(body, batch.work(database(), desk(), body.lines(), counter=counter, clock=clock.now))


@blueprint.operation(
    "GET", "/rejects", "list_rejects", summary="What was refused for good", query=RejectQuery(),
    answer=page_of(RejectSchema(), "RejectPage"),
    answer_example={"data": [examples.REJECT], "next_cursor": None},
)  # fmt: skip
def list_rejects(query: dict[str, Any]) -> dict[str, Any]:
    """A person looks at each: the till has deleted it from its queue."""
    after = read_cursor(query["cursor"], UUID)
    with unit_of_work() as session:
        rows = rejects.rejects(
            session, desk().vault, store_id=principal().store_id or query["store"],
            before=after[0] if after else None, cleared=query["state"] == "cleared", limit=query["limit"] + 1,
        )  # fmt: skip
    found = page(rows, limit=query["limit"], key=lambda row: [row["reject_id"]])
    return {**found, "data": [_reject(row) for row in found["data"]]}


def _reject(row: dict[str, Any]) -> dict[str, Any]:
    shown = {**row, "reject_id": ids.show("rej", row["reject_id"]), "store": row["store_id"]}
    del shown["store_id"]
    return shown


@blueprint.operation(
    "POST", "/rejects/<rej:reject_id>/clear", "clear_reject", summary="Mark a refused item as seen to",
    body=ClearSchema(), answer=ClearedSchema(), example={"note": "Rung up again under a new number."},
    answer_example={"reject_id": "rej_01m80xfza0e4trdbsjq23m1646", "state": "cleared"},
    errors=(rejects.RejectUnknown,),
)  # fmt: skip
@idempotent()
def clear(session: Session, reject_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    """It stays in the list of cleared items, with who did it and the note."""
    who = principal()
    rejects.clear(
        session,
        reject_id=reject_id,
        store_id=who.store_id,
        note=body["note"],
        by=who.client_id,
        now=clock.now(),
    )
    return {"reject_id": ids.show("rej", reject_id), "state": "cleared"}

"""The stores over HTTP."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response

from loyalty_api import clock, masters, ndjson
from loyalty_api.fields import Choice, Flag, Schema, Text, Whole
from loyalty_api.http import Blueprint, database, unit_of_work
from loyalty_api.paging import BadCursor, PageQuery, page, page_of, read_cursor
from loyalty_api.security import principal
from loyalty_api.stores import rules, service
from loyalty_api.stores.rules import Store

blueprint = Blueprint(
    "stores", __name__, description="The merchant's stores: where purchases happen, and in which time zone."
)
LIMITS = ndjson.Limits(size=16 << 20, lines=20_000)


class StoreSchema(Schema):
    """A store of the merchant's."""

    store = Text(
        required=True, longest=44, pattern=rules.STORE_ID, metadata={"description": "the store's id"}
    )
    name = Text(required=True, metadata={"description": "what people call it"})
    time_zone = Text(required=True, longest=64, metadata={"description": "IANA name of its time zone"})
    city = Text(allow_none=True, load_default=None, metadata={"description": "where it is"})
    active = Flag(load_default=True, metadata={"description": "false once the store has closed"})


class StoreResultSchema(Schema):
    """What became of one line."""

    index = Whole(
        required=True, least=0, metadata={"description": "which line, counted from 0, blank ones left out"}
    )
    store = Text(required=True, allow_none=True, shortest=0, longest=80)
    status = Choice("created", "updated", "unchanged", "rejected", required=True)
    code = Text(required=True, allow_none=True, metadata={"description": "why it was rejected"})
    errors = ma.fields.List(ma.fields.Dict(keys=Text(), values=Text(shortest=0, longest=2000)), required=True)


STORE_EXAMPLE = {
    "store": "str_0412",
    "name": "Storgata",
    "time_zone": "Europe/Oslo",
    "city": "Oslo",
    "active": True,
}


def show(store: Store) -> dict[str, Any]:
    """A store as the API shows it."""
    return {
        "store": store.store_id,
        "name": store.name,
        "time_zone": store.time_zone,
        "city": store.city,
        "active": store.active,
    }


@blueprint.operation(
    "PUT",
    "/v1/stores",
    "put_stores",
    summary="Upload stores, one a line",
    body=StoreSchema(),
    body_type=ndjson.MEDIA_TYPE,
    example=[STORE_EXAMPLE],
    answer=StoreResultSchema(),
    answer_type=ndjson.MEDIA_TYPE,
    answer_example=[{"index": 0, "store": "str_0412", "status": "created", "code": None, "errors": []}],
    errors=(ndjson.BatchRunning, ndjson.BodyCutShort),
)
def put_stores() -> Response:
    """Each line replaces the store it names; a line that is refused holds up no other.

    Every line is answered by one result, in order, as soon as it is durable. If fewer results come back than
    lines were sent, send the file again: what is there already is `unchanged`. Stores that are not in the
    file stay.
    """
    body = ndjson.Body(LIMITS)
    work = masters.load(
        database().unit_of_work, service.MASTER, body.lines(), now=clock.now(), by=principal().client_id
    )
    return ndjson.answer(body, work)


@blueprint.operation(
    "GET",
    "/v1/stores",
    "list_stores",
    summary="List the stores",
    query=PageQuery(),
    answer=page_of(StoreSchema(), "StorePage"),
    answer_example={"data": [STORE_EXAMPLE], "next_cursor": None},
    errors=(BadCursor,),
)
def list_stores(query: dict[str, Any]) -> dict[str, Any]:
    """Stores in the order of their ids."""
    cursor = read_cursor(query["cursor"], str)
    with unit_of_work() as session:
        found = service.list_stores(session, after=cursor[0] if cursor else None, limit=query["limit"] + 1)
    return page([show(store) for store in found], limit=query["limit"], key=lambda store: [store["store"]])


@blueprint.operation(
    "GET",
    "/v1/stores/<string:store>",
    "get_store",
    summary="Get a store",
    answer=StoreSchema(),
    answer_example=STORE_EXAMPLE,
    errors=(service.StoreUnknown,),
)
def get_store(store: str) -> dict[str, Any]:
    """One store by its id."""
    with unit_of_work() as session:
        return show(service.get(session, store_id=store))

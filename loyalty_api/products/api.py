"""The products over HTTP."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response

from loyalty_api import clock, masters, ndjson
from loyalty_api.fields import Choice, Schema, Text, Whole
from loyalty_api.http import Blueprint, database, unit_of_work
from loyalty_api.paging import BadCursor, PageQuery, page, page_of, read_cursor
from loyalty_api.products import rules, service
from loyalty_api.security import principal

blueprint = Blueprint(
    "products", __name__, description="The merchant's products: what rules select by, whatever a till sends."
)
LIMITS = ndjson.Limits(size=64 << 20, lines=100_000)


class ProductSchema(Schema):
    """A product of the merchant's. Money is in minor units."""

    sku = Text(
        required=True, longest=64, pattern=rules.SKU, metadata={"description": "the merchant's number for it"}
    )
    name = Text(required=True, metadata={"description": "what people call it"})
    category = ma.fields.List(
        Text(longest=100),
        validate=ma.validate.Length(max=rules.DEEPEST_CATEGORY),
        load_default=list,
        metadata={"description": "path of groups from the outermost inwards"},
    )
    department = Text(longest=100, allow_none=True, load_default=None)
    brand = Text(longest=100, allow_none=True, load_default=None)
    legal_class = Text(
        longest=40,
        pattern=rules.LEGAL_CLASS,
        allow_none=True,
        load_default=None,
        metadata={
            "description": "such as alcohol, tobacco, infant_formula: the program's exclusions go by it"
        },
    )
    deposit = Whole(
        least=0, most=rules.DEAREST, load_default=0, metadata={"description": "deposit on a piece"}
    )
    unit = Choice(
        *rules.UNITS, load_default="each", metadata={"description": "what a line's quantity counts"}
    )
    cost = Whole(
        least=0,
        most=rules.DEAREST,
        allow_none=True,
        load_default=None,
        metadata={"description": "what a piece costs the merchant"},
    )
    tags = ma.fields.List(
        Text(longest=40),
        validate=ma.validate.Length(max=rules.MOST_TAGS),
        load_default=list,
        metadata={"description": "what rules may select by beside the groups; kept as a sorted set"},
    )
    type = Choice(*rules.TYPES, load_default="goods", metadata={"description": "what kind of line it makes"})

    @ma.post_load
    def _as_a_set(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**data, "tags": sorted(set(data["tags"]))}


class ProductResultSchema(Schema):
    """What became of one line."""

    index = Whole(
        required=True, least=0, metadata={"description": "which line, counted from 0, blank ones left out"}
    )
    sku = Text(required=True, allow_none=True, shortest=0, longest=80)
    status = Choice("created", "updated", "unchanged", "rejected", required=True)
    code = Text(required=True, allow_none=True, metadata={"description": "why it was rejected"})
    errors = ma.fields.List(ma.fields.Dict(keys=Text(), values=Text(shortest=0, longest=2000)), required=True)


PRODUCT_EXAMPLE = {
    "sku": "7038010000010",
    "name": "Milk 1 l",
    "category": ["Dairy", "Milk"],
    "department": "DAIRY",
    "brand": "Tine",
    "legal_class": None,
    "deposit": 0,
    "unit": "each",
    "cost": 1450,
    "type": "goods",
    "tags": ["fresh", "organic"],
}


@blueprint.operation(
    "PUT",
    "/v1/products",
    "put_products",
    summary="Upload products, one a line",
    body=ProductSchema(),
    body_type=ndjson.MEDIA_TYPE,
    example=[PRODUCT_EXAMPLE],
    answer=ProductResultSchema(),
    answer_type=ndjson.MEDIA_TYPE,
    answer_example=[{"index": 0, "sku": "7038010000010", "status": "created", "code": None, "errors": []}],
    errors=(ndjson.BatchRunning, ndjson.BodyCutShort),
)
def put_products() -> Response:
    """Each line replaces the product it names; a line that is refused holds up no other.

    Every line is answered by one result, in order, as soon as it is durable. If fewer results come back than
    lines were sent, send the file again: what is there already is `unchanged`. Products that are not in the
    file stay.
    """
    body = ndjson.Body(LIMITS)
    work = masters.load(
        database().unit_of_work, service.MASTER, body.lines(), now=clock.now(), by=principal().client_id
    )
    return ndjson.answer(body, work)


@blueprint.operation(
    "GET",
    "/v1/products",
    "list_products",
    summary="List the products",
    query=PageQuery(),
    answer=page_of(ProductSchema(), "ProductPage"),
    answer_example={"data": [PRODUCT_EXAMPLE], "next_cursor": None},
    errors=(BadCursor,),
)
def list_products(query: dict[str, Any]) -> dict[str, Any]:
    """Products in the order of their skus."""
    cursor = read_cursor(query["cursor"], str)
    with unit_of_work() as session:
        found = service.list_products(session, after=cursor[0] if cursor else None, limit=query["limit"] + 1)
    return page(found, limit=query["limit"], key=lambda product: [product["sku"]])


@blueprint.operation(
    "GET",
    "/v1/products/<string:sku>",
    "get_product",
    summary="Get a product",
    answer=ProductSchema(),
    answer_example=PRODUCT_EXAMPLE,
    errors=(service.ProductUnknown,),
)
def get_product(sku: str) -> dict[str, Any]:
    """One product by its sku."""
    with unit_of_work() as session:
        return service.get(session, sku=sku)

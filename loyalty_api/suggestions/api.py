"""What goes with what, for the people who plan it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import marshmallow as ma
from flask import current_app

from loyalty_api import clock, masters
from loyalty_api.db import driver
from loyalty_api.fields import Moment, Schema, Text, Whole
from loyalty_api.http import Blueprint, unit_of_work
from loyalty_api.products.rules import SKU, Product
from loyalty_api.products.service import Catalogue
from loyalty_api.program.service import Programs
from loyalty_api.stores.rules import STORE_ID
from loyalty_api.suggestions.rules import Suggesting
from loyalty_api.suggestions.service import Memory

blueprint = Blueprint(
    "suggestions", __name__, url_prefix="/v1", description="What is suggested at the till, and why."
)
_OFF = Suggesting(0)


class SuggestionsQuery(Schema):
    """A product, and the store whose sales are asked too."""

    sku = Text(required=True, longest=64, pattern=SKU)
    store = Text(load_default=None, longest=44, pattern=STORE_ID)


class BoughtWithSchema(Schema):
    """A product that was in the same baskets; ``lift_percent`` is how often against what chance would give.

    ``kept_out`` says why it is never suggested: blocked, excluded (by the program's exclusions, or because it is no
    goods), unknown_product (the master does not hold it), not_sold_here (in the store); null when it may be.
    """

    sku = Text(required=True)
    name = Text(required=True, allow_none=True)
    together = Whole(required=True)
    bought = Whole(required=True)
    lift_percent = Whole(required=True)
    kept_out = Text(required=True, allow_none=True)


class BoughtTogetherSchema(Schema):
    """What was bought together with a product, as it was last counted; the best first.

    ``bought`` is how many of the ``baskets`` that were counted held it.
    """

    sku = Text(required=True)
    refreshed_at = Moment(required=True, allow_none=True)
    baskets = Whole(required=True)
    bought = Whole(required=True)
    data = ma.fields.List(ma.fields.Nested(BoughtWithSchema()), required=True)


class _Desk(Protocol):
    catalogue: Catalogue
    suggestions: Memory


class _Program(Protocol):
    suggestions: Suggesting | None


@blueprint.operation(
    "GET", "/suggestions", "list_suggestions", summary="What goes with a product", query=SuggestionsQuery(),
    answer=BoughtTogetherSchema(),
    answer_example={
        "sku": "7038010000010", "refreshed_at": "2026-11-20T02:20:00Z", "baskets": 70111, "bought": 2903,
        "data": [
            {"sku": "2001", "name": "Bananas", "together": 412, "bought": 7010, "lift_percent": 142, "kept_out": None}
        ],
    },
)  # fmt: skip
def list_suggestions(query: dict[str, Any]) -> dict[str, Any]:
    """Counts of the last refresh, with what keeps a product from being suggested by the rules in force now."""
    desk: _Desk = current_app.extensions["desk"]
    programs: Programs[_Program] = current_app.extensions["programs"]
    with unit_of_work() as session:
        connection = driver(session)
        program = programs.at(connection, clock.now())
        version = masters.version(connection, "products")

        def products(skus: Sequence[str]) -> dict[str, Product]:
            return desk.catalogue.resolve(connection, skus, version=version)

        wanted = (program and program.suggestions) or _OFF
        found = desk.suggestions.about(
            connection, wanted, sku=query["sku"], store=query["store"], products=products
        )
        names = desk.suggestions.names(connection, [one["sku"] for one in found["data"]], version=version)
    return {**found, "data": [{**one, "name": names.get(one["sku"]) or None} for one in found["data"]]}

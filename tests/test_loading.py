"""The quick way of reading a body and the schema itself never disagree."""

from __future__ import annotations

import copy
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.app import blueprints
from loyalty_api.loading import Loader, nothing_asked
from loyalty_api.purchases import examples
from loyalty_api.purchases.schemas import PurchaseSchema

SCHEMA = PurchaseSchema()
LOADER = Loader(SCHEMA)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}),
    st.just("\x00"), st.just("2026-11-21T16:04:05+01:00"), st.just("2026-02-30"), st.just(10**12), st.just([[]]),
)  # fmt: skip


def result(load: Any, body: Any) -> Any:
    try:
        return load(body)
    except ma.ValidationError as error:
        return ("refused", error.messages)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, as the keys that lead there."""
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        found += places(item, (*path, key))
    return found


@given(st.data())
def test_any_change_to_a_purchase_is_judged_alike(data: st.DataObject) -> None:
    body = copy.deepcopy(examples.PURCHASE)
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(places(body)))
        holder = body
        for key in way:
            holder = holder[key]
        action = data.draw(st.sampled_from(("replace", "remove", "add")))
        if action == "replace" or isinstance(holder, list):
            holder[last] = data.draw(VALUES)
        elif action == "remove":
            del holder[last]
        else:
            holder[data.draw(st.sampled_from(("surprise", "category", "cost", "metadata")))] = data.draw(
                VALUES
            )
    assert result(LOADER.load, body) == result(SCHEMA.load, body)


@given(VALUES)
def test_what_is_no_object_at_all_is_judged_alike(body: Any) -> None:
    assert result(LOADER.load, body) == result(SCHEMA.load, body)


BODIES = [
    (operation.operation_id, operation.body, operation.example)
    for blueprint in blueprints()
    for operation in blueprint.operations
    if operation.body is not None and operation.example is not None
]


@pytest.mark.parametrize(("name", "schema", "example"), BODIES, ids=[name for name, _, _ in BODIES])
def test_every_operations_example_is_read_alike(name: str, schema: ma.Schema, example: Any) -> None:
    assert result(Loader(schema).load, example) == result(schema.load, example)


def test_a_query_that_is_not_there_is_what_its_schema_makes_of_nothing() -> None:
    queries = [operation.query for blueprint in blueprints() for operation in blueprint.operations]
    for query in filter(None, queries):
        made = nothing_asked(query)
        refused = result(query.load, {})
        assert made is None if isinstance(refused, tuple) else made is not None and made() == refused

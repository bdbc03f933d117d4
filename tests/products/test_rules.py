"""What a product document must hold. The schema that describes it must never say otherwise."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.errors import Invalid
from loyalty_api.products import rules
from loyalty_api.products.api import PRODUCT_EXAMPLE, ProductSchema

MILK: dict[str, Any] = {"sku": "7038010000010", "name": "Milk 1 l"}


def faults(document: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refusal:
        rules.read(document)
    return [(fault.pointer, fault.code) for fault in refusal.value.errors]


def test_a_name_and_a_sku_are_enough() -> None:
    assert rules.read(MILK) == (
        "7038010000010",
        "Milk 1 l",
        [],
        None,
        None,
        None,
        0,
        "each",
        None,
        "goods",
        [],
    )


def test_every_fault_of_a_document_is_named_at_once() -> None:
    assert faults({"sku": "a b", "name": "", "cost": 1.5, "colour": "red", "category": ["", 7]}) == [
        ("/colour", "unknown_field"),
        ("/sku", "invalid_value"),
        ("/name", "invalid_value"),
        ("/category", "invalid_value"),
        ("/cost", "invalid_value"),
    ]


def test_a_missing_field_is_told_from_a_wrong_one() -> None:
    assert faults({"name": "Milk"}) == [("/sku", "required")]


@pytest.mark.parametrize("document", [[], "milk", 1, None, True])
def test_anything_but_an_object_is_refused(document: Any) -> None:
    assert faults(document) == [("", "invalid_value")]


@pytest.mark.parametrize("sku", ["", "a/b", "a b", "å", "x" * 65, "a\n", "a\x00", 1, None])
def test_a_sku_is_visible_ascii_without_a_slash(sku: Any) -> None:
    assert faults(MILK | {"sku": sku}) == [("/sku", "invalid_value")]


@pytest.mark.parametrize("deposit", [-1, True, "1", 1.0, None, 10**13])
def test_a_deposit_is_a_whole_amount_and_never_below_zero(deposit: Any) -> None:
    assert faults(MILK | {"deposit": deposit}) == [("/deposit", "invalid_value")]


_texts = st.none() | st.text(max_size=3) | st.sampled_from(["each", "goods", "alcohol", "x" * 101])
_values = _texts | st.booleans() | st.integers(-2, 10**13) | st.floats(0, 2) | st.lists(_texts, max_size=9)


@given(st.dictionaries(st.sampled_from([*PRODUCT_EXAMPLE, "colour"]), _values))
def test_the_fast_reader_and_the_published_schema_agree(part: dict[str, Any]) -> None:
    document = PRODUCT_EXAMPLE | part
    try:
        told = dict(zip(PRODUCT_EXAMPLE, rules.read(document), strict=True))
    except Invalid:
        with pytest.raises(ma.ValidationError):
            ProductSchema().load(document)
    else:
        assert ProductSchema().load(document) == told

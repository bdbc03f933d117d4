"""Values compare, hash and change as frozen dataclasses do; only who assigns to one is left to the type checker."""

from __future__ import annotations

import dataclasses

import pytest

from loyalty_api.rulekit.basket import Line
from loyalty_api.values import dataclass


@dataclass(frozen=True, slots=True)
class Value:
    """A value like those of the rules."""

    name: str
    points: int = 0
    lines: tuple[str, ...] = dataclasses.field(default=())


def test_values_compare_and_hash_by_what_they_hold() -> None:
    assert Value("a", 1) == Value("a", 1) != Value("a", 2)
    assert {Value("a", 1), Value("a", 1), Value("a", 2)} == {Value("a", 1), Value("a", 2)}


def test_a_changed_value_is_another_one() -> None:
    before = Value("a", 1)
    assert dataclasses.replace(before, points=2) == Value("a", 2)
    assert before == Value("a", 1)


def test_values_have_slots_and_are_made_without_setattr() -> None:
    assert not hasattr(Value("a"), "__dict__")
    assert Value.__setattr__ is Line.__setattr__ is object.__setattr__


def test_what_is_not_frozen_has_no_hash() -> None:
    @dataclass(slots=True)
    class Book:
        version: int

    book = Book(1)
    book.version = 2
    with pytest.raises(TypeError):
        hash(book)

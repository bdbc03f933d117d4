"""Which lines a rule is about: a selector is compiled once into set look-ups and asked once a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from loyalty_api.rulekit.basket import Line, category_path

Selector = Callable[[Line], bool]

FIELDS = ("sku", "category", "department", "brand", "tag", "legal_class", "line_type", "unit")
"""What a selector may ask a line; ``line_type`` is the line's ``type``."""


def selector(where: Mapping[str, Sequence[Any]]) -> Selector:
    """A selector from ``{field: [values]}``: any value of a field, and every field named.

    A category value is a path (a list of names, or "Food > Dairy") and takes in everything below it.
    """
    tests = [_test(name, values) for name, values in where.items()]
    if len(tests) == 1:
        return tests[0]
    return lambda line: all(test(line) for test in tests)


def _test(name: str, values: Sequence[Any]) -> Selector:
    match name:
        case "category":
            return _category_test(values)
        case "tag":
            return _tag_test(values)
        case _:
            return _field_test(name, values)


def _tag_test(values: Sequence[str]) -> Selector:
    wanted = frozenset(values)
    return lambda line: not wanted.isdisjoint(line.tags)


def _field_test(name: str, values: Sequence[str]) -> Selector:
    wanted = frozenset(values)
    match name:
        case "sku":
            return lambda line: line.sku in wanted
        case "department":
            return lambda line: line.department in wanted
        case "brand":
            return lambda line: line.brand in wanted
        case "legal_class":
            return lambda line: line.legal_class in wanted
        case "line_type":
            return lambda line: line.type in wanted
        case _:
            return lambda line: line.unit in wanted


def _category_test(values: Sequence[str | Sequence[str]]) -> Selector:
    wanted = frozenset([category_path(value) for value in values])
    depths = sorted({len(path) for path in wanted})
    return lambda line: any(line.category[:depth] in wanted for depth in depths)

"""Which lines a rule is about: a selector is compiled once into set look-ups and asked once a line.

Where there are many rules, ``Scopes`` turns that around: a line is looked up once, and tells which rules it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
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


class Scopes:
    """The rules of a program by what they ask of a line, so that a rule costs nothing where no line is for it.

    ``wheres`` are selectors by the rule's id.
    """

    __slots__ = ("_looks",)

    def __init__(self, wheres: Mapping[str, Mapping[str, Sequence[Any]]]) -> None:
        tables: dict[str, dict[Any, list[Entry]]] = {}
        for rule_id, where in wheres.items():
            name = next(name for name in FIELDS if name in where)
            rest = {other: values for other, values in where.items() if other != name}
            table = tables.setdefault(name, {})
            for value in _keys(name, where[name]):
                table.setdefault(value, []).append((rule_id, selector(rest) if rest else None))
        self._looks = tuple([_look(name, table) for name, table in tables.items()])

    def places(self, lines: Sequence[Line]) -> dict[str, list[int]]:
        """The places of the lines that each rule selects, by the rule's id; rules without a line are left out."""
        found: dict[str, list[int]] = {}
        for i, line in enumerate(lines):
            for look in self._looks:
                for rule_id, rest in look(line):
                    if rest is None or rest(line):
                        mine = found.setdefault(rule_id, [])
                        # A category and one above it may both be named, and several tags.
                        if not mine or mine[-1] != i:
                            mine.append(i)
        return found


Entry = tuple[str, Selector | None]
"""A rule that one field has selected a line for, and what its other fields ask."""


def _keys(name: str, values: Sequence[Any]) -> frozenset[Any]:
    return frozenset([category_path(value) for value in values] if name == "category" else values)


def _look(name: str, table: Mapping[Any, Sequence[Entry]]) -> Callable[[Line], Sequence[Entry]]:
    get = table.get
    if name == "category":
        depths = sorted({len(path) for path in table})
        return lambda line: [entry for depth in depths for entry in get(line.category[:depth], ())]
    if name == "tag":
        return lambda line: [entry for tag in line.tags for entry in get(tag, ())]
    value = attrgetter("type" if name == "line_type" else name)
    return lambda line: get(value(line), ())

"""Reading flat documents fast: one test a field, and what is wrong is worked out only when something is.

For documents that come by the ten thousand, such as the lines of a master. ``shapes`` reads nested ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loyalty_api.errors import Fault, Invalid

Test = Callable[[Any], bool]

_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Field:
    """One field: whether a value fits, what would fit in words, and what stands for a missing one.

    Without a ``default`` the field is required.
    """

    fits: Test
    hint: str
    default: Any = _ABSENT


def matching(pattern: str) -> Test:
    """A string that matches ``pattern`` as a whole."""
    full = re.compile(pattern, re.DOTALL).fullmatch
    return lambda value: type(value) is str and full(value) is not None


def whole(least: int, most: int) -> Test:
    """A whole number between two others, both allowed."""
    return lambda value: type(value) is int and least <= value <= most


def one_of(*words: str) -> Test:
    """One of the named words."""
    allowed = frozenset(words)
    return lambda value: type(value) is str and value in allowed


def flag(value: Any) -> bool:
    """True or false."""
    return type(value) is bool


def or_null(fits: Test) -> Test:
    """The same, or null."""
    return lambda value: value is None or fits(value)


def list_of(fits: Test, *, most: int) -> Test:
    """A list of at most ``most`` values that fit."""
    return lambda value: type(value) is list and len(value) <= most and all(map(fits, value))


class Reader:
    """Reads documents with exactly these fields into tuples in their order."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self._fields = dict(fields)
        self._names = self._fields.keys()
        self._tests = [(name, field.fits, field.default) for name, field in fields.items()]

    def read(self, document: Any) -> tuple[Any, ...]:
        """The values of ``document``, defaults filled in.

        :raises Invalid: with every fault, each with a pointer.
        """
        if type(document) is not dict or not document.keys() <= self._names:
            raise self._refusal(document)
        row = []
        for name, fits, default in self._tests:
            value = document.get(name, default)
            if not fits(value):
                raise self._refusal(document)
            row.append(value)
        return tuple(row)

    def _refusal(self, document: Any) -> Invalid:
        if not isinstance(document, dict):
            faults = [Fault("", "invalid_value", "Expected an object.")]
        else:
            unknown = sorted(document.keys() - self._names)
            faults = [Fault(_pointer(name), "unknown_field", "There is no such field.") for name in unknown]
            faults += [fault for name in self._fields if (fault := self._fault(name, document))]
        return Invalid(f"{faults[0].pointer or 'document'}: {faults[0].message}", errors=faults)

    def _fault(self, name: str, document: Mapping[str, Any]) -> Fault | None:
        field = self._fields[name]
        value = document.get(name, field.default)
        if field.fits(value):
            return None
        if value is _ABSENT:
            return Fault(_pointer(name), "required", f"This field is required: {field.hint}.")
        return Fault(_pointer(name), "invalid_value", f"Expected {field.hint}.")


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")

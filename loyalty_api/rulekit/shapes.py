"""Reading parts of a program document: every part says what it allows, and every fault is collected.

A reader takes a value, the RFC 6901 pointer to it and the list that faults are added to. It returns the
value in the form rules use (tuples, frozensets, defaults filled in), or None when the value is faulty: then
the list is not empty and the result must not be used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loyalty_api.errors import Fault

Reader = Callable[[Any, str, list[Fault]], Any]


def below(pointer: str, part: str | int) -> str:
    """The pointer to a member or an item of what ``pointer`` points to (RFC 6901 escapes ``~`` and ``/``)."""
    return f"{pointer}/{str(part).replace('~', '~0').replace('/', '~1')}"


def _wrong(faults: list[Fault], pointer: str, code: str, message: str) -> Any:
    """Adds a fault; its result stands for the value that could not be read."""
    faults.append(Fault(pointer, code, message))
    return None


def text(pattern: str = r".{1,200}", hint: str = "1 to 200 characters") -> Reader:
    """A string that matches ``pattern`` as a whole."""
    compiled = re.compile(pattern, re.DOTALL)

    def read(value: Any, pointer: str, faults: list[Fault]) -> Any:
        if not isinstance(value, str):
            return _wrong(faults, pointer, "wrong_type", f"Expected a string: {hint}.")
        if compiled.fullmatch(value) is None:
            return _wrong(faults, pointer, "not_allowed", f"Expected {hint}.")
        return value

    return read


def integer(lowest: int, highest: int) -> Reader:
    """A whole number between two others, both allowed."""

    def read(value: Any, pointer: str, faults: list[Fault]) -> Any:
        if not isinstance(value, int) or isinstance(value, bool):
            return _wrong(faults, pointer, "wrong_type", "Expected a whole number.")
        if not lowest <= value <= highest:
            return _wrong(faults, pointer, "out_of_range", f"Expected {lowest} to {highest}.")
        return value

    return read


def flag(value: Any, pointer: str, faults: list[Fault]) -> Any:
    """True or false."""
    return (
        value if isinstance(value, bool) else _wrong(faults, pointer, "wrong_type", "Expected true or false.")
    )


def choice(*allowed: str) -> Reader:
    """One of the named values."""

    def read(value: Any, pointer: str, faults: list[Fault]) -> Any:
        if isinstance(value, str) and value in allowed:
            return value
        return _wrong(faults, pointer, "not_allowed", f"Expected one of: {', '.join(allowed)}.")

    return read


def nullable(reader: Reader) -> Reader:
    """The same, or null."""
    return lambda value, pointer, faults: None if value is None else reader(value, pointer, faults)


def items(reader: Reader, *, fewest: int = 0, most: int = 1000) -> Reader:
    """A list of values of one shape, as a tuple."""

    def read(value: Any, pointer: str, faults: list[Fault]) -> Any:
        if not isinstance(value, list | tuple):
            return _wrong(faults, pointer, "wrong_type", "Expected a list.")
        if not fewest <= len(value) <= most:
            return _wrong(faults, pointer, "out_of_range", f"Expected {fewest} to {most} items.")
        return tuple([reader(item, below(pointer, i), faults) for i, item in enumerate(value)])

    return read


def one_or_more(reader: Reader, *, most: int = 1000) -> Reader:
    """A list of at least one value; a single string may stand for a list of itself."""
    listed = items(reader, fewest=1, most=most)
    return lambda value, pointer, faults: (
        (reader(value, pointer, faults),) if isinstance(value, str) else listed(value, pointer, faults)
    )


def subset(*allowed: str) -> Reader:
    """A set of named values, written as a list; as a frozenset."""
    listed = items(choice(*allowed), most=len(allowed))

    def read(value: Any, pointer: str, faults: list[Fault]) -> Any:
        found = listed(value, pointer, faults)
        return None if found is None else frozenset(found)

    return read


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a record: how it is read, what it is when left out, and whether it may be."""

    reader: Reader
    default: Any = None
    required: bool = False


def record(members: Mapping[str, Member]) -> Reader:
    """An object with exactly these members; unknown ones are faults, missing ones take their default."""

    def read(value: Any, pointer: str, faults: list[Fault]) -> Any:
        if not isinstance(value, Mapping):
            return _wrong(faults, pointer, "wrong_type", "Expected an object.")
        for name in sorted(set(value) - set(members), key=str):
            _wrong(faults, below(pointer, name), "unknown_setting", "There is no such setting.")
        return {name: _member(member, name, value, pointer, faults) for name, member in members.items()}

    return read


def _member(member: Member, name: str, value: Mapping[str, Any], pointer: str, faults: list[Fault]) -> Any:
    if name in value:
        return member.reader(value[name], below(pointer, name), faults)
    if member.required:
        _wrong(faults, below(pointer, name), "required", "This setting is required.")
    return member.default


def by_key(reader: Reader, *, keys: str = r".{1,80}", most: int = 100) -> Reader:
    """An object whose keys are free within a pattern and whose values have one shape."""
    compiled = re.compile(keys)

    def read(value: Any, pointer: str, faults: list[Fault]) -> Any:
        if not isinstance(value, Mapping) or len(value) > most:
            return _wrong(faults, pointer, "wrong_type", f"Expected an object of at most {most} members.")
        for key in value:
            if compiled.fullmatch(key) is None:
                _wrong(faults, below(pointer, key), "not_allowed", f"A key must match {keys}.")
        return {key: reader(item, below(pointer, key), faults) for key, item in value.items()}

    return read


def variant(*words: str, **readers: Reader) -> Reader:
    """Either one of the bare words, or an object with exactly one of the named members.

    The result is a pair: the word and None, or the name and its value.
    """
    options = ", ".join([*words, *[f"{{{name}: …}}" for name in readers]])

    def read(value: Any, pointer: str, faults: list[Fault]) -> Any:
        if isinstance(value, str) and value in words:
            return (value, None)
        if isinstance(value, Mapping) and len(value) == 1 and set(value) <= set(readers):
            ((name, inner),) = value.items()
            return (name, readers[name](inner, below(pointer, name), faults))
        return _wrong(faults, pointer, "not_allowed", f"Expected one of: {options}.")

    return read

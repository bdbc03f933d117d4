"""Bodies that come by the thousand, read at a fraction of marshmallow's cost and with exactly its result.

A schema is compiled once into closures that accept a body in which everything is right. Whatever they do not accept is
given to the schema itself, which finds out what is wrong and says so; so there is one definition of a body, and a test
holds that both ways agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from loyalty_api.fields import Choice, Flag, Text, Whole

Read = Callable[[Any], Any]


class _Slow(Exception):
    """Something is not as the quick way knows it: the schema decides."""


class Loader:
    """Loads bodies as ``schema.load`` does."""

    def __init__(self, schema: ma.Schema) -> None:
        self.schema = schema
        self._read = _record(schema)

    def load(self, data: Any) -> Any:
        """The loaded body.

        :raises ma.ValidationError: exactly as the schema raises it.
        """
        try:
            return self._read(data)
        except (_Slow, ma.ValidationError):
            return self.schema.load(data)


def nothing_asked(schema: ma.Schema) -> Callable[[], Any] | None:
    """What ``schema`` makes of nothing at all, ready to be made again; None where something has to be said."""
    try:
        schema.load({})
    except ma.ValidationError:
        return None
    read = Loader(schema)
    return lambda: read.load({})


def _record(schema: ma.Schema) -> Read:
    """A reader of one object: known members only, defaults filled in, then the schema's own checks."""
    if schema.unknown != ma.RAISE or any(schema._hooks[hook] for hook in ("pre_load", "post_load")):
        return schema.load
    readers = {field.data_key or name: (name, _field(field)) for name, field in schema.load_fields.items()}
    required = frozenset(
        field.data_key or name for name, field in schema.load_fields.items() if field.required
    )
    defaults = {
        name: field.load_default
        for name, field in schema.load_fields.items()
        if not field.required and field.load_default is not ma.missing
    }
    made = {name: default for name, default in defaults.items() if callable(default)}
    checks = _checks(schema)

    def read(data: Any) -> dict[str, Any]:
        if type(data) is not dict or not required <= data.keys():
            raise _Slow
        found = defaults.copy()
        for name, make in made.items():
            found[name] = make()
        for key, value in data.items():
            known = readers.get(key)
            if known is None:
                raise _Slow
            name, reader = known
            found[name] = reader(value)
        for check in checks:
            check(found)
        return found

    return read


def _checks(schema: ma.Schema) -> list[Callable[[dict[str, Any]], None]]:
    """The schema's own methods for one member or for the whole, in the order marshmallow asks them."""
    checks = []
    for name, _, settings in schema._hooks["validates"]:
        checks += [_member_check(getattr(schema, name), member) for member in settings["field_names"]]
    for name, many, _ in schema._hooks["validates_schema"]:
        if not many:
            checks.append(_whole_check(getattr(schema, name)))
    return checks


def _member_check(method: Callable[..., None], member: str) -> Callable[[dict[str, Any]], None]:
    def check(found: dict[str, Any]) -> None:
        if member in found:
            method(found[member], data_key=member)

    return check


def _whole_check(method: Callable[..., None]) -> Callable[[dict[str, Any]], None]:
    return lambda found: method(found, partial=False, many=False)


def _field(field: fields.Field[Any]) -> Read:
    read = _known(field)
    return _or_none(read) if field.allow_none else read


def _or_none(read: Read) -> Read:
    return lambda value: None if value is None else read(value)


def _known(field: fields.Field[Any]) -> Read:  # noqa: PLR0911 - one return for each kind of field
    """The quick reader of a field whose kind we know, else the field itself."""
    match field:
        case Choice():
            return _choice(field)
        case Text():
            return _text(field)
        case Whole():
            return _whole(field)
        case Flag():
            return _flag
        case fields.Nested() if not field.many:
            return _record(field.schema)
        case fields.List():
            return _list(field)
        case _:
            return _anything(field)


def _anything(field: fields.Field[Any]) -> Read:
    # None is refused or allowed before a field sees it; what it does see it judges itself.
    def read(value: Any) -> Any:
        if value is None:
            raise _Slow
        return field.deserialize(value)

    return read


def _choice(field: Choice) -> Read:
    words = frozenset(next(check for check in field.validators if isinstance(check, validate.OneOf)).choices)

    def read(value: Any) -> Any:
        if type(value) is not str or value not in words:
            raise _Slow
        return value

    return read


def _text(field: Text) -> Read:
    length = next(check for check in field.validators if isinstance(check, validate.Length))
    shortest, longest = length.min or 0, length.max or 0
    patterns = [_matcher(check) for check in field.validators if isinstance(check, validate.Regexp)]
    if len(patterns) + 1 != len(field.validators):
        return _anything(field)

    def read(value: Any) -> Any:
        if type(value) is not str or not shortest <= len(value) <= longest or "\x00" in value:
            raise _Slow
        for matches in patterns:
            if matches(value) is None:
                raise _Slow
        return value

    return read


def _matcher(check: validate.Regexp) -> Callable[[str], object]:
    pattern: re.Pattern[str] = check.regex  # type: ignore[assignment]
    return pattern.match


def _whole(field: Whole) -> Read:
    span = next(check for check in field.validators if isinstance(check, validate.Range))
    least, most = span.min, span.max

    def read(value: Any) -> Any:
        if type(value) is not int or not least <= value <= most:
            raise _Slow
        return value

    return read


def _flag(value: Any) -> Any:
    if type(value) is not bool:
        raise _Slow
    return value


def _list(field: fields.List[Any]) -> Read:
    inner = _field(field.inner)
    spans = [check for check in field.validators if isinstance(check, validate.Length)]
    if len(spans) != len(field.validators):
        return _anything(field)
    shortest = max([span.min or 0 for span in spans], default=0)
    longest = min([span.max for span in spans if span.max is not None], default=None)

    def read(value: Any) -> Any:
        if type(value) is not list or len(value) < shortest or (longest is not None and len(value) > longest):
            raise _Slow
        return [inner(item) for item in value]

    return read

"""The marshmallow fields and the base schema that every body is made of.

Unknown fields are refused. Text refuses NUL, which PostgreSQL cannot store, and is bounded. Integers are strict:
``1.0`` and ``"1"`` are not integers, and nothing passes the 64 bits that PostgreSQL's ``bigint`` holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

MAX_INTEGER = 9_007_199_254_740_991  # What a double holds exactly, so that every JSON client reads it alike.
_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_DIGITS = re.compile(r"-?\d{1,16}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Schema(ma.Schema):
    """Base of every request and answer: fields in the order they were written, unknown ones refused."""

    class Meta:
        unknown = ma.RAISE


class Text(fields.String):
    """A string of 1 to ``longest`` characters without NUL; ``pattern`` must match all of it."""

    def __init__(self, *, longest: int = 200, shortest: int = 1, pattern: str | None = None, **kwargs: Any):
        checks: list[Any] = [validate.Length(min=shortest, max=longest)]
        if pattern:
            checks.append(
                validate.Regexp(re.compile(pattern + r"\Z", re.ASCII), error="Not in the form we read.")
            )
        super().__init__(validate=checks, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if "\x00" in value:
            raise ma.ValidationError("A NUL character cannot be kept.")
        return value


class Whole(fields.Integer):
    """A whole number between ``least`` and ``most``, as a JSON number without a fraction."""

    def __init__(self, *, least: int = -MAX_INTEGER, most: int = MAX_INTEGER, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(min=least, max=most), **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        return value


class QueryWhole(Whole):
    """A whole number in a query, where everything is text: an optional sign and digits, nothing else."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return int(value)


class Moment(fields.AwareDateTime):
    """A point in time, RFC 3339 with its offset; read keeps the offset, answers are UTC."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
            raise ma.ValidationError("A time needs a date, a clock time and its offset, as in RFC 3339.")
        try:
            moment = datetime.fromisoformat(value.upper())
            moment.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ma.ValidationError("There is no such time.") from error
        if not 1970 <= moment.year <= 2200:
            raise ma.ValidationError("The year is outside 1970 to 2200.")
        return moment


class Day(fields.Date):
    """A calendar day, ``YYYY-MM-DD``."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise ma.ValidationError("A day is written YYYY-MM-DD.")
        try:
            day = date.fromisoformat(value)
        except ValueError as error:
            raise ma.ValidationError("There is no such day.") from error
        if not 1900 <= day.year <= 2200:
            raise ma.ValidationError("The year is outside 1900 to 2200.")
        return day


class Flag(fields.Boolean):
    """JSON ``true`` or ``false`` and nothing that merely looks like it."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Choice(Text):
    """One of a fixed set of words."""

    def __init__(self, *words: str, **kwargs: Any) -> None:
        super().__init__(longest=max(map(len, words)), **kwargs)
        self.validators.append(validate.OneOf(words))
        self.validate = validate.OneOf(words)


class Rate(Text):
    """A decimal rate as a string, for example ``"12.5"``; never a float."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(longest=16, pattern=r"\d{1,6}(\.\d{1,6})?", **kwargs)


class Metadata(fields.Dict):
    """Up to 16 strings that are the client's own; we keep them and never read them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            keys=Text(longest=64), values=Text(longest=256), validate=validate.Length(max=16), **kwargs
        )

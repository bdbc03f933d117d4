"""Lists in pages: an opaque cursor says where the next one begins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import marshmallow as ma
import orjson

from loyalty_api.errors import Invalid
from loyalty_api.fields import QueryWhole, Schema, Text


class BadCursor(Invalid):
    """A cursor is opaque and comes from an earlier page of the same list."""

    code, title = "bad_cursor", "This cursor is not one of ours"


class PageQuery(Schema):
    """Which page of a list: a cursor from the page before, and how many rows at most."""

    cursor = Text(longest=500, load_default=None, metadata={"description": "next_cursor of the page before"})
    limit = QueryWhole(
        least=1, most=200, load_default=50, metadata={"description": "rows a page, at most 200"}
    )


def page_of(item: ma.Schema, name: str) -> ma.Schema:
    """The schema of a page of ``item``."""
    return Schema.from_dict(
        {
            "data": ma.fields.List(ma.fields.Nested(item), required=True),
            "next_cursor": Text(required=True, allow_none=True, longest=500),
        },
        name=name,
    )()


def page(rows: Sequence[Any], *, limit: int, key: Callable[[Any], Sequence[Any]]) -> dict[str, Any]:
    """A page from up to ``limit + 1`` rows; ``key`` gives what the next page starts after."""
    more = len(rows) > limit
    shown = list(rows[:limit])
    return {"data": shown, "next_cursor": write_cursor(key(shown[-1])) if more else None}


def write_cursor(values: Sequence[Any]) -> str:
    """An opaque cursor that holds ``values``."""
    return base64.urlsafe_b64encode(orjson.dumps(list(values))).decode().rstrip("=")


def read_cursor(text: str | None, *kinds: type) -> list[Any] | None:
    """The values of a cursor, each of its kind (int, str, UUID or datetime), or None when there is none.

    :raises BadCursor: the text was not made by ``write_cursor`` for this list.
    """
    if text is None:
        return None
    try:
        values = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError
        return [_cursor_value(kind, value) for kind, value in zip(kinds, values, strict=True)]
    except (ValueError, TypeError, binascii.Error, AttributeError) as error:
        raise BadCursor from error


def _cursor_value(kind: type, value: Any) -> Any:
    if kind is UUID:
        return UUID(value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if type(value) is not kind or (isinstance(value, int) and abs(value) >= 1 << 63):
        raise ValueError
    if isinstance(value, str) and "\x00" in value:  # PostgreSQL cannot compare with it.
        raise ValueError
    return value

"""JSON in and out, the same wherever a document comes from or goes to."""

from __future__ import annotations

from typing import Any

import orjson

from loyalty_api.errors import Invalid

JSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
LONGEST_LINE = 65_536
_DEEPEST = 240


class NotJson(Invalid):
    """The body is not JSON as RFC 8259 has it, in UTF-8."""

    code, title, status = "malformed_body", "The body is not JSON", 400


class LineTooLong(Invalid):
    """One line of the body is longer than any document we read."""

    code, title = "line_too_long", "This line is too long"


def load_json(raw: bytes) -> Any:
    """``raw`` parsed as JSON.

    :raises NotJson: it is not JSON, or nested deeper than anything we read.
    """
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise NotJson(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from error
    # It is read deeper than it can be written, and what we cannot write we cannot keep.
    if raw.count(b"[") + raw.count(b"{") > _DEEPEST and not _can_be_written(found):
        raise NotJson(f"It is nested deeper than {_DEEPEST} levels.")
    return found


def _can_be_written(document: Any) -> bool:
    """Within another document too, as an answer shows it."""
    try:
        orjson.dumps([[[[[[[[document]]]]]]]])
    except orjson.JSONEncodeError:
        return False
    return True


def load_line(line: bytes, *, longest: int = LONGEST_LINE) -> Any:
    """The document on ``line`` of newline-delimited JSON.

    :raises LineTooLong: it is longer than ``longest`` bytes.
    :raises NotJson: it is not JSON.
    """
    if len(line) > longest:
        raise LineTooLong(f"A line holds at most {longest} bytes.")
    return load_json(line)

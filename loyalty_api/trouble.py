"""What went wrong, as it is told over HTTP: errors of ours, of the HTTP library and of what lies below us."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar

import marshmallow as ma
import psycopg
from flask import Response, g, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from loyalty_api.errors import Action, Conflict, LoyaltyError, Unavailable
from loyalty_api.fields import Schema, Text, Whole
from loyalty_api.http import render, spoken
from loyalty_api.language import DEFAULT_LANGUAGE, Catalogue, catalogue

PROBLEM = "application/problem+json"
_LONGEST_TEXT = 2000
_MOST_FAULTS = 100
_PIECES = ("had", "limit")
_log = logging.getLogger(__name__)


class InProgress(Conflict):
    """Another request holds what this one needs: usually the first copy of it."""

    code, title = "request_in_progress", "The first request is still running"
    action: ClassVar[Action] = "retry_same_key"


class Overloaded(Unavailable):
    """There is more to do than we can take on; nothing was done for this request."""

    code, title = "overloaded", "Too much is going on; come back in a moment"


def _said(error: LoyaltyError) -> str:
    """What went wrong, in the caller's language: errors speak English, and catalogues have words for the rest.

    A refusal that says ``why`` in figures, or for which ``reasons``, is told with them.
    """
    words, why = catalogue(spoken()), error.extra.get("why")
    if why:
        key = f"{error.code}_until" if why.get("day") else error.code
        return words.say("refusal", key, count=0, **figures(words, why))
    reasons = [reason["code"] for reason in error.extra.get("reasons", ())]
    told = [words.say("reward_reason", code) for code in reasons if code != "insufficient_points"]
    if told:
        return " ".join(told)
    if words.language == DEFAULT_LANGUAGE:
        return error.detail
    return str(words.entries["problem"].get(error.code, error.detail))


def figures(words: Catalogue, why: Mapping[str, Any]) -> dict[str, str]:
    """The figures of a refusal as its sentence names them: days, periods, pieces, and points for the rest."""
    said = {}
    for name, value in why.items():
        if isinstance(value, date) and not isinstance(value, datetime):
            said[name] = words.day(value)
        elif isinstance(value, int):
            said[name] = str(value) if name in _PIECES else words.points(value)
        elif isinstance(value, str):
            said[name] = words.say("per", value)
    return said


def problem(error: LoyaltyError) -> Response:
    """``error`` as RFC 9457 problem document, with the headers that belong to its kind.

    A request is answered in proportion: of its faults the first hundred are told, and of long texts the beginning.
    """
    document = {
        "type": f"/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": _cut(_said(error)),
        "instance": _cut(request.path),
        "request_id": g.get("request_id", ""),
        "action": error.action,
        **error.extra,
        "errors": [
            {"pointer": _cut(f.pointer), "code": f.code, "message": _cut(f.message)}
            for f in error.errors[:_MOST_FAULTS]
        ],
    }
    response = render(document, status=error.status, mimetype=PROBLEM)
    if "retry_after" in error.extra:
        response.headers["Retry-After"] = str(error.extra["retry_after"])
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _cut(text: str) -> str:
    """What a request says comes back in problems, but never more of it than a problem may hold."""
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


class ProblemSchema(Schema):
    """RFC 9457 problem document with our stable members."""

    class Meta:
        unknown = ma.INCLUDE

    type = Text(required=True)
    title = Text(required=True)
    status = Whole(required=True)
    code = Text(required=True)
    detail = Text(required=True, longest=_LONGEST_TEXT)
    instance = Text(required=True, longest=_LONGEST_TEXT)
    request_id = Text(required=True, shortest=0)
    action = Text(
        required=True,
        metadata={
            "enum": [
                "retry_same_key", "fix_request", "sign_in", "proceed_without", "ask_member", "call_support"
            ]
        },
    )  # fmt: skip
    errors = ma.fields.List(
        ma.fields.Dict(keys=Text(), values=Text(shortest=0, longest=_LONGEST_TEXT)),
        metadata={"description": f"the first {_MOST_FAULTS} faults"},
    )


def problem_of(error: HTTPException) -> LoyaltyError:
    """werkzeug's refusals (404, 405, 413 …) as errors of ours."""
    status = error.code or 500
    code = (error.name or "error").lower().replace(" ", "_")
    kind = type("HttpError", (LoyaltyError,), {"code": code, "title": error.name, "status": status})
    kind.action = "call_support" if status >= 500 else "fix_request"  # type: ignore[attr-defined]
    made: LoyaltyError = kind(error.description or error.name)
    return made


_PASSING = (
    psycopg.errors.QueryCanceled,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)


def trouble_of(error: Exception) -> LoyaltyError:
    """What went wrong below us as an error of ours: unknown outcomes are 503, and only our own mistakes are 500.

    A lock that was not to be had in time means that another request is at it (409, repeat with the same key).
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.errors.LockNotAvailable):
        return InProgress(retry_after=1)
    if isinstance(error, PoolTimeout):
        return Overloaded(retry_after=1)
    if isinstance(cause, _PASSING):
        _log.warning("database_trouble", extra={"kind": type(cause).__name__})
        return Unavailable(retry_after=1)
    _log.exception("unexpected_error", exc_info=error)
    return LoyaltyError()

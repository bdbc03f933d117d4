"""Which refusals an operation can give: those it declares, and those that follow from what it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import RequestEntityTooLarge

from loyalty_api import problems
from loyalty_api.documents import NotJson
from loyalty_api.errors import Invalid, LoyaltyError, NotFound, Unauthorized, Unavailable
from loyalty_api.http import Operation, PreconditionFailed, PreconditionRequired, WrongContentType
from loyalty_api.idempotency import KeyMalformed, KeyMissing, KeyReused
from loyalty_api.paging import BadCursor
from loyalty_api.security import Access, BadToken, ScopeMissing
from loyalty_api.throttle import RateLimited
from loyalty_api.trouble import InProgress, problem_of

Refusal = type[LoyaltyError]

_TOO_LARGE: Refusal = type(problem_of(RequestEntityTooLarge()))
_SIGNED_IN: tuple[Refusal, ...] = (Unauthorized, BadToken, ScopeMissing, RateLimited)
# Forms are OAuth's, which has refusals of its own.
_FORM = "application/x-www-form-urlencoded"
_WHERE_WRONG = {"pointer": "/lines/0/quantity", "code": "invalid_value", "message": "Not a valid integer."}


def of(operation: Operation, access: Access, missing: Iterable[type[NotFound]]) -> dict[int, list[Refusal]]:
    """The refusals of ``operation`` by their status; ``missing`` are those of the ids in its path."""
    found: dict[str, Refusal] = {}
    for refusal in (*operation.errors, *missing, *_implied(operation, access)):
        found.setdefault(refusal.code, refusal)
    by_status: dict[int, list[Refusal]] = {}
    for refusal in found.values():
        by_status.setdefault(refusal.status, []).append(refusal)
    return dict(sorted(by_status.items()))


def _implied(operation: Operation, access: Access) -> Iterator[Refusal]:
    if access.scopes:
        yield from _SIGNED_IN
        yield Unavailable
    if operation.body is not None:
        yield _TOO_LARGE
        if operation.body_type != _FORM:
            yield WrongContentType
        if operation.body_type == "application/json":
            yield from (NotJson, Invalid)
    if operation.query is not None:
        yield Invalid
        if "cursor" in operation.query.fields:
            yield BadCursor
    if "If-Match" in operation.headers:
        yield from (PreconditionRequired, PreconditionFailed)
    yield from _of_key(getattr(operation.view, "idempotency", None))
    yield LoyaltyError


def _of_key(idempotency: str | None) -> Iterator[Refusal]:
    if idempotency:
        yield from (KeyMalformed, KeyReused, InProgress)
    if idempotency == "required":
        yield KeyMissing


def example(refusal: Refusal) -> dict[str, Any]:
    """A problem document of this kind, as an example with its cause as summary."""
    known = problems.CATALOGUE.get(refusal.code)
    value: dict[str, Any] = {
        "type": f"/problems/{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.title + ".",
        "instance": "/v1/…",
        "request_id": "req_01999b2f6c7d7c0e8a4b5d6e7f809102",
        "action": refusal.action,
        "errors": [_WHERE_WRONG] if refusal is Invalid else [],
    }
    return {"summary": known.cause if known else refusal.title, "value": value}


def description(refusals: Iterable[Refusal]) -> str:
    """What the refusals of one status say, in a line each."""
    lines = [f"`{refusal.code}`: {refusal.title}." for refusal in refusals]
    return lines[0] if len(lines) == 1 else "\n".join(f"* {line}" for line in lines)


def phrase(status: int) -> str:
    """The standard phrase of a status as one word: ``TooManyRequests``."""
    return "".join(word.capitalize() for word in HTTPStatus(status).phrase.split())

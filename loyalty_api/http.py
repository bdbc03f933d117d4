"""How every resource speaks HTTP: blueprint, bodies, pages, ETags, languages.

A resource is a function under ``Blueprint.operation``. It gets the parsed body and query as keyword arguments and
returns a plain document (or a document with a status and headers); documents are written with orjson. What a
document looks like is said by its schema, which the tests hold every answer against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, NoReturn, TypeVar
from uuid import UUID

import flask_smorest
import marshmallow as ma
import orjson
from flask import Response, current_app, g, request
from sqlalchemy.orm import Session
from webargs.flaskparser import FlaskParser
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header
from werkzeug.routing import BaseConverter
from werkzeug.routing import ValidationError as NoMatch

from loyalty_api import ids
from loyalty_api.db import Database
from loyalty_api.documents import JSON_OPTIONS, load_json
from loyalty_api.errors import Conflict, Fault, Invalid, LoyaltyError, NotFound
from loyalty_api.language import DEFAULT_LANGUAGE, languages, nearest
from loyalty_api.loading import Loader, nothing_asked

View = TypeVar("View", bound=Callable[..., Any])
LANGUAGE = {"Accept-Language": f"the language of names and texts: {', '.join(languages())}"}
"""The header of operations that answer in words."""


class WrongContentType(Invalid):
    """The body came under a content type that this operation does not read."""

    code, title, status = "unsupported_media_type", "This content type is not read here", 415


class PreconditionRequired(Conflict):
    """What people edit needs If-Match, so that nobody overwrites what they have not seen."""

    code, title, status = "precondition_required", "Send If-Match with the ETag you read", 428


class PreconditionFailed(Conflict):
    """Someone else changed it since it was read."""

    code, title, status = "precondition_failed", "It has changed since you read it", 412


def spoken() -> str:
    """The language of the present request that we speak best: its ``Accept-Language``, else English."""
    return _best(request.headers.get("Accept-Language", ""))


@lru_cache(maxsize=256)
def _best(header: str) -> str:
    wished = parse_accept_header(header, LanguageAccept)
    known = [nearest(tag) for tag, quality in wished if quality > 0]
    return next(filter(None, known), DEFAULT_LANGUAGE)


def render(document: Any, *, status: int = 200, mimetype: str = "application/json") -> Response:
    """``document`` as a response; times in UTC with ``Z``."""
    return Response(orjson.dumps(document, option=JSON_OPTIONS), status=status, mimetype=mimetype)


class Parser(FlaskParser):
    """webargs' parser for queries: unknown members are refused, and every fault is told."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": ma.RAISE}  # noqa: RUF012

    def handle_error(
        self, error: ma.ValidationError, req: Any, schema: Any, *, error_status_code: Any, error_headers: Any
    ) -> NoReturn:
        """Every fault of the request at once, each with a pointer into the body or the query."""
        messages = error.messages if isinstance(error.messages, dict) else {"query": error.messages}
        refuse_faults([fault for place in messages.values() for fault in faults_of(place)])


def read_body(loader: Loader) -> Any:
    """The present request's JSON body, loaded.

    :raises WrongContentType: it is sent as something else.
    :raises NotJson: it is not JSON: nested too deeply, with NaN, lone surrogates …
    :raises Invalid: with every fault of it.
    """
    if request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise WrongContentType("Send the body as application/json.")
    try:
        return loader.load(load_json(request.get_data()))
    except ma.ValidationError as error:
        refuse_faults(list(faults_of(error.messages)))


def refuse_faults(faults: Sequence[Fault]) -> NoReturn:
    """Tell the caller what is wrong, all of it.

    :raises Invalid: always.
    """
    raise Invalid(_summary(faults), errors=faults)


def faults_of(messages: Any, pointer: str = "") -> Iterator[Fault]:
    """marshmallow's nested messages as flat faults with RFC 6901 pointers."""
    if isinstance(messages, Mapping):
        for key, value in messages.items():
            step = "" if key == "_schema" else "/" + str(key).replace("~", "~0").replace("/", "~1")
            yield from faults_of(value, pointer + step)
    elif isinstance(messages, list):
        for message in messages:
            yield from faults_of(message, pointer)
    else:
        yield Fault(pointer or "", _fault_code(str(messages)), str(messages))


def _fault_code(message: str) -> str:
    if message.startswith("Missing data"):
        return "required"
    return "unknown_field" if message.startswith("Unknown field") else "invalid_value"


def _summary(faults: Sequence[Fault]) -> str:
    first = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{first.pointer or 'body'}: {first.message}{more}"


parser = Parser()


@dataclass(frozen=True, slots=True)
class Also:
    """A further answer of an operation: what it means, and its body where that is not the usual one."""

    said: str
    answer: ma.Schema | None = None
    example: Any = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as its resource declares it; ``openapi.py`` writes the document from these."""

    operation_id: str
    method: str
    rule: str
    summary: str
    view: Callable[..., Any]
    body: ma.Schema | None
    body_type: str
    example: Any
    query: ma.Schema | None
    status: int
    answer: ma.Schema | None
    answer_type: str
    answer_example: Any
    errors: tuple[type[LoyaltyError], ...]
    headers: Mapping[str, str]
    also: Mapping[int, Also]


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A feature's resources. ``operation`` is the only way to add one."""

    ARGUMENTS_PARSER = parser

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.operations: list[Operation] = []

    def register_views_in_doc(self, *_args: Any, **_kwargs: Any) -> None:
        """The document is written by ``openapi.py`` from ``operations``, with examples and errors."""

    def operation(
        self,
        method: str,
        rule: str,
        operation_id: str,
        *,
        summary: str,
        answer: ma.Schema | None = None,
        status: int = 200,
        body: ma.Schema | None = None,
        query: ma.Schema | None = None,
        example: Any = None,
        answer_example: Any = None,
        errors: Sequence[type[LoyaltyError]] = (),
        answer_type: str = "application/json",
        body_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        also: Mapping[int, Also] | None = None,
    ) -> Callable[[View], View]:
        """Register a view as an operation: its route, its parsing, its rendering and its documentation.

        ``errors`` are the refusals that this operation decides; those that every operation shares are added
        when the document is written. ``also`` names further statuses, ``headers`` request headers.
        """
        loader = Loader(body) if body is not None and body_type == "application/json" else None
        unasked = nothing_asked(query) if query is not None else None

        def decorate(view: View) -> View:
            @wraps(view)
            def resource(**arguments: Any) -> Response:
                if loader is not None:
                    arguments["body"] = read_body(loader)
                if query is not None:
                    plain = unasked if not request.query_string else None
                    arguments["query"] = plain() if plain else parser.parse(query, request, location="query")
                return _finish(view(**arguments), status)

            self.operations.append(
                Operation(
                    operation_id=operation_id,
                    method=method,
                    rule=rule,
                    summary=summary,
                    view=view,
                    body=body,
                    body_type=body_type,
                    example=example,
                    query=query,
                    status=status,
                    answer=answer,
                    answer_type=answer_type,
                    answer_example=answer_example,
                    errors=tuple(errors),
                    headers=dict(headers or {}),
                    also=dict(also or {}),
                )
            )
            self.add_url_rule(rule, operation_id, resource, methods=[method])
            return view

        return decorate


def _finish(result: Any, status: int) -> Response:
    if isinstance(result, Response):
        return result
    if result is None:
        return Response(status=status)
    headers: Mapping[str, str] = {}
    if isinstance(result, tuple):
        result, headers = result
    response = render(result, status=status)
    response.headers.update(headers)
    return response


def database() -> Database:
    """The database of the present application."""
    found: Database = current_app.extensions["database"]
    return found


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """One transaction of the present application's database, committed when the block ends."""
    with database().unit_of_work() as session:
        yield session
    if session.info.get("reaction_due"):
        g.reaction_due = True


def id_converter(prefix: str, missing: type[NotFound] = NotFound) -> type[BaseConverter]:
    """A URL converter for ``<prefix>_…`` ids; anything else in that place is a 404 like an unknown id."""

    class Converter(BaseConverter):
        regex = r"[^/]+"

        def to_python(self, value: str) -> UUID:
            found = ids.read(prefix, value)
            if found is None:
                raise NoMatch
            return found

        def to_url(self, value: UUID) -> str:
            return ids.show(prefix, value)

    Converter.__name__ = f"{prefix.title()}Id"
    Converter.missing = missing  # type: ignore[attr-defined]
    Converter.prefix = prefix  # type: ignore[attr-defined]
    return Converter


def require_match(etag: str) -> None:
    """Refuse an edit that was not made on the state that ``etag`` names.

    :raises PreconditionRequired: there is no If-Match.
    :raises PreconditionFailed: it names another state.
    """
    if not request.if_match:
        raise PreconditionRequired
    if "*" not in request.if_match and not request.if_match.contains(etag):
        raise PreconditionFailed


def not_modified(etag: str) -> Response | None:
    """304 when the caller already holds what ``etag`` names."""
    if "If-None-Match" not in request.headers or not request.if_none_match.contains_weak(etag):
        return None
    response = Response(status=304)
    response.set_etag(etag)
    return response

"""Operations as path items of the document."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

import flask
import marshmallow as ma
import orjson
from werkzeug.routing import Rule

from loyalty_api.auth.permissions import PERMISSIONS, security_of
from loyalty_api.http import Also, Operation
from loyalty_api.ndjson import MEDIA_TYPE as NDJSON
from loyalty_api.openapi import refusals
from loyalty_api.openapi.refusals import Refusal
from loyalty_api.openapi.schemas import Shapes
from loyalty_api.trouble import PROBLEM, ProblemSchema

_VARIABLE = re.compile(r"<(?:(?P<converter>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
_RAISES = re.compile(r"^\s*:raises .*\Z", re.DOTALL | re.MULTILINE)
_EXAMPLE_ID = "01k3x8q5g7e3bt0c4dy9mz2a6f"
# Statuses whose refusals are the same wherever they follow from nothing but the convention.
_SHARED = (400, 401, 403, 413, 415, 422, 429, 500, 503)


def _header_parameter(name: str, description: str, schema: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": dict(schema), **more}


_KEY = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]+$"}
_KEY_TEXT = "Makes this write safe to repeat: the same key and body give the first answer."
PARAMETERS: dict[str, Any] = {
    "IdempotencyKey": _header_parameter("Idempotency-Key", _KEY_TEXT, _KEY, required=True),
    "OptionalIdempotencyKey": _header_parameter("Idempotency-Key", _KEY_TEXT, _KEY),
    "RequestId": _header_parameter(
        "X-Request-Id",
        "Your own id of this request; it comes back, and stands in our logs and in every problem.",
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    ),
}
_TEXT = {"type": "string"}
OPERATION_HEADERS: dict[str, Any] = {
    "RequestId": {"description": "The request's id: yours, or one of ours.", "schema": _TEXT},
    "Replayed": {
        "description": "`true` when this is the first answer to the key, given again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "ETag": {"description": "Names this state, for If-Match and If-None-Match.", "schema": _TEXT},
    "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "RateLimit": {"description": "What is left of your rate, and when it begins again.", "schema": _TEXT},
}


def _header(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}


class Paths:
    """Collects path items, and the examples and answers that they share."""

    def __init__(self, app: flask.Flask, shapes: Shapes) -> None:
        self._converters = app.url_map.converters
        self._rules: dict[str, Rule] = {rule.endpoint: rule for rule in app.url_map.iter_rules()}
        self._shapes = shapes
        self.written: dict[str, dict[str, Any]] = {}
        self.examples: dict[str, Any] = {}
        self.responses: dict[str, Any] = {}

    def add(self, tag: str, operation: Operation) -> None:
        """Write ``operation`` of the blueprint ``tag``."""
        rule = self._rules[f"{tag}.{operation.operation_id}"].rule
        access = PERMISSIONS[operation.operation_id]
        missing = [kind.missing for kind in self._kinds(rule) if hasattr(kind, "missing")]
        answers = self._success(operation)
        for status, found in refusals.of(operation, access, missing).items():
            answers.setdefault(str(status), self._refused(status, found))
        item: dict[str, Any] = {
            "operationId": operation.operation_id,
            "tags": [tag],
            "summary": operation.summary,
            "description": _said(operation),
            "security": security_of(operation.operation_id),
            "parameters": [*self._in_path(rule), *self._in_query(operation), *_in_headers(operation)],
        }
        if operation.body is not None:
            item["requestBody"] = {"required": True, "content": self._body(operation)}
        item["responses"] = dict(sorted(answers.items()))
        if access.scopes:
            item["x-caller-kinds"] = sorted(access.kinds)
        self.written.setdefault(_VARIABLE.sub(r"{\g<name>}", rule), {})[operation.method.lower()] = item

    def _kinds(self, rule: str) -> list[Any]:
        return [self._converters[m["converter"] or "default"] for m in _VARIABLE.finditer(rule)]

    def _in_path(self, rule: str) -> list[dict[str, Any]]:
        names = [match["name"] for match in _VARIABLE.finditer(rule)]
        return [_path_parameter(name, kind) for name, kind in zip(names, self._kinds(rule), strict=True)]

    def _in_query(self, operation: Operation) -> list[dict[str, Any]]:
        return self._shapes.of_query(operation.query) if operation.query is not None else []

    def _body(self, operation: Operation) -> dict[str, Any]:
        assert operation.body is not None  # noqa: S101 - asked by the caller
        shape = self._shapes.of_request(operation.body)
        return _content(operation.body_type, shape, operation.example)

    def _success(self, operation: Operation) -> dict[str, Any]:
        """The answers that are not refusals: the usual one, and those that ``also`` names."""
        answers = {str(operation.status): self._answer(operation, operation.status, Also("Done."))}
        for status, further in operation.also.items():
            answers[str(status)] = self._answer(operation, status, further)
        return answers

    def _answer(self, operation: Operation, status: int, further: Also) -> dict[str, Any]:
        headers = {"X-Request-Id": _header("RequestId")}
        if status < 300 and hasattr(operation.view, "idempotency"):
            headers["Idempotent-Replayed"] = _header("Replayed")
        if status < 400 and {"If-Match", "If-None-Match"} & operation.headers.keys():
            headers["ETag"] = _header("ETag")
        answer: dict[str, Any] = {"description": further.said, "headers": headers}
        if further.answer is not None:
            shape = self._shapes.of_answer(further.answer)
            answer["content"] = _content("application/json", shape, further.example)
        elif status < 300 and (operation.answer is not None or operation.answer_example is not None):
            answer["content"] = _content(
                operation.answer_type, self._shape_of(operation.answer), operation.answer_example
            )
        return answer

    def _shape_of(self, answer: ma.Schema | None) -> dict[str, Any]:
        return {"type": "string"} if answer is None else self._shapes.of_answer(answer)

    def _refused(self, status: int, found: Sequence[Refusal]) -> dict[str, Any]:
        """A refusal's answer, shared with every operation that refuses with the same codes."""
        codes = sorted(refusal.code for refusal in found)
        name = f"{refusals.phrase(status)}.{'_'.join(codes)}"
        if status not in _SHARED or len(name) > 80:
            return self._problem(status, found)
        if name not in self.responses:
            self.responses[name] = self._problem(status, found)
        return {"$ref": f"#/components/responses/{name}"}

    def _problem(self, status: int, found: Sequence[Refusal]) -> dict[str, Any]:
        headers = {"X-Request-Id": _header("RequestId")}
        if status in (409, 429, 503):
            headers["Retry-After"] = _header("RetryAfter")
        if status == 429:
            headers["RateLimit"] = _header("RateLimit")
        examples = {refusal.code: self._example(refusal) for refusal in found}
        content = {PROBLEM: {"schema": self._shapes.of_answer(ProblemSchema()), "examples": examples}}
        return {"description": refusals.description(found), "headers": headers, "content": content}

    def _example(self, refusal: Refusal) -> dict[str, str]:
        """A reference to the refusal's example; a code that comes with two statuses has two."""
        example = refusals.example(refusal)
        name = refusal.code
        if self.examples.setdefault(name, example)["value"]["status"] != refusal.status:
            name = f"{refusal.code}.{refusal.status}"
            self.examples[name] = example
        return {"$ref": f"#/components/examples/{name}"}


def _said(operation: Operation) -> str:
    """What the view says of itself, without what is meant for its programmers."""
    text = _RAISES.sub("", inspect.getdoc(operation.view) or "").strip()
    return text.replace("``", "`") or f"{operation.summary}."


def _path_parameter(name: str, kind: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1}
    prefix = getattr(kind, "prefix", None)
    if prefix:
        schema = {"type": "string", "pattern": f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"}
    elif kind.__name__ == "IntegerConverter":
        schema = {"type": "integer", "minimum": 0}
    parameter = {"name": name, "in": "path", "required": True, "schema": schema}
    return parameter | ({"example": f"{prefix}_{_EXAMPLE_ID}"} if prefix else {})


def _in_headers(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    idempotency = getattr(operation.view, "idempotency", None)
    if idempotency:
        name = "IdempotencyKey" if idempotency == "required" else "OptionalIdempotencyKey"
        found.append({"$ref": f"#/components/parameters/{name}"})
    for name, description in operation.headers.items():
        required = {"required": True} if name == "If-Match" else {}
        found.append(_header_parameter(name, description, {"type": "string", "maxLength": 1000}, **required))
    return [*found, {"$ref": "#/components/parameters/RequestId"}]


def _content(media_type: str, shape: Mapping[str, Any], example: Any) -> dict[str, Any]:
    if media_type == NDJSON:
        return {NDJSON: _lines(shape, example)}
    found = {"schema": dict(shape)}
    return {media_type: found if example is None else {**found, "example": example}}


def _lines(shape: Mapping[str, Any], example: Any) -> dict[str, Any]:
    """Newline-delimited JSON: for HTTP a text, each line of which is a document of ``shape``."""
    schema = {
        "type": "string",
        # Generators take it as a file then, and not as a text to be held in memory.
        "format": "binary",
        "description": "One document a line; each is as `contentSchema` says.",
        "contentMediaType": "application/json",
        "contentSchema": dict(shape),
    }
    documents = example if isinstance(example, list) else [example]
    text = b"".join(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE) for document in documents)
    return {"schema": schema, "example": text.decode()} if example is not None else {"schema": schema}

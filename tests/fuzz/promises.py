"""Holds an answer that came over the wire against the OpenAPI document: status, content type, schema, headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
import orjson

PROBLEM = "application/problem+json"
NDJSON = "application/x-ndjson"
# What would show a caller how we are built. Names of our own problems and of the API are no secret.
_INSIDES = re.compile(rb"Traceback \(most|psycopg|sqlalchemy|site-packages|\.py\", line", re.IGNORECASE)
_WAITS = (429, 503)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(slots=True)
class Promises:
    """What ``document`` promises, with a compiled validator for each kind of answer, made when it is needed."""

    document: Mapping[str, Any]
    operations: dict[str, Mapping[str, Any]] = field(init=False)
    _validators: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.operations = {
            operation["operationId"]: {**operation, "method": method.upper(), "path": path}
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
        }

    def resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """``node``, or what its reference names."""
        while "$ref" in node:
            found: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

    def faults(self, operation_id: str | None, answer: Answer) -> list[str]:
        """Every way in which the answer differs from what is promised.

        None as the operation: the request addressed none, so any refusal will do if it is said properly.
        """
        found = _said_badly(answer)
        if found or operation_id is not None:
            return found + (self._breaches(operation_id, answer) if operation_id else [])
        return self._problem_faults(answer) if answer.media_type == PROBLEM else []

    def _problem_faults(self, answer: Answer) -> list[str]:
        schema = {"$ref": "#/components/schemas/Problem"}
        validator = self._validator("(none)", answer, schema)
        return [fault.message[:500] for fault in validator.iter_errors(orjson.loads(answer.body))]

    def _breaches(self, operation_id: str, answer: Answer) -> list[str]:
        promised = self.operations[operation_id]["responses"].get(str(answer.status))
        if promised is None:
            return [f"{answer.status} is not promised: {_shown(answer)}"]
        contents = self.resolved(promised).get("content", {})
        if not contents:
            return [f"a body with {answer.status}: {_shown(answer)}"] if answer.body else []
        if answer.media_type not in contents:
            return [f"{answer.media_type or 'no content type'} is not promised with {answer.status}"]
        return self._content_faults(operation_id, answer, contents[answer.media_type])

    def _content_faults(self, operation_id: str, answer: Answer, content: Mapping[str, Any]) -> list[str]:
        if answer.media_type.startswith("text/"):
            return []
        validator = self._validator(operation_id, answer, content["schema"])
        bodies = answer.body.splitlines() if answer.media_type == NDJSON else [answer.body]
        try:
            documents = [orjson.loads(body) for body in bodies]
        except orjson.JSONDecodeError as error:
            return [f"not JSON: {error}: {_shown(answer)}"]
        found = [
            f"{'/'.join(map(str, fault.instance_path))}: {fault.message}"[:500]
            for document in documents
            for fault in validator.iter_errors(document)
        ]
        if answer.media_type == PROBLEM and documents[0].get("code") not in content["examples"]:
            found.append(f"the code {documents[0].get('code')} is not promised with {answer.status}")
        return found

    def _validator(self, operation_id: str, answer: Answer, schema: Mapping[str, Any]) -> Any:
        key = (operation_id, str(answer.status), answer.media_type)
        if key not in self._validators:
            wanted = schema.get("contentSchema", schema)
            rooted = {"allOf": [wanted], "components": {"schemas": self.document["components"]["schemas"]}}
            self._validators[key] = jsonschema_rs.Draft202012Validator(rooted)
        return self._validators[key]


def _said_badly(answer: Answer) -> list[str]:
    """What no answer may be, whatever was asked for."""
    found = []
    if _INSIDES.search(answer.body):
        found.append(f"it shows our insides: {_shown(answer)}")
    if answer.status in _WAITS and not answer.headers.get("retry-after", "").isdigit():
        found.append(f"{answer.status} without Retry-After")
    if answer.media_type == PROBLEM:
        try:
            if orjson.loads(answer.body)["status"] != answer.status:
                found.append("the problem has another status than the answer")
        except (ValueError, KeyError, TypeError) as error:
            found.append(f"no problem document: {error!r}: {_shown(answer)}")
    return found


def _shown(answer: Answer) -> str:
    return answer.body[:300].decode(errors="replace")

"""Holds answers against the OpenAPI document: what the code answers must be what the document promises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import flask
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

PROBLEM = "application/problem+json"
NDJSON = "application/x-ndjson"
_BASE = "urn:api"


class Contract:
    """The promises of ``document``, by operation."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._registry: Registry[Any] = Registry().with_resource(
            _BASE, Resource.from_contents(document, default_specification=DRAFT202012)
        )
        self.operations: dict[str, Mapping[str, Any]] = {
            operation["operationId"]: operation
            for item in document["paths"].values()
            for operation in item.values()
        }

    def resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """``node``, or what its reference names."""
        if "$ref" not in node:
            return node
        found: Any = self.document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return self.resolved(found)

    def faults(self, schema: Mapping[str, Any], value: Any) -> list[str]:
        """What is wrong with ``value`` by ``schema``, which may refer into the document."""
        rooted = json.loads(json.dumps(schema).replace('"#/', f'"{_BASE}#/'))
        found = Draft202012Validator(rooted, registry=self._registry).iter_errors(value)
        return [f"{'/'.join(map(str, fault.absolute_path))}: {fault.message}" for fault in found]

    def content_faults(self, content: Mapping[str, Any], value: Any) -> list[str]:
        """The same for a media type's content; of lines, each is looked at."""
        schema = content["schema"]
        if "contentSchema" not in schema:
            return self.faults(schema, value)
        lines = [json.loads(line) for line in value.splitlines()]
        return [fault for line in lines for fault in self.faults(schema["contentSchema"], line)]

    def breaches(self, operation_id: str, response: flask.Response) -> list[str]:
        """Every way in which ``response`` differs from what the operation promises."""
        promised = self.operations[operation_id]["responses"].get(str(response.status_code))
        if promised is None:
            return [f"{response.status_code} is not promised"]
        contents = self.resolved(promised).get("content", {})
        body = response.get_data(as_text=True)
        content = contents.get(response.mimetype)
        if content is None:
            return (
                [f"{response.mimetype} is not promised with {response.status_code}"]
                if body and contents
                else []
            )
        if response.mimetype.startswith("text/"):
            return []
        value = body if response.mimetype == NDJSON else json.loads(body)
        found = self.content_faults(content, value)
        if response.mimetype == PROBLEM and value["code"] not in content["examples"]:
            found.append(f"the code {value['code']} is not promised with {response.status_code}")
        return found

    def watch(self, app: flask.Flask) -> None:
        """Hold every answer of ``app`` against the document; a breach fails the test that it happens in."""

        def compare(response: flask.Response) -> flask.Response:
            operation = (flask.request.endpoint or "").rpartition(".")[2]
            if operation in self.operations and not response.is_streamed:
                breaches = self.breaches(operation, response)
                assert not breaches, f"{operation} answered otherwise than it promises: {breaches}"
            return response

        app.after_request(compare)

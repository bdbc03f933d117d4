"""The OpenAPI document: complete, valid, in step with the code, and true in every example."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from loyalty_api import openapi
from loyalty_api.app import blueprints
from loyalty_api.auth.permissions import PERMISSIONS
from loyalty_api.http import Operation
from loyalty_api.trouble import PROBLEM
from tests.support.contract import Contract

CHECKED_IN = Path(__file__).parents[2] / "openapi" / "loyalty-api.yaml"


def declared() -> Iterator[Operation]:
    for blueprint in blueprints():
        yield from blueprint.operations


def contents(contract: Contract) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every media type of every operation: where it stands, which it is, and its content."""
    for name, operation in contract.operations.items():
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} body", media, content
        for status, answer in operation["responses"].items():
            for media, content in contract.resolved(answer).get("content", {}).items():
                yield f"{name} {status}", media, content


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_it_is_the_one_that_is_checked_in(app: flask.Flask) -> None:
    same = openapi.as_yaml(app) == CHECKED_IN.read_text(encoding="utf-8")
    assert same, "The operations have changed: run `make openapi` and check the difference in."


def test_every_operation_is_in_it(contract: Contract) -> None:
    assert set(contract.operations) == {operation.operation_id for operation in declared()}


def test_every_operation_says_what_it_is_for(contract: Contract) -> None:
    for name, operation in contract.operations.items():
        assert operation["summary"].strip(), name
        assert operation["description"].strip(), name
        assert not operation["summary"].endswith("."), f"{name}: a summary is a phrase, without a full stop"


def texts(contract: Contract, content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The texts at the top of a body or an answer, by name."""
    properties = contract.resolved(content.get("schema", {})).get("properties", {})
    shown = {name: contract.resolved(schema) for name, schema in properties.items()}
    return {name: schema for name, schema in shown.items() if "string" in schema.get("type", ())}


def test_an_answer_may_say_again_what_was_said(contract: Contract) -> None:
    """A text that a body may hold fits into the field of the same name in the answer."""
    refused = []
    for name, operation in contract.operations.items():
        for asked in operation.get("requestBody", {}).get("content", {}).values():
            said = texts(contract, asked)
            for status, answer in operation["responses"].items():
                for content in contract.resolved(answer).get("content", {}).values() if status < "3" else ():
                    refused += [
                        f"{name}: {field}"
                        for field, schema in texts(contract, content).items()
                        if field in said
                        and schema.get("maxLength", 10_000) < said[field].get("maxLength", 10_000)
                    ]
    assert not refused


def test_every_operation_shows_its_bodies_by_example(contract: Contract) -> None:
    bare = [where for where, _, content in contents(contract) if not {"example", "examples"} & content.keys()]
    assert not bare


def test_every_example_is_what_its_schema_says(contract: Contract) -> None:
    wrong = {}
    for where, _, content in contents(contract):
        examples = [contract.resolved(example)["value"] for example in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        faults = [fault for example in examples for fault in contract.content_faults(content, example)]
        if faults:
            wrong[where] = faults
    assert not wrong


def test_every_operation_needs_the_scopes_of_the_permission_table(contract: Contract) -> None:
    for name, operation in contract.operations.items():
        scopes = {scope for way in operation["security"] for scope in way["oauth2"]}
        assert scopes == set(PERMISSIONS[name].scopes), name


def test_every_refusal_an_operation_declares_is_promised(contract: Contract) -> None:
    for operation in declared():
        answers = contract.operations[operation.operation_id]["responses"]
        for error in operation.errors:
            answer = contract.resolved(answers[str(error.status)])
            promised = answer.get("content", {}).get(PROBLEM, {}).get("examples", {})
            assert error.code in promised, (operation.operation_id, error.code)


def test_whoever_needs_a_token_is_told_of_every_way_it_can_fail(contract: Contract) -> None:
    for name, operation in contract.operations.items():
        if operation["security"]:
            assert {"401", "403", "429", "500", "503"} <= operation["responses"].keys(), name


def test_a_write_says_whether_it_needs_a_key(contract: Contract) -> None:
    for operation in declared():
        references = [p.get("$ref", "") for p in contract.operations[operation.operation_id]["parameters"]]
        needs = getattr(operation.view, "idempotency", None)
        assert any(ref.endswith("/IdempotencyKey") for ref in references) == (needs == "required")
        assert any(ref.endswith("/OptionalIdempotencyKey") for ref in references) == (needs == "optional")


def test_requests_are_closed_and_answers_open(contract: Contract) -> None:
    for where, media, content in contents(contract):
        shape = contract.resolved(content["schema"].get("contentSchema", content["schema"]))
        if media != PROBLEM and shape.get("type") == "object":
            closed = shape.get("additionalProperties") is False
            assert closed == where.endswith("body"), where


def test_it_is_served_and_kept_by_its_tag(client: FlaskClient, document: dict[str, Any]) -> None:
    first = client.get("/openapi.json")
    assert first.json == document
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")


def test_answers_are_what_the_document_promises(client: FlaskClient, contract: Contract) -> None:
    asked = {"livez": "/livez", "readyz": "/readyz", "version": "/version", "metrics": "/metrics"}
    asked |= {"list_stores": "/v1/stores", "get_program": "/v1/program"}
    for operation, path in asked.items():
        assert contract.breaches(operation, client.get(path)) == [], operation


def test_an_answer_that_was_not_promised_is_noticed(contract: Contract) -> None:
    odd = flask.Response('{"status": "asleep"}', mimetype="application/json")
    assert contract.breaches("livez", odd)
    assert contract.breaches("livez", flask.Response("", status=418)) == ["418 is not promised"]

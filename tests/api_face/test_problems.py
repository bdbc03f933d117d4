"""Every problem has a page that says its cause and its remedy."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from loyalty_api import (
    app,  # noqa: F401 - with the application come all its errors
    trouble,
)
from loyalty_api.documents import NotJson, load_json
from loyalty_api.errors import Fault, Invalid, NotFound
from loyalty_api.language import catalogue, languages
from loyalty_api.problems import CATALOGUE, kinds


def test_every_problem_is_in_the_catalogue() -> None:
    missing = sorted(kinds().keys() - CATALOGUE.keys())
    assert not missing, f"Say in loyalty_api/problems.toml what causes and what mends: {missing}"


def test_nothing_is_in_the_catalogue_that_cannot_happen() -> None:
    assert not sorted(CATALOGUE.keys() - kinds().keys())


def test_causes_and_remedies_are_sentences() -> None:
    for code, problem in CATALOGUE.items():
        for sentence in (problem.cause, problem.remedy):
            assert sentence.endswith("."), code


def test_the_catalogue_is_in_the_order_of_its_codes() -> None:
    assert list(CATALOGUE) == sorted(CATALOGUE)


def of_members(document: dict[str, Any]) -> set[str]:
    """The codes that the document names for what a member's own token may do."""
    components = document["components"]["responses"]
    named = set()
    for path, operations in document["paths"].items():
        for operation in operations.values() if path.startswith("/v1/me/") else ():
            for status, response in operation["responses"].items():
                found = (
                    components[response["$ref"].rsplit("/", maxsplit=1)[-1]]
                    if "$ref" in response
                    else response
                )
                if int(status) >= 400:
                    named |= set(re.findall(r"`(\w+)`: ", found["description"]))
    return named


@pytest.mark.parametrize("language", [name for name in languages() if name != "en"])
def test_members_read_what_went_wrong_in_their_language(language: str, document: dict[str, Any]) -> None:
    missing = sorted(of_members(document) - catalogue(language).entries["problem"].keys())
    assert not missing, f"Say these problems in catalogues/{language}.json: {missing}"


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ("nb-NO,nb;q=0.9,en;q=0.5", "Logg inn først."),
        ("nn", "Logg inn først."),
        ("da-DK, en;q=0.9", "Log ind først."),
        ("sv-FI, fi;q=0.8", "Logga in först."),
        ("fi-FI", "Kirjaudu ensin."),
        ("et, ru;q=0.7", "Сначала войдите."),
        ("tlh, *;q=0", "Send an access token: Authorization: Bearer …"),
        (";;q=¤", "Send an access token: Authorization: Bearer …"),
        (None, "Send an access token: Authorization: Bearer …"),
    ],
)
def test_the_detail_is_in_the_callers_language(client: FlaskClient, asked: str | None, detail: str) -> None:
    headers = {} if asked is None else {"Accept-Language": asked}
    told = client.get("/v1/me", headers=headers).json
    assert told is not None
    assert (told["code"], told["detail"]) == ("unauthorized", detail)


def test_an_error_of_a_test_or_a_command_is_not_a_problem_of_the_api() -> None:
    class Strange(NotFound):
        code = "strange"

    assert "strange" not in kinds()


def test_the_page_of_a_problem_says_what_to_do(client: FlaskClient) -> None:
    page = client.get("/problems/idempotency_key_reused", headers={"Accept": "text/html"})
    assert page.mimetype == "text/html"
    text = page.get_data(as_text=True)
    assert CATALOGUE["idempotency_key_reused"].cause in text
    assert "Take a new key for each new request." in text


def test_a_program_may_read_it_as_json(client: FlaskClient) -> None:
    told = client.get("/problems/not_found", headers={"Accept": "application/json"}).json
    assert told is not None
    assert (told["code"], told["status"], told["cause"]) == ("not_found", [404], CATALOGUE["not_found"].cause)


def test_all_problems_are_listed(client: FlaskClient) -> None:
    listed = client.get("/problems", headers={"Accept": "application/json"}).json
    assert listed is not None
    assert {problem["code"] for problem in listed["data"]} == kinds().keys()
    page = client.get("/problems", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert all(f'href="/problems/{code}"' in page for code in kinds())


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ("GET /nothing/here", 404, "not_found"),
        ("DELETE /livez", 405, "method_not_allowed"),
        ("GET /v1/stores", 401, "unauthorized"),
        ("GET /problems/no_such_code", 404, "not_found"),
    ],
)
def test_refusals_are_problems_whose_type_has_a_page(
    client: FlaskClient, asked: str, status: int, code: str
) -> None:
    method, path = asked.split()
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    told = answer.json
    assert told is not None
    assert (told["code"], told["status"], told["instance"]) == (code, status, path)
    assert told["request_id"] == answer.headers["X-Request-Id"]
    assert client.get(told["type"]).status_code == 200


def test_a_wrong_method_is_told_which_ones_are_right(client: FlaskClient) -> None:
    assert "GET" in client.delete("/livez").headers.get("Allow", "")


def test_a_problem_is_no_longer_than_it_may_be_however_much_was_wrong(client: FlaskClient) -> None:
    told = client.get(f"/{'a' * 5000}").json
    assert told is not None
    assert len(told["instance"]) == 2000
    with client.application.test_request_context("/v1/members"):
        faults = [Fault("/" + "a" * 5000, "unknown_field", "Unknown field.")] * 5000
        answered = trouble.problem(Invalid("x" * 5000, errors=faults)).get_json()
    assert trouble.ProblemSchema().validate(answered) == {}
    assert len(answered["errors"]) == 100


@pytest.mark.parametrize(
    "path", ["/v1/members/6T/identifiers", "/v1/members/mbr_zzzzzzzzzzzzzzzzzzzzzzzzzz/people"]
)
def test_an_id_that_none_can_be_is_not_found_whatever_is_asked_of_it(client: FlaskClient, path: str) -> None:
    told = [client.open(path, method=method).json for method in ("GET", "POST", "PATCH")]
    assert [document and document["code"] for document in told] == ["not_found"] * 3


def test_what_is_nested_deeper_than_we_can_write_is_not_read() -> None:
    assert load_json(b"[" * 200 + b"]" * 200)
    for deep in (260, 900, 20_000):
        with pytest.raises(NotJson):
            load_json(b'{"a":' * deep + b"1" + b"}" * deep)

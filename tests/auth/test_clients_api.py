"""Clients over HTTP: made, listed, changed and revoked by an administrator."""

from __future__ import annotations

from typing import Any

import flask
import pytest
from werkzeug.test import TestResponse

from loyalty_api.auth.rules import ALLOWED, DEFAULT
from loyalty_api.db import Database
from tests.support.tokens import bearer, make_client, token_for

TILL = {"kind": "terminal", "name": "Lane 7", "store_id": "str_1"}


class Office:
    """An administrator's client program."""

    def __init__(self, app: flask.Flask) -> None:
        self.http, self.headers = app.test_client(), bearer(token_for(app, "admin"))
        self.key = 0

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        self.key += 1
        sent = {**self.headers, "Idempotency-Key": str(self.key), **headers}
        return self.http.post(path, json=body, headers=sent)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.http.get(path, headers={**self.headers, **headers})

    def patch(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self.http.patch(path, json=body, headers={**self.headers, **headers})


@pytest.fixture
def office(app: flask.Flask) -> Office:
    return Office(app)


def test_a_new_client_signs_in_with_the_secret_that_is_shown_once(app: flask.Flask, office: Office) -> None:
    made = office.post("/v1/clients", TILL)
    document = made.get_json()
    assert made.status_code == 201
    assert len(document["client_secret"]) == 43, "256 bits"
    assert set(document["scopes"]) == DEFAULT["terminal"]
    auth = (document["client_id"], document["client_secret"])
    form = {"grant_type": "client_credentials"}
    assert app.test_client().post("/oauth/token", data=form, auth=auth).status_code == 200
    read = office.get(f"/v1/clients/{document['client_id']}").get_json()
    assert read == {name: value for name, value in document.items() if name != "client_secret"}


def test_only_the_hash_of_a_secret_is_kept(office: Office, database: Database) -> None:
    secret = office.post("/v1/clients", TILL).get_json()["client_secret"]
    for table in ("clients", "idempotency_keys"):
        row = database.fetch_one(f"SELECT string_agg(t::text, '') FROM {table} t", ())
        assert row is not None
        assert secret not in row[0]
        assert secret.encode().hex() not in row[0]


def test_the_same_key_makes_one_client(office: Office) -> None:
    first = office.post("/v1/clients", TILL, **{"Idempotency-Key": "same"})
    again = office.post("/v1/clients", TILL, **{"Idempotency-Key": "same"})
    assert again.get_json() == first.get_json()
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"kind": "terminal", "name": "x"}, "/store_id", "store_required"),
        ({**TILL, "scopes": ["clients:write"]}, "/scopes", "scope_not_allowed"),
        ({**TILL, "scopes": ["me:read"]}, "/scopes", "scope_not_allowed"),
        ({**TILL, "scopes": ["made:up"]}, "/scopes", "scope_not_allowed"),
        ({**TILL, "scopes": []}, "/scopes", "required"),
        ({"kind": "partner", "name": "x", "scopes": ["purchases:write"]}, "/store_id", "store_required"),
        ({**TILL, "rate": 0}, "/rate", "invalid_value"),
        ({**TILL, "kind": "root"}, "/kind", "invalid_value"),
        ({**TILL, "kind": "member"}, "/kind", "invalid_value"),
        ({**TILL, "secret": "mine"}, "/secret", "unknown_field"),
    ],
)
def test_clients_that_cannot_be(office: Office, body: dict[str, Any], pointer: str, code: str) -> None:
    refused = office.post("/v1/clients", body)
    assert refused.status_code == 422
    assert (pointer, code) in {(fault["pointer"], fault["code"]) for fault in refused.get_json()["errors"]}


def test_a_client_is_changed_on_the_state_that_was_read(office: Office) -> None:
    path = f"/v1/clients/{office.post('/v1/clients', TILL).get_json()['client_id']}"
    etag = office.get(path).headers["ETag"]
    assert office.get(path, **{"If-None-Match": etag}).status_code == 304
    assert office.patch(path, {"rate": 60}).status_code == 428
    changed = office.patch(path, {"rate": 60, "name": "Lane 8"}, **{"If-Match": etag})
    assert (changed.get_json()["rate"], changed.get_json()["name"]) == (60, "Lane 8")
    assert office.patch(path, {"rate": 61}, **{"If-Match": etag}).status_code == 412
    beyond = office.patch(path, {"scopes": ["program:write"]}, **{"If-Match": changed.headers["ETag"]})
    assert beyond.status_code == 422
    assert office.get(path).get_json()["rate"] == 60


def test_a_revoked_client_stays_revoked(app: flask.Flask, office: Office) -> None:
    client, secret = make_client(app)
    path = f"/v1/clients/{client.public_id}"
    answers = [office.post(f"{path}/revoke") for _ in range(2)]
    assert [(a.status_code, a.get_json()["status"]) for a in answers] == [(200, "revoked")] * 2
    etag = office.get(path).headers["ETag"]
    refused = office.patch(path, {"name": "again"}, **{"If-Match": etag})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "client_revoked")
    form = {"grant_type": "client_credentials"}
    assert (
        app.test_client().post("/oauth/token", data=form, auth=(client.public_id, secret)).status_code == 401
    )


def test_clients_are_listed_page_by_page(app: flask.Flask, office: Office) -> None:
    made = [make_client(app)[0].public_id for _ in range(4)]
    seen, path = [], "/v1/clients?limit=2"
    while path:
        page = office.get(path).get_json()
        seen += [client["client_id"] for client in page["data"]]
        path = page["next_cursor"] and f"/v1/clients?limit=2&cursor={page['next_cursor']}"
    assert seen[1:] == made, "after the administrator's own"
    assert "secret" not in str(page)
    assert office.get("/v1/clients?cursor=%%%").status_code == 422


def test_an_id_that_is_none_is_404(office: Office) -> None:
    for name in ("cli_00000000000000000000000000", "cli_x", "mbr_00000000000000000000000000"):
        assert office.get(f"/v1/clients/{name}").status_code == 404


def test_nobody_but_an_administrator_may(app: flask.Flask) -> None:
    for kind in ("terminal", "staff", "mobile", "partner"):
        headers = {**bearer(token_for(app, kind, scopes=ALLOWED[kind])), "Idempotency-Key": "k"}  # type: ignore[index]
        assert app.test_client().post("/v1/clients", json=TILL, headers=headers).status_code == 403

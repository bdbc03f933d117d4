"""Client credentials at /oauth/token: RFC 6749, and nothing granted that is not on the client's list."""

from __future__ import annotations

from typing import Any

import flask
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.auth.rules import (
    ALLOWED,
    CLIENT_KINDS,
    DEFAULT,
    MEMBER_SCOPES,
    SCOPES,
    ScopeNotGranted,
    grant,
)
from tests.support.tokens import bearer, make_client

FORM = "application/x-www-form-urlencoded"
GRANT = {"grant_type": "client_credentials"}


def ask(app: flask.Flask, form: dict[str, Any], **options: Any) -> tuple[int, dict[str, Any]]:
    answer = app.test_client().post("/oauth/token", data=form, **options)
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.get_json()


def test_a_till_signs_in_and_gets_what_is_on_its_list(app: flask.Flask) -> None:
    client, secret = make_client(app)
    status, answer = ask(app, GRANT, auth=(client.public_id, secret))
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "Bearer", 600)
    assert set(answer["scope"].split()) == DEFAULT["terminal"]
    posted = ask(app, {**GRANT, "client_id": client.public_id, "client_secret": secret})
    assert posted[0] == 200
    done = app.test_client().post("/v1/purchases/str_1", headers=bearer(answer["access_token"]))
    assert done.get_json() == {"client": client.public_id}


def test_the_token_is_rfc_9068_and_verifies_with_the_published_keys(app: flask.Flask) -> None:
    client, secret = make_client(app)
    token = ask(app, GRANT, auth=(client.public_id, secret))[1]["access_token"]
    published = app.test_client().get("/.well-known/jwks.json")
    assert published.headers["Cache-Control"] == "public, max-age=300"
    keys = jwt.PyJWKSet.from_dict(published.get_json())
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert all("d" not in key for key in published.get_json()["keys"])
    claims = jwt.decode(
        token, keys[header["kid"]].key, ["ES256"], audience="loyalty-api", issuer="https://loyalty.example"
    )
    assert claims["sub"] == claims["client_id"] == client.public_id
    assert claims["exp"] - claims["iat"] == 600
    assert claims["jti"]


def test_metadata_says_where_everything_is(app: flask.Flask) -> None:
    document = app.test_client().get("/.well-known/oauth-authorization-server").get_json()
    assert document["token_endpoint"] == "https://loyalty.example/oauth/token"
    assert document["jwks_uri"] == "https://loyalty.example/.well-known/jwks.json"
    assert set(document["scopes_supported"]) == set(SCOPES)


def test_fewer_scopes_may_be_asked_for_and_more_may_not(app: flask.Flask) -> None:
    client, secret = make_client(app, scopes=["members:lookup", "quotes:create"])
    auth = (client.public_id, secret)
    assert ask(app, {**GRANT, "scope": "quotes:create"}, auth=auth)[1]["scope"] == "quotes:create"
    for scope in ("purchases:write", "quotes:create purchases:write", "QUOTES:CREATE", "*", "me:read", " "):
        status, answer = ask(app, {**GRANT, "scope": scope}, auth=auth)
        assert (status, answer["error"]) == (400, "invalid_scope")


@given(
    listed=st.frozensets(st.sampled_from(sorted(SCOPES))),
    asked=st.lists(st.sampled_from([*SCOPES, "x", "*"])),
)
def test_nothing_is_ever_granted_beyond_the_list(listed: frozenset[str], asked: list[str]) -> None:
    for wish in (" ".join(asked), None):
        try:
            assert grant(listed=listed, asked=wish) <= listed
        except ScopeNotGranted:
            assert not listed or not frozenset(asked) or not frozenset(asked) <= listed


def test_what_kinds_usually_get_is_within_what_they_may_have() -> None:
    for kind in CLIENT_KINDS:
        assert DEFAULT[kind] <= ALLOWED[kind] <= set(SCOPES)
        assert kind == "mobile" or not ALLOWED[kind] & MEMBER_SCOPES


def test_a_members_scopes_are_never_given_to_the_backend_itself(app: flask.Flask) -> None:
    client, secret = make_client(app, "mobile", scopes=["me:read", "members:lookup"])
    auth = (client.public_id, secret)
    assert ask(app, GRANT, auth=auth)[1]["scope"] == "members:lookup"
    assert ask(app, {**GRANT, "scope": "me:read"}, auth=auth)[1]["error"] == "invalid_scope"


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [
        ("", ""), ("cli_0", "x"), ("cli_00000000000000000000000000", "x"), ("{}", "wrong"), ("{}", ""),
        ("{}", "\x00"), ("{} ", "{}"), ("' OR 1=1 --", "x"), ("\x00", "x"), ("æ", "ø"),
    ],
)  # fmt: skip
def test_unknown_clients_and_wrong_secrets_are_told_the_same(
    app: flask.Flask, client_id: str, secret: str
) -> None:
    client, right = make_client(app)
    name, word = client_id.format(client.public_id), secret.format(right)
    answers = [
        ask(app, GRANT, auth=(name, word)),
        ask(app, {**GRANT, "client_id": name, "client_secret": word}),
    ]
    assert all((status, answer["error"]) == (401, "invalid_client") for status, answer in answers)
    assert len({answer["error_description"] for _, answer in answers}) == 1


def test_a_malformed_basic_header_is_401_with_a_challenge(app: flask.Flask) -> None:
    for header in ("Basic", "Basic !!!", "Basic /w==", "Bearer x"):
        answer = app.test_client().post("/oauth/token", data=GRANT, headers={"Authorization": header})
        assert (answer.status_code, answer.headers["WWW-Authenticate"].split()[0]) == (401, "Basic")


def test_requests_that_are_no_token_requests(app: flask.Flask) -> None:
    client, secret = make_client(app)
    json = {"auth": (client.public_id, secret), "content_type": "application/json"}
    auth, both = (client.public_id, secret), {"client_id": client.public_id, "client_secret": secret}
    for form, options, error in (
        ({}, {"auth": auth}, "invalid_request"),
        ({"grant_type": ""}, {"auth": auth}, "invalid_request"),
        ({"grant_type": ["client_credentials", "client_credentials"]}, {"auth": auth}, "invalid_request"),
        ({"grant_type": "password", "username": "a"}, {"auth": auth}, "unsupported_grant_type"),
        ({**GRANT, **both}, {"auth": auth}, "invalid_request"),
        (GRANT, {"auth": auth, "query_string": "scope=quotes:create"}, "invalid_request"),
        ('{"grant_type": "client_credentials"}', json, "invalid_request"),
    ):
        status, answer = ask(app, form, **options)
        assert (status, answer["error"]) == (400, error)
    assert app.test_client().get("/oauth/token").status_code == 405


def test_guessing_is_slowed_down_and_success_costs_nothing(app: flask.Flask) -> None:
    client, secret = make_client(app)
    for _ in range(100):
        assert ask(app, GRANT, auth=(client.public_id, secret))[0] == 200
    seen = [
        app.test_client().post("/oauth/token", data=GRANT, auth=(client.public_id, "no")) for _ in range(11)
    ]
    assert [answer.status_code for answer in seen] == [401] * 10 + [429]
    assert 1 <= int(seen[-1].headers["Retry-After"]) <= 60
    other, right = make_client(app)
    assert ask(app, GRANT, auth=(other.public_id, right))[0] == 200

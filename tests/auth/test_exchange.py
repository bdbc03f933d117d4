"""A member's token: the merchant's own sign-in exchanged for it (RFC 8693)."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import flask
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm

from loyalty_api.auth.exchange import BadIssuer, subject_issuers
from loyalty_api.db import Database
from tests.auth.conftest import Clock, People
from tests.auth.doors import make_app
from tests.support.tokens import bearer, make_client, member_token_for

IDP = "https://login.shop.example"
KEY = ec.generate_private_key(ec.SECP256R1())
JWK = {**orjson.loads(ECAlgorithm.to_jwk(KEY.public_key())), "kid": "k1", "alg": "ES256"}
JWKS = orjson.dumps({"keys": [JWK], "audience": "shop-app"}).decode()
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
}


def signed_in(
    subject: str = "anna", key: Any = KEY, algorithm: str = "ES256", kid: str = "k1", **changes: Any
) -> str:
    now = int(time.time())
    claims = {"iss": IDP, "sub": subject, "aud": "shop-app", "iat": now, "exp": now + 60, **changes}
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm, {"kid": kid})


@pytest.fixture
def app(database: Database, people: People) -> flask.Flask:
    return make_app(
        database,
        resolve_member=people.resolve,
        member_epoch=people.epoch,
        subject_issuers={IDP: JWKS},
    )


def exchange(app: flask.Flask, kind: Any = "mobile", **form: str) -> tuple[int, dict[str, Any]]:
    client, secret = make_client(app, kind)
    answer = app.test_client().post(
        "/oauth/token", data={**EXCHANGE, **form}, auth=(client.public_id, secret)
    )
    return answer.status_code, answer.get_json()


def test_a_member_signs_in_through_the_merchants_backend(app: flask.Flask, people: People) -> None:
    member_id = people.add(IDP, "anna")
    status, answer = exchange(app, subject_token=signed_in())
    assert (status, answer["expires_in"]) == (200, 900)
    assert answer["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert set(answer["scope"].split()) == {"me:read", "me:redeem", "me:claim", "me:write"}
    seen = app.test_client().get("/v1/me/summary", headers=bearer(answer["access_token"]))
    assert seen.get_json() == {"member": str(member_id)}


def test_the_token_tells_nobody_who_the_member_is(app: flask.Flask, people: People) -> None:
    member_id = people.add(IDP, "anna")
    tokens = [exchange(app, subject_token=signed_in())[1]["access_token"] for _ in range(2)]
    claims = [jwt.decode(token, options={"verify_signature": False}) for token in tokens]
    assert claims[0]["sub"] != claims[1]["sub"], "two clients know the member by different names"
    for token in claims:
        assert member_id.hex not in str(token).replace("-", "")
        assert "anna" not in str(token)


def test_the_same_client_sees_the_same_name(app: flask.Flask, people: People) -> None:
    people.add(IDP, "anna")
    client, secret = make_client(app, "mobile")
    auth = (client.public_id, secret)
    form = {**EXCHANGE, "subject_token": signed_in()}
    answers = [app.test_client().post("/oauth/token", data=form, auth=auth).get_json() for _ in range(2)]
    subjects = {jwt.decode(a["access_token"], options={"verify_signature": False})["sub"] for a in answers}
    assert len(subjects) == 1


def test_a_sealed_member_cannot_be_carried_into_another_token(app: flask.Flask, people: People) -> None:
    anna = people.add(IDP, "anna")
    token = member_token_for(app, anna)
    claims = jwt.decode(token, options={"verify_signature": False})
    with app.extensions["database"].unit_of_work() as session:
        ours = app.extensions["authority"].signing(session)
    header = {"typ": "at+jwt", "kid": ours.kid}
    moved = jwt.encode({**claims, "jti": "another"}, ours.key, "ES256", header)
    assert app.test_client().get("/v1/me/summary", headers=bearer(token)).status_code == 200
    assert app.test_client().get("/v1/me/summary", headers=bearer(moved)).status_code == 401


HOSTILE = {
    "signed by somebody else": lambda: signed_in(key=ec.generate_private_key(ec.SECP256R1())),
    "another algorithm under the same kid": lambda: signed_in(
        key=rsa.generate_private_key(public_exponent=65537, key_size=2048), algorithm="RS256"
    ),
    "HS256": lambda: signed_in(key="x" * 32, algorithm="HS256"),
    "unsigned": lambda: jwt.encode({"iss": IDP, "sub": "anna"}, None, "none", {"kid": "k1"}),
    "an issuer nobody registered": lambda: signed_in(iss="https://evil.example"),
    "an unknown key": lambda: signed_in(kid="k2"),
    "expired": lambda: signed_in(exp=int(time.time()) - 1),
    "without an end": lambda: signed_in(exp=None),
    "for another application": lambda: signed_in(aud="another-app"),
    "without a subject": lambda: signed_in(sub=None),
    "not a token": lambda: "hello",
    "very long": lambda: "A" * 20_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_subject_token_that_does_not_hold_is_refused(app: flask.Flask, people: People, name: str) -> None:
    people.add(IDP, "anna")
    status, answer = exchange(app, subject_token=HOSTILE[name]())
    assert (status, answer["error"]) == (400, "invalid_request")


def test_who_is_not_a_member_gets_no_token(app: flask.Flask) -> None:
    status, answer = exchange(app, subject_token=signed_in("nobody"))
    assert (status, answer["error"]) == (400, "invalid_request")
    assert answer["error_description"].startswith("no_member")


def test_only_a_mobile_backend_may_exchange(app: flask.Flask, people: People) -> None:
    people.add(IDP, "anna")
    for kind in ("terminal", "staff", "partner", "admin"):
        assert exchange(app, kind, subject_token=signed_in())[1]["error"] == "unauthorized_client"


def test_scopes_are_the_clients_and_the_members_only(app: flask.Flask, people: People) -> None:
    people.add(IDP, "anna")
    assert exchange(app, subject_token=signed_in(), scope="me:read")[1]["scope"] == "me:read"
    for scope in ("members:read", "events:read", "me:read purchases:write"):
        assert exchange(app, subject_token=signed_in(), scope=scope)[1]["error"] == "invalid_scope"


def test_other_kinds_of_tokens_are_not_exchanged(app: flask.Flask, people: People) -> None:
    people.add(IDP, "anna")
    for form in (
        {"subject_token": ""},
        {"subject_token": signed_in(), "subject_token_type": "urn:ietf:params:oauth:token-type:saml2"},
        {
            "subject_token": signed_in(),
            "requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token",
        },
        {"subject_token": signed_in(), "actor_token": "x"},
    ):
        assert exchange(app, **form)[1]["error"] == "invalid_request"


def test_signing_out_everywhere_ends_the_tokens_within_a_second(database: Database, people: People) -> None:
    clock = Clock()
    app = make_app(database, member_epoch=people.epoch, steady=clock)
    anna, berit = people.add(IDP, "anna"), people.add(IDP, "berit")
    tokens = {member: member_token_for(app, member) for member in (anna, berit)}

    def opens(member: Any) -> int:
        return app.test_client().get("/v1/me/summary", headers=bearer(tokens[member])).status_code

    assert (opens(anna), opens(berit)) == (200, 200)
    people.epochs[anna] += 1
    clock.seconds += 1.0
    assert (opens(anna), opens(berit)) == (401, 200)
    assert (
        app.test_client()
        .get("/v1/me/summary", headers=bearer(member_token_for(app, anna, epoch=2)))
        .status_code
        == 200
    )
    del people.epochs[berit]
    clock.seconds += 1.0
    assert opens(berit) == 401, "an erased member's token opens nothing"


def test_an_epoch_that_cannot_be_read_holds_for_five_seconds(database: Database, people: People) -> None:
    clock, broken = Clock(), []

    def epoch(member_id: Any) -> int | None:
        if broken:
            raise OSError("the database is gone")
        return people.epoch(member_id)

    app = make_app(database, member_epoch=epoch, steady=clock)
    token = member_token_for(app, people.add(IDP, "anna"))
    statuses = []
    for seconds in (0, 4.9, 0.1):
        clock.seconds += seconds
        statuses.append(app.test_client().get("/v1/me/summary", headers=bearer(token)).status_code)
        broken.append(True)
    assert statuses == [200, 200, 503]


def test_issuers_are_read_from_a_file_too_and_bad_keys_stop_the_start(tmp_path: Any) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(orjson.dumps({"keys": [JWK]}).decode())
    issuers = subject_issuers({IDP: str(file)}, audience="loyalty-api")
    assert issuers[IDP].audience == "loyalty-api"
    shared = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "s", "alg": "HS256"}
    for text in (
        "{",
        "{}",
        '{"keys": []}',
        orjson.dumps({"keys": [shared]}).decode(),
        str(tmp_path / str(uuid4())),
    ):
        with pytest.raises(BadIssuer):
            subject_issuers({IDP: text}, audience="loyalty-api")

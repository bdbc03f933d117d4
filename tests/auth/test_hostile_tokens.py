"""Tokens that somebody made up. None opens anything; each is refused with 401 and never with a 500."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import flask
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from loyalty_api.auth.authority import Authority
from loyalty_api.auth.tokens import Issuer
from tests.support.tokens import bearer, member_token_for, token_for


def pack(value: Any) -> str:
    raw = value if isinstance(value, bytes) else orjson.dumps(value)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unpack(part: str) -> Any:
    return orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@dataclass(frozen=True)
class Forge:
    """What an attacker has: a good token, our public key, a key of their own; at worst, our signature."""

    token: str
    ours: Issuer
    theirs: ec.EllipticCurvePrivateKey

    @property
    def claims(self) -> dict[str, Any]:
        return dict(unpack(self.token.split(".")[1]))

    def signed(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Signed by us, to show that each check stands by itself; a change to None takes the claim away."""
        claims = {name: value for name, value in {**self.claims, **changes}.items() if value is not None}
        return jwt.encode(
            claims, self.ours.key, "ES256", {"typ": "at+jwt", "kid": self.ours.kid, **(header or {})}
        )

    def forged(self, header: dict[str, Any]) -> str:
        return jwt.encode(self.claims, self.theirs, "ES256", {"typ": "at+jwt", **header})

    def unsigned(self, algorithm: str) -> str:
        header = {"alg": algorithm, "typ": "at+jwt", "kid": self.ours.kid}
        return f"{pack(header)}.{pack(self.claims)}."

    def hmac_with(self, secret: bytes) -> str:
        body = f"{pack({'alg': 'HS256', 'typ': 'at+jwt', 'kid': self.ours.kid})}.{pack(self.claims)}"
        return f"{body}.{pack(hmac.digest(secret, body.encode(), 'sha256'))}"

    def public(self, encoding: Encoding) -> bytes:
        return self.ours.key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)

    def parts(self) -> list[str]:
        return self.token.split(".")


def rsa_token(forge: Forge) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(forge.claims, key, "RS256", {"typ": "at+jwt", "kid": forge.ours.kid})


def tampered(forge: Forge) -> str:
    head, _, signature = forge.parts()
    return f"{head}.{pack({**forge.claims, 'scope': 'program:write'})}.{signature}"


def swapped(forge: Forge) -> str:
    """The good signature in its other form: DER instead of the raw pair of numbers."""
    head, body, signature = forge.parts()
    raw = base64.urlsafe_b64decode(signature + "==")
    der = b"\x30\x44\x02\x20" + raw[:32] + b"\x02\x20" + raw[32:]
    return f"{head}.{body}.{pack(der)}"


HOSTILE: dict[str, Callable[[Forge], str]] = {
    "algorithm none": lambda f: f.unsigned("none"),
    "algorithm None in capitals": lambda f: f.unsigned("NONE"),
    "no signature under ES256": lambda f: f.unsigned("ES256"),
    "HS256 keyed with our public key as PEM": lambda f: f.hmac_with(f.public(Encoding.PEM)),
    "HS256 keyed with our public key as DER": lambda f: f.hmac_with(f.public(Encoding.DER)),
    "HS256 keyed with nothing": lambda f: f.hmac_with(b""),
    "RS256 under our kid": rsa_token,
    "another key under our kid": lambda f: f.forged({"kid": f.ours.kid}),
    "a kid nobody knows": lambda f: f.forged({"kid": "0123456789abcdef"}),
    "a kid that is a path": lambda f: f.forged({"kid": "../../../../dev/null"}),
    "a kid that is SQL": lambda f: f.forged({"kid": "' UNION SELECT 'x' --"}),
    "a kid that is a number": lambda f: (
        f"{pack({'alg': 'ES256', 'typ': 'at+jwt', 'kid': 7})}.{pack(f.claims)}.AA"
    ),
    "no kid": lambda f: f.forged({}),
    "its own key in the header": lambda f: f.forged(
        {"kid": f.ours.kid, "jwk": orjson.loads(ECAlgorithm.to_jwk(f.theirs.public_key()))}
    ),
    "an address of keys in the header": lambda f: f.forged(
        {"kid": f.ours.kid, "jku": "https://evil.example/jwks.json"}
    ),
    "an address of certificates in the header": lambda f: f.signed({"x5u": "https://evil.example/x5u"}),
    "a critical header we do not know": lambda f: f.signed({"crit": ["exp"]}),
    "type JWT": lambda f: f.signed({"typ": "JWT"}),
    "an ID token": lambda f: f.signed({"typ": "id+jwt"}, nonce="n"),
    "expired": lambda f: f.signed(exp=int(time.time()) - 1),
    "not yet valid": lambda f: f.signed(nbf=int(time.time()) + 600),
    "issued in the future": lambda f: f.signed(iat=int(time.time()) + 600),
    "another issuer": lambda f: f.signed(iss="https://evil.example"),
    "another audience": lambda f: f.signed(aud="another-api"),
    "our audience among others": lambda f: f.signed(aud=["loyalty-api", "another-api"]),
    "no expiry": lambda f: f.signed(exp=None),
    "no audience": lambda f: f.signed(aud=None),
    "no client": lambda f: f.signed(client_id=None),
    "no scope": lambda f: f.signed(scope=None),
    "no epoch": lambda f: f.signed(epoch=None),
    "a kind that does not exist": lambda f: f.signed(kind="root"),
    "a member without a member": lambda f: f.signed(kind="member"),
    "a member's id that was not sealed": lambda f: f.signed(kind="member", member=pack(uuid4().bytes)),
    "scope that is a list": lambda f: f.signed(scope=["purchases:write"]),
    "a changed scope": tampered,
    "the signature in another form": swapped,
    "the payload cut off": lambda f: ".".join(f.parts()[:2]),
    "four parts": lambda f: f.token + ".AA",
    "deeply nested header": lambda f: pack(b"[" * 2500) + ".e30.AA",
    "not even base64": lambda f: "æøå.%%%.\x7f",
    "very long": lambda f: f.token + "A" * 100_000,
    "an opaque string": lambda f: hashlib.sha256(b"guess").hexdigest(),
}


@pytest.fixture
def forge(app: flask.Flask) -> Forge:
    token = token_for(app)
    authority: Authority = app.extensions["authority"]
    with app.extensions["database"].unit_of_work() as session:
        ours = authority.signing(session)
    return Forge(token, ours, ec.generate_private_key(ec.SECP256R1()))


def report(app: flask.Flask, token: str) -> tuple[int, Any]:
    answer = app.test_client().post("/v1/purchases/str_1", headers=bearer(token))
    return answer.status_code, answer.get_json()


def test_the_good_token_opens_the_door(app: flask.Flask, forge: Forge) -> None:
    assert report(app, forge.token)[0] == 200
    assert report(app, forge.signed())[0] == 200


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_token_is_refused(app: flask.Flask, forge: Forge, name: str) -> None:
    status, problem = report(app, HOSTILE[name](forge))
    assert (status, problem["code"]) == (401, "invalid_token")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic Y2xpOnNlY3JldA==", "Token abc", "Bearer a b"]
)
def test_no_token_is_refused(app: flask.Flask, header: str) -> None:
    answer = app.test_client().post("/v1/purchases/str_1", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_in_the_address_or_the_body_is_no_token(app: flask.Flask, forge: Forge) -> None:
    client = app.test_client()
    assert client.post(f"/v1/purchases/str_1?access_token={forge.token}").status_code == 401
    assert client.post("/v1/purchases/str_1", data={"access_token": forge.token}).status_code == 401


def test_a_scope_that_was_not_granted_opens_nothing(app: flask.Flask) -> None:
    token = token_for(app, scopes=["members:lookup"])
    status, problem = report(app, token)
    assert (status, problem["code"]) == (403, "insufficient_scope")
    assert problem["scopes"] == ["purchases:write"]


def test_a_scope_in_the_token_is_not_enough_when_the_kind_may_never_use_it(
    app: flask.Flask, forge: Forge
) -> None:
    token = forge.signed(kind="mobile", scope="purchases:write")
    assert report(app, token)[0] == 403


def test_a_members_token_opens_no_door_of_the_till(app: flask.Flask) -> None:
    assert report(app, member_token_for(app, uuid4()))[0] == 401
    assert report(app, token_for(app, "mobile"))[0] == 403

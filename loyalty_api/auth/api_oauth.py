"""Where tokens are issued (RFC 6749, RFC 8693), and where keys and abilities are published."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from flask import Response, request

from loyalty_api import ids
from loyalty_api.auth import keys, service, tokens
from loyalty_api.auth.api_schemas import (
    ACCESS_TOKEN,
    CLIENT_CREDENTIALS,
    SUBJECT_TYPES,
    TOKEN_EXCHANGE,
    JwkSetSchema,
    RefusalSchema,
    ServerSchema,
    TokenForm,
    TokenSchema,
)
from loyalty_api.auth.authority import Authority, authority
from loyalty_api.auth.exchange import Subject, SubjectRefused, verify_subject
from loyalty_api.auth.models import Client
from loyalty_api.auth.rules import MEMBER_SCOPES, SCOPES, ScopeNotGranted, grant
from loyalty_api.auth.tokens import Issuer
from loyalty_api.http import Also, Blueprint, render, unit_of_work
from loyalty_api.throttle import RateLimited, refuse

FORM = "application/x-www-form-urlencoded"
# Failed sign-ins a minute: from one address, and for one client from there.
FAILURES_BY_ADDRESS = 60
FAILURES_BY_CLIENT = 10
_CACHED = {"Cache-Control": f"public, max-age={keys.PUBLISHED_SECONDS}"}
_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}

blueprint = Blueprint("oauth", __name__, description="Signing in")


@blueprint.operation(
    "POST",
    "/oauth/token",
    "issue_token",
    summary="Sign in: client credentials, or a member's sign-in exchanged for a member's token",
    body=TokenForm(),
    body_type=FORM,
    example={"grant_type": CLIENT_CREDENTIALS, "client_id": "cli_01k3", "client_secret": "…"},
    answer=TokenSchema(),
    answer_example={
        "access_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9…",
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "members:lookup purchases:write quotes:create",
    },
    errors=(RateLimited,),
    also={
        400: Also(
            "The request is not a token request (RFC 6749, section 5.2)",
            RefusalSchema(),
            {"error": "invalid_request", "error_description": "grant_type is missing."},
        ),
        401: Also("The client is not known", RefusalSchema(), {"error": "invalid_client"}),
    },
)
def issue_token() -> Response:
    """Refusals are JSON as RFC 6749 section 5.2 has it: ``error`` and ``error_description``."""
    try:
        answer = _issue(authority(), _form())
    except OAuth2Error as error:
        refusal = render(dict(error.get_body()), status=error.status_code)
        refusal.headers.update(error.get_headers())
        refusal.headers.update(_NOT_STORED)
        return refusal
    response = render(answer)
    response.headers.update(_NOT_STORED)
    return response


@blueprint.operation(
    "GET",
    "/.well-known/jwks.json",
    "list_signing_keys",
    summary="The public keys that access tokens are signed with",
    answer=JwkSetSchema(),
    answer_example={
        "keys": [
            {
                "kty": "EC",
                "crv": "P-256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                "kid": "8b4cf21e02a44d5c",
                "use": "sig",
                "alg": "ES256",
            }
        ]
    },
)
def list_signing_keys() -> tuple[dict[str, Any], Mapping[str, str]]:
    """Keep the keys as long as Cache-Control says; a new key is here twice that long before its use."""
    now = datetime.now(UTC)
    with unit_of_work() as session:
        keys.ensure_key(session, vault=authority().vault, now=now)
        return {"keys": keys.published(session, now=now)}, _CACHED


@blueprint.operation(
    "GET",
    "/.well-known/oauth-authorization-server",
    "get_authorization_server",
    summary="What this authorization server can do",
    answer=ServerSchema(),
    answer_example={
        "issuer": "https://loyalty.example",
        "token_endpoint": "https://loyalty.example/oauth/token",
        "jwks_uri": "https://loyalty.example/.well-known/jwks.json",
        "scopes_supported": ["members:lookup", "purchases:write"],
        "response_types_supported": [],
        "grant_types_supported": [CLIENT_CREDENTIALS, TOKEN_EXCHANGE],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    },
)
def get_authorization_server() -> tuple[dict[str, Any], Mapping[str, str]]:
    """RFC 8414 metadata, from which client libraries set themselves up."""
    base = authority().issuer.rstrip("/")
    document = {
        "issuer": authority().issuer,
        "token_endpoint": f"{base}/oauth/token",
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "scopes_supported": sorted(SCOPES),
        "response_types_supported": [],
        "grant_types_supported": [CLIENT_CREDENTIALS, TOKEN_EXCHANGE],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }
    return document, _CACHED


def _form() -> dict[str, str]:
    if request.mimetype != FORM:
        raise InvalidRequestError(f"Send the request as {FORM}.")
    if request.args:
        raise InvalidRequestError("Parameters belong in the body: addresses are logged.")
    if any(len(values) > 1 for _, values in request.form.lists()):
        raise InvalidRequestError("A parameter is repeated.")
    # RFC 6749, section 3.1: a parameter without a value is treated as if it were left out.
    form = {name: value for name, value in request.form.items() if value}
    if "grant_type" not in form:
        raise InvalidRequestError("grant_type is missing.")
    return form


def _issue(door: Authority, form: Mapping[str, str]) -> dict[str, Any]:
    if form["grant_type"] not in (CLIENT_CREDENTIALS, TOKEN_EXCHANGE):
        raise UnsupportedGrantTypeError("of this kind")
    client, issuer = _sign_in(door, *_credentials(form))
    allowance = door.throttle.take(f"token/{client.public_id}", client.rate)
    if not allowance.granted:
        refuse(allowance)
    try:
        if form["grant_type"] == CLIENT_CREDENTIALS:
            return _client_token(door, issuer, client, form)
        return _member_token(door, issuer, client, form)
    except ScopeNotGranted as error:
        raise InvalidScopeError("The scope is not on this client's list.") from error


def _credentials(form: Mapping[str, str]) -> tuple[str, str]:
    """The client's id and secret, from HTTP Basic or from the form, never both (RFC 6749, section 2.3)."""
    try:
        basic_id, basic_secret = extract_basic_authorization(request.headers)
    except ValueError:
        basic_id, basic_secret = None, None
    if "Authorization" in request.headers and "client_secret" in form:
        raise InvalidRequestError("The client authenticates in two ways at once.")
    client_id, secret = basic_id or form.get("client_id"), basic_secret or form.get("client_secret")
    if not client_id or not secret:
        raise _unknown_client()
    return client_id, secret


def _sign_in(door: Authority, client_id: str, secret: str) -> tuple[Client, Issuer]:
    """The client and who signs for it. What is taken from the limits on failures is given back on success."""
    address = f"sign-in/{request.remote_addr}"
    named = client_id if ids.read("cli", client_id) else "unknown"
    limits = {address: FAILURES_BY_ADDRESS, f"{address}/{named}": FAILURES_BY_CLIENT}
    for key, rate in limits.items():
        allowance = door.throttle.take(key, rate)
        if not allowance.granted:
            refuse(allowance)
    with unit_of_work() as session:
        client = service.authenticate(session, client_id=client_id, secret=secret)
        if client is None:
            raise _unknown_client()
        issuer = door.signing(session)
    for key in limits:
        door.throttle.give_back(key)
    return client, issuer


def _client_token(door: Authority, issuer: Issuer, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    scopes = grant(listed=frozenset(client.scopes) - MEMBER_SCOPES, asked=form.get("scope"))
    seconds = door.token_seconds
    token = tokens.client_token(issuer, client=client, scopes=scopes, now=time.time(), seconds=seconds)
    return _answer(token, seconds, scopes)


def _member_token(door: Authority, issuer: Issuer, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    if client.kind != "mobile":
        raise UnauthorizedClientError("Only a mobile backend exchanges tokens.")
    scopes = grant(listed=frozenset(client.scopes) & MEMBER_SCOPES, asked=form.get("scope"))
    subject = _subject(door, form)
    member_id = door.resolve_member(subject.issuer, subject.subject)
    epoch = None if member_id is None else door.member_epoch(member_id)
    if member_id is None or epoch is None:
        raise InvalidRequestError("no_member: the subject is not a member of this program.")
    seconds = door.member_token_seconds
    token = tokens.member_token(
        issuer,
        client=client,
        member_id=member_id,
        member_epoch=epoch,
        vault=door.vault,
        scopes=scopes,
        now=time.time(),
        seconds=seconds,
    )
    return {**_answer(token, seconds, scopes), "issued_token_type": ACCESS_TOKEN}


def _subject(door: Authority, form: Mapping[str, str]) -> Subject:
    if form.get("subject_token_type") not in SUBJECT_TYPES or "subject_token" not in form:
        raise InvalidRequestError("subject_token and subject_token_type (a jwt or id_token) are needed.")
    if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN or "actor_token" in form:
        raise InvalidRequestError("Only an access token is issued, and without an actor.")
    try:
        return verify_subject(form["subject_token"], issuers=door.subject_issuers)
    except SubjectRefused as error:
        raise InvalidRequestError("The subject token does not hold.") from error


def _answer(token: str, seconds: int, scopes: frozenset[str]) -> dict[str, Any]:
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": seconds,
        "scope": " ".join(sorted(scopes)),
    }


def _unknown_client() -> InvalidClientError:
    return InvalidClientError("The client is not known, or its secret is wrong.", status_code=401)

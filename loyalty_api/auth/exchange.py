"""A token of the merchant's own sign-in, checked before it is exchanged for a member's token (RFC 8693).

The merchant registers its issuers with their keys; we ask no address for anything. A registered issuer is a
JWK Set (RFC 7517), inline or in a file, with one more member: ``audience``, which the issuer's tokens must be
meant for. Without it they must name our own audience, so that a token made for some other service opens
nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import orjson

from loyalty_api.errors import Fault, Invalid

# Public-key algorithms only: the algorithm comes from the registered key, never from the token.
_ALGORITHMS = frozenset({"ES256", "ES384", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_LONGEST_TOKEN = 8192


class BadIssuer(Invalid):
    """A registered issuer's keys cannot be read."""

    code, title = "bad_settings", "A subject issuer's keys cannot be read"


class SubjectRefused(Invalid):
    """The subject token does not hold, or its issuer is not registered."""

    code, title, status = "invalid_request", "The subject token does not hold", 400


@dataclass(frozen=True, slots=True)
class SubjectIssuer:
    """An issuer of sign-in tokens: its public keys by kid, and whom its tokens are meant for."""

    keys: Mapping[str, jwt.PyJWK]
    audience: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Who signed in, in the issuer's own words."""

    issuer: str
    subject: str


def subject_issuers(registered: Mapping[str, str], *, audience: str) -> dict[str, SubjectIssuer]:
    """The registered issuers by name; each value is a JWK Set or the path of a file that holds one.

    :raises BadIssuer: a set cannot be read, or has a key without a kid or without an algorithm of ours.
    """
    return {name: _issuer(name, text, audience) for name, text in registered.items()}


def _issuer(name: str, text: str, audience: str) -> SubjectIssuer:
    try:
        document = orjson.loads(text if text.lstrip().startswith("{") else Path(text).read_bytes())
        keys = {key["kid"]: jwt.PyJWK(key) for key in document["keys"]}
    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
        raise BadIssuer(f"The keys of {name} cannot be read: {error}.") from error
    unfit = sorted(kid for kid, key in keys.items() if key.algorithm_name not in _ALGORITHMS)
    if unfit or not keys:
        fault = Fault(f"/{name}", "invalid_value", "Each key needs a kid and a public-key algorithm.")
        raise BadIssuer(f"These keys of {name} are not fit: {', '.join(unfit) or 'none'}.", errors=[fault])
    return SubjectIssuer(keys=keys, audience=str(document.get("audience") or audience))


def verify_subject(token: str, *, issuers: Mapping[str, SubjectIssuer]) -> Subject:
    """Who the subject token says has signed in.

    :raises SubjectRefused: it does not hold, for whatever reason.
    """
    if len(token) > _LONGEST_TOKEN:
        raise SubjectRefused
    try:
        return _verified(token, issuers)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise SubjectRefused from error


def _verified(token: str, issuers: Mapping[str, SubjectIssuer]) -> Subject:
    header = jwt.get_unverified_header(token)
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    issuer = issuers[claims["iss"]]
    key = issuer.keys[header["kid"]]
    checked = jwt.decode(
        token,
        key.key,
        algorithms=[key.algorithm_name],
        issuer=claims["iss"],
        audience=issuer.audience,
        options={"require": ["iss", "sub", "aud", "exp", "iat"]},
    )
    return Subject(issuer=checked["iss"], subject=str(checked["sub"]))

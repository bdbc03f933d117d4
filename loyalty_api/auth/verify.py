"""An access token back into the principal it was written for.

Tokens are JWTs of our own (RFC 9068): ES256 and nothing else, with the header fields we write and no others,
so that no field of a token chooses how it is checked.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import jwt

from loyalty_api.security import KINDS, BadToken, Principal, Standing, Verified
from loyalty_api.vault import Unreadable, Vault

ALGORITHM = "ES256"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - the media type of RFC 9068, not a password

_LONGEST_TOKEN = 4096
_HEADER = frozenset({"alg", "typ", "kid"})
_CLAIMS = ("iss", "sub", "aud", "client_id", "iat", "exp", "jti", "scope", "kind", "rate", "epoch")


class Verifier:
    """Turns a JWT into who it speaks for, with keys from ``standing``."""

    def __init__(self, *, issuer: str, audience: str, vault: Vault, standing: Standing) -> None:
        self._issuer, self._audience = issuer, audience
        self._vault, self._standing = vault, standing

    def verify(self, token: str) -> Verified:
        """Who the token speaks for.

        :raises BadToken: anything at all is not as we write it.
        """
        if len(token) > _LONGEST_TOKEN:
            raise BadToken
        try:
            kid = self._kid(token)
            claims = self._claims(token, kid)
            return self._read(claims, kid)
        except (
            jwt.PyJWTError,
            Unreadable,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
        ) as error:
            raise BadToken from error

    def _kid(self, token: str) -> str:
        header = jwt.get_unverified_header(token)
        if header.keys() != _HEADER or header["typ"] != TOKEN_TYPE or header["alg"] != ALGORITHM:
            raise BadToken
        return str(header["kid"])

    def _claims(self, token: str, kid: str) -> dict[str, Any]:
        key = self._standing.key(kid)
        if key is None:
            raise BadToken
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=self._issuer,
            audience=self._audience,
            options={"require": list(_CLAIMS), "strict_aud": True},
        )
        return claims

    def _read(self, claims: Mapping[str, Any], kid: str) -> Verified:
        token_id, member = claims["jti"], claims.get("member")
        if claims["kind"] not in KINDS or (claims["kind"] == "member") != (member is not None):
            raise BadToken
        found = Principal(
            client_id=claims["client_id"],
            kind=claims["kind"],
            scopes=frozenset(claims["scope"].split()),
            store_id=claims.get("store"),
            member_id=None if member is None else self._member(member, token_id),
            token_id=token_id,
            expires_at=float(claims["exp"]),
            rate=int(claims["rate"]),
        )
        return Verified(found, kid, int(claims["epoch"]), int(claims.get("member_epoch", 0)))

    def _member(self, sealed: str, token_id: str) -> UUID:
        return UUID(bytes=self._vault.unwrap(urlsafe_b64decode(sealed), member_context(token_id)))


def member_context(token_id: str) -> bytes:
    """What a member's id in a token is bound to: this token, so that no other can carry it."""
    return b"token-member/" + token_id.encode()

"""Access tokens as we write them: RFC 9068, signed, short-lived, with nothing in them that names a person."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from loyalty_api.auth.models import Client
from loyalty_api.auth.verify import ALGORITHM, TOKEN_TYPE, member_context
from loyalty_api.vault import Vault

# A person's phone asks every half minute at most; this leaves room for a hurry and none for a flood.
MEMBER_RATE = 240


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs, for whom: ``name`` and ``audience`` are ``iss`` and ``aud``; ``kid`` names the key."""

    name: str
    audience: str
    kid: str
    key: EllipticCurvePrivateKey


def client_token(issuer: Issuer, *, client: Client, scopes: Collection[str], now: float, seconds: int) -> str:
    """A token that speaks for ``client`` with ``scopes``, from ``now`` (since 1970) for ``seconds``."""
    claims: dict[str, object] = {
        "jti": _token_id(),
        "sub": client.public_id,
        "kind": client.kind,
        "rate": client.rate,
        "scope": _listed(scopes),
    }
    if client.store_id is not None:
        claims["store"] = client.store_id
    return _sign(issuer, claims, client=client, now=now, seconds=seconds)


def member_token(
    issuer: Issuer,
    *,
    client: Client,
    member_id: UUID,
    member_epoch: int,
    vault: Vault,
    scopes: Collection[str],
    now: float,
    seconds: int,
) -> str:
    """A token that speaks for one member, through ``client``.

    ``sub`` is the name under which this client alone knows the member. The member's id is sealed into the
    token, so that neither the client nor the phone can read it.
    """
    token_id = _token_id()
    claims: dict[str, object] = {
        "jti": token_id,
        "sub": pairwise(vault, client=client.public_id, member_id=member_id),
        "kind": "member",
        "rate": MEMBER_RATE,
        "scope": _listed(scopes),
        "member": urlsafe_b64encode(vault.wrap(member_id.bytes, member_context(token_id))).decode(),
        "member_epoch": member_epoch,
    }
    return _sign(issuer, claims, client=client, now=now, seconds=seconds)


def pairwise(vault: Vault, *, client: str, member_id: UUID) -> str:
    """The name of a member for one client: the same each time, and not comparable with another client's."""
    return "sub_" + vault.blind("pairwise", f"{client}/{member_id.hex}").hex()[:32]


def _sign(issuer: Issuer, claims: dict[str, object], *, client: Client, now: float, seconds: int) -> str:
    issued = int(now)
    shared = {
        "iss": issuer.name,
        "aud": issuer.audience,
        "client_id": client.public_id,
        "iat": issued,
        "exp": issued + seconds,
        "epoch": client.epoch,
    }
    headers = {"typ": TOKEN_TYPE, "kid": issuer.kid}
    return jwt.encode({**shared, **claims}, issuer.key, algorithm=ALGORITHM, headers=headers)


def _token_id() -> str:
    return secrets.token_urlsafe(16)


def _listed(scopes: Collection[str]) -> str:
    return " ".join(sorted(scopes))

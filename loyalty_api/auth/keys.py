"""The keys that sign access tokens: published before they are used, kept until their last token has died."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from loyalty_api.auth.models import SigningKey
from loyalty_api.auth.rules import KeyTimes, holds, last_signature, signer
from loyalty_api.auth.verify import ALGORITHM
from loyalty_api.vault import Vault

# How long others may keep the published keys; a new key is used only when every copy must hold it.
PUBLISHED_SECONDS = 300
LEAD = timedelta(seconds=2 * PUBLISHED_SECONDS)
LONGEST_TOKEN = timedelta(minutes=15)
_LOCK = 7_310_002


def ensure_key(session: Session, *, vault: Vault, now: datetime) -> None:
    """Make the first signing key, in use at once, if there is none to sign with."""
    if signer(times(session), now=now) is None:
        _lock(session)
        if signer(times(session), now=now) is None:
            _add(session, vault=vault, now=now, use_from=now)


def rotate_keys(
    session: Session,
    *,
    vault: Vault,
    now: datetime,
    lead: timedelta = LEAD,
    longest_token: timedelta = LONGEST_TOKEN,
) -> str:
    """Publish a new key now, sign with it from ``now + lead``, and return its kid; nothing stops meanwhile.

    Older keys stay verifiable until the last token they sign has died; keys that are past that are deleted.
    """
    _lock(session)
    session.execute(delete(SigningKey).where(SigningKey.verify_until <= now))
    takes_over = now + lead
    ends = last_signature(replaced_at=takes_over, longest_token=longest_token)
    session.execute(
        update(SigningKey).where(SigningKey.verify_until.is_(None)).values(verify_until=ends),
    )
    return _add(session, vault=vault, now=now, use_from=takes_over)


def replace_stolen_keys(session: Session, *, vault: Vault, now: datetime) -> str:
    """Drop every key at once and start with a new one: every token there is dies within a second."""
    _lock(session)
    session.execute(delete(SigningKey))
    return _add(session, vault=vault, now=now, use_from=now)


def signing_key(session: Session, *, vault: Vault, now: datetime) -> tuple[str, ec.EllipticCurvePrivateKey]:
    """The key to sign with at ``now``, made if there is none yet."""
    ensure_key(session, vault=vault, now=now)
    found = signer(times(session), now=now)
    assert found is not None  # noqa: S101 - it was made a line ago
    row = session.get_one(SigningKey, found.kid)
    key = load_der_private_key(vault.unwrap(row.private_key, _context(found.kid)), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - we make no other kind
    return found.kid, key


def published(session: Session, *, now: datetime) -> list[dict[str, Any]]:
    """The public keys (RFC 7517) whose signatures hold at ``now`` or will soon be made."""
    rows = session.scalars(select(SigningKey).order_by(SigningKey.use_from))
    return [row.public_jwk for row in rows if holds(_times_of(row), now=now)]


def _add(session: Session, *, vault: Vault, now: datetime, use_from: datetime) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    kid = secrets.token_hex(8)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    jwk = orjson.loads(ECAlgorithm.to_jwk(key.public_key()))
    session.add(
        SigningKey(
            kid=kid,
            private_key=vault.wrap(der, _context(kid)),
            public_jwk={**jwk, "kid": kid, "use": "sig", "alg": ALGORITHM},
            created_at=now,
            use_from=use_from,
        )
    )
    session.flush()
    return kid


def times(session: Session) -> Iterator[KeyTimes]:
    """When each key there is signs, and until when its signatures hold."""
    columns = (SigningKey.kid, SigningKey.use_from, SigningKey.verify_until)
    return (KeyTimes(*row) for row in session.execute(select(*columns)))


def _times_of(row: SigningKey) -> KeyTimes:
    return KeyTimes(row.kid, row.use_from, row.verify_until)


def _context(kid: str) -> bytes:
    return b"signing-key/" + kid.encode()


def _lock(session: Session) -> None:
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})

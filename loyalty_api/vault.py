"""Secrets at rest: a key ring, a data key per owner, sealed values and blind indexes.

Personal data is sealed (AES-256-GCM) under a key of its owner's, and that key is wrapped by the
installation's key ring. Destroying an owner's key makes everything sealed under it unreadable, in every
backup too. The nil owner is the installation itself.

The first key of the ring encrypts and every key of it decrypts, so that a new key is put in front. The last
key is the oldest: the blind indexes hang on it, so it must stay the last one for as long as the installation
lives.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from psycopg.rows import TupleRow
from sqlalchemy import DateTime, LargeBinary, delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from loyalty_api.db import Base, driver
from loyalty_api.errors import LoyaltyError
from loyalty_api.wire import Statement, round_trip

INSTALLATION = UUID(int=0)
_NONCE = 12
_FORMAT = b"\x01"
_READ = "data_keys"


class Unreadable(LoyaltyError):
    """A sealed value does not open: the wrong key, the wrong place, or it was tampered with."""

    code, title = "unreadable_secret", "A sealed value does not open with the keys of this installation"


class DataKey(Base):
    """The key that one owner's values are sealed under, wrapped by the key ring."""

    __tablename__ = "data_keys"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


def seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """``plaintext`` encrypted under ``key`` (32 bytes) and bound to ``aad``, which says where it belongs."""
    nonce = os.urandom(_NONCE)
    return _FORMAT + nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def open_sealed(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """What was sealed under ``key`` for ``aad``.

    :raises Unreadable: it was not sealed with this key and this ``aad``, or it has been changed since.
    """
    if sealed[:1] != _FORMAT:
        raise Unreadable
    try:
        return AESGCM(key).decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], aad)
    except (InvalidTag, ValueError) as error:
        raise Unreadable from error


def key_statement(owner_id: UUID) -> Statement:
    """What reads an owner's wrapped key, for a round trip that is made anyway; ``remember_key`` takes its rows."""
    return "SELECT wrapped FROM data_keys WHERE owner_id = $1", [str(owner_id)]


def remember_key(session: Session, owner_id: UUID, rows: Sequence[TupleRow]) -> None:
    """Keep what ``key_statement`` brought for the rest of the transaction, in which a stored answer asks for it.

    The caller holds what locks the owner, so that nobody destroys the key meanwhile.
    """
    if rows:
        session.info[_READ] = {owner_id: rows[0][0]}


def _wrapped_key(session: Session, owner_id: UUID) -> bytes | None:
    remembered: bytes | None = session.info.get(_READ, {}).get(owner_id)
    if remembered is not None:
        return remembered
    # Every stored answer asks for one, so it is asked for without ceremony.
    rows = round_trip(driver(session), [key_statement(owner_id)])[0]
    return rows[0][0] if rows else None


class Vault:
    """The installation's key ring, as ``Settings.keys`` holds it: pairs of a name and 32 bytes."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        if not keys:
            raise Unreadable("The key ring is empty: set LOYALTY_KEYS.")
        self._ring = {name.encode(): key for name, key in keys}
        self._first = keys[0][0].encode()
        self._root = keys[-1][1]
        self._blind: dict[str, bytes] = {}

    def blind(self, kind: str, value: str) -> bytes:
        """A blind index: the keyed hash (HMAC-SHA-256) that finds ``value`` without telling it.

        Equal values of one kind give equal indexes; the same value under another kind gives another one.
        """
        key = self._blind.get(kind) or self._blind.setdefault(kind, self._derive(f"blind/{kind}"))
        return hmac.digest(key, value.encode(), "sha256")

    def wrap(self, secret: bytes, aad: bytes) -> bytes:
        """``secret`` sealed by the first key of the ring, with that key's name in front."""
        return bytes([len(self._first)]) + self._first + seal(self._ring[self._first], secret, aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        """What ``wrap`` sealed, under whichever key of the ring.

        :raises Unreadable: the key has left the ring, or the value does not belong to ``aad``.
        """
        end = 1 + (wrapped[0] if wrapped else 0)
        key = self._ring.get(wrapped[1:end])
        if key is None:
            raise Unreadable("It was sealed under a key that is not in the ring (LOYALTY_KEYS).")
        return open_sealed(key, wrapped[end:], aad)

    def owner_key(self, session: Session, owner_id: UUID, create: bool = True) -> bytes | None:
        """The data key (32 bytes) of ``owner_id``; where there is none, a new one (None without ``create``)."""
        wrapped = _wrapped_key(session, owner_id)
        if wrapped is None and create:
            fresh = self.wrap(AESGCM.generate_key(256), owner_id.bytes)
            # Two transactions may be first at once: the loser waits here and then reads the winner's key.
            session.execute(
                insert(DataKey).values(owner_id=owner_id, wrapped=fresh).on_conflict_do_nothing(),
            )
            wrapped = _wrapped_key(session, owner_id)
        return None if wrapped is None else self.unwrap(wrapped, owner_id.bytes)

    def destroy(self, session: Session, owner_id: UUID) -> None:
        """Forget the data key of ``owner_id``: what was sealed under it can never be read again."""
        session.info.pop(_READ, None)
        session.execute(delete(DataKey).where(DataKey.owner_id == owner_id))

    def _derive(self, purpose: str) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"loyalty/" + purpose.encode()).derive(
            self._root
        )

"""What this process knows of clients, keys and signed-out members: read again when it is older than a second.

One statement a second and process, not one a request. When the database cannot be seen, what was known holds
for five seconds; after that nobody is let in, because a revoked client could be among them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from jwt.algorithms import ECAlgorithm

from loyalty_api import ids
from loyalty_api.auth.queries import Row
from loyalty_api.errors import Unavailable

FRESH_SECONDS = 1.0
BLIND_SECONDS = 5.0
_RETRY_SECONDS = 0.5
# An unknown kid may be a key that was made a moment ago: worth a look, but not one for every forgery.
_LOOK_AGAIN_SECONDS = 0.1
# So long another thread's look is waited for: briefly while there is a picture that holds, or when looks fail; longer
# in a process that has just begun or was idle, because it can let nobody in before that look is over.
_WAIT_SECONDS = 0.1
_WAIT_BLIND_SECONDS = 2.0
_MEMBERS = 20_000


class CannotTell(Unavailable):
    """Whether the caller still stands cannot be seen right now."""


@dataclass(frozen=True, slots=True)
class _Picture:
    keys: Mapping[str, EllipticCurvePublicKey] = field(default_factory=dict)
    epochs: Mapping[str, int] = field(default_factory=dict)
    seen_at: float = float("-inf")


class StandingRegister:
    """Clients' epochs and the public keys, as a picture at most a second old.

    ``read`` gives the row of ``queries.STANDING``; ``member_epoch`` reads a member's epoch. ``now`` is a
    clock that only runs forward, in seconds.
    """

    def __init__(
        self,
        *,
        read: Callable[[], Row],
        member_epoch: Callable[[UUID], int | None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._read_member, self._now = read, member_epoch, now
        self._picture = _Picture()
        self._tried_at = float("-inf")
        self._fails = False
        self._lock = threading.Lock()
        self._members: dict[UUID, tuple[float, int | None]] = {}

    def refresh(self) -> None:
        """Read the picture again if it is older than a second.

        :raises CannotTell: it could not be read for five seconds.
        """
        if self._now() - self._picture.seen_at >= FRESH_SECONDS:
            self._look(FRESH_SECONDS)

    def key(self, kid: str) -> EllipticCurvePublicKey | None:
        """The public key named ``kid``, or None."""
        found = self._picture.keys.get(kid)
        if found is None and self._now() - self._tried_at >= _LOOK_AGAIN_SECONDS:
            self._look(_LOOK_AGAIN_SECONDS)
            found = self._picture.keys.get(kid)
        return found

    def epoch(self, client_id: str) -> int:
        """The lowest epoch of the client's tokens that still holds."""
        return self._picture.epochs.get(client_id, 0)

    def member_epoch(self, member_id: UUID) -> int | None:
        """The lowest epoch of the member's tokens that holds, at most a second old; None: no such member.

        :raises CannotTell: it could not be read for five seconds.
        """
        now = self._now()
        seen_at, epoch = self._members.get(member_id, (float("-inf"), None))
        if now - seen_at < FRESH_SECONDS:
            return epoch
        try:
            epoch = self._read_member(member_id)
        except Exception as error:
            if now - seen_at >= BLIND_SECONDS:
                raise _cannot_tell() from error
            return epoch
        if len(self._members) >= _MEMBERS:
            self._members = {}
        self._members[member_id] = (now, epoch)
        return epoch

    def _look(self, older_than: float) -> None:
        if self._lock.acquire(timeout=self._patience()):
            try:
                now = self._now()
                if now - self._picture.seen_at >= older_than and now - self._tried_at >= self._pause():
                    self._tried_at = now
                    self._picture = self._take(now)
            finally:
                self._lock.release()
        if self._now() - self._picture.seen_at >= BLIND_SECONDS:
            raise _cannot_tell()

    def _patience(self) -> float:
        """Seconds for which a thread waits while another one looks."""
        blind = self._now() - self._picture.seen_at >= BLIND_SECONDS
        return _WAIT_BLIND_SECONDS if blind and not self._fails else _WAIT_SECONDS

    def _pause(self) -> float:
        """Seconds between two tries: longer while the database does not answer, lest requests queue."""
        return _RETRY_SECONDS if self._fails else 0.0

    def _take(self, now: float) -> _Picture:
        try:
            epochs, jwks = self._read()
        except Exception:
            self._fails = True
            return self._picture
        self._fails = False
        known = self._picture.keys
        return _Picture(
            keys={kid: known.get(kid) or _public(jwk) for kid, jwk in jwks.items()},
            epochs={ids.show("cli", UUID(client)): epoch for client, epoch in epochs.items()},
            seen_at=now,
        )


def _public(jwk: Mapping[str, Any]) -> EllipticCurvePublicKey:
    key = ECAlgorithm.from_jwk(dict(jwk))
    assert isinstance(key, EllipticCurvePublicKey)  # noqa: S101 - only public halves are published
    return key


def _cannot_tell() -> CannotTell:
    return CannotTell("Whether this client still stands cannot be seen right now.", retry_after=1)

"""The summary cache's protocol: never older than an acknowledged write, whatever Redis does.

A reader first asks PostgreSQL for the member's version (one row) and then Redis for the document *of that version*.
The version is at least as new as every write that was acknowledged before, and what lies under a version's key was
read in one snapshot together with it; so a hit is never stale. A writer raises the version in its own transaction and
sends Redis nothing. ``docs/decisions`` has the protocols that fail.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_TIMEOUT = 0.05
# After an error Redis is left alone for a moment, so that one that hangs does not slow every read.
_BLIND_SECONDS = 1.0
LONGEST = 3600


class Key(NamedTuple):
    """What a document is the state at. ``incarnation`` tells a restored database from the one before."""

    incarnation: str
    member_id: UUID
    version: int
    program_version: int

    def text(self) -> str:
        """The key in Redis."""
        return f"m:{self.incarnation}:{self.member_id.hex}:{self.version}:{self.program_version}"


class SummaryCache:
    """Documents by the version they are the state at. Any trouble with Redis is a miss."""

    def __init__(self, url: str) -> None:
        self._redis = (
            redis.Redis.from_url(
                url,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                retry=Retry(NoBackoff(), 0),
            )
            if url
            else None
        )
        self._blind_until = 0.0

    def get(self, key: Key) -> bytes | None:
        """The document at ``key``, or None."""
        if self._redis is None or time.monotonic() < self._blind_until:
            return None
        try:
            found = self._redis.get(key.text())
        except (redis.RedisError, OSError):
            self._blind_until = time.monotonic() + _BLIND_SECONDS
            return None
        return found if isinstance(found, bytes) else None

    def put(self, key: Key, document: bytes, *, now: datetime, valid_until: datetime | None) -> None:
        """Keep ``document`` for at most an hour, and not beyond ``valid_until``."""
        if self._redis is None or time.monotonic() < self._blind_until:
            return
        left = LONGEST if valid_until is None else int((valid_until - now).total_seconds())
        if left <= 0:
            return
        try:
            self._redis.set(key.text(), document, ex=min(left, LONGEST))
        except (redis.RedisError, OSError):
            self._blind_until = time.monotonic() + _BLIND_SECONDS

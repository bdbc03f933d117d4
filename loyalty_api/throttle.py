"""Rate limits: so many requests a minute for each client, counted together by all processes through Redis.

A process takes hits from the shared count in small leases (a hundredth of the rate), so that a busy client
costs one Redis round trip in a hundred requests. A lease that is not used up is lost when its minute ends.
Without Redis, or while it does not answer, each process counts for itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import field
from typing import Protocol, TypeVar

import flask
from flask import g

from loyalty_api.errors import TooMany
from loyalty_api.security import Principal
from loyalty_api.values import dataclass

WINDOW = 60
_LEASE_PART = 100
_LONGEST_LEASE = 200
_BLIND_SECONDS = 1.0
_BUCKETS = 20_000
MISSES = 30
"""Codes that are not ours, a minute and caller. There are 2^82: what matters is that nobody is let run on."""

Found = TypeVar("Found")


class RateLimited(TooMany):
    """More requests in this minute than the caller's rate."""


class Counter(Protocol):
    """A shared count, as ``limits.storage`` has it."""

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add ``amount`` to the count of ``key``, kept for ``expiry`` seconds, and give the count."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a rate: ``remaining`` of ``limit`` hits for the next ``reset`` seconds."""

    granted: bool
    limit: int
    remaining: int
    reset: int


@dataclass(slots=True)
class _Bucket:
    """One caller's minute in this process: what was counted, and what is left of the lease."""

    window: int = -1
    counted: int = 0
    ready: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Throttle:
    """Counts callers in minutes. ``shared`` is the count of all processes; None counts in this one alone."""

    def __init__(self, *, shared: Counter | None = None, now: Callable[[], float] = time.time) -> None:
        self._shared, self._now = shared, now
        self._blind_until = 0.0
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str, rate: int) -> Allowance:
        """Take one hit of ``key``'s ``rate`` (hits a minute); ``granted`` is False when none is left."""
        now = self._now()
        window = int(now // WINDOW)
        bucket = self._buckets.get(key) or self._new_bucket(key, window)
        with bucket.lock:
            if bucket.window != window:
                bucket.window, bucket.counted, bucket.ready = window, 0, 0
            if bucket.ready <= 0 and bucket.counted < rate:
                self._lease(bucket, key, rate, now)
            granted = bucket.ready > 0
            bucket.ready -= granted
            remaining = max(rate - bucket.counted, 0) + bucket.ready
        return Allowance(granted, rate, remaining, WINDOW - int(now % WINDOW))

    def give_back(self, key: str) -> None:
        """Undo the last ``take`` of ``key``: the request turned out to cost nothing."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            with bucket.lock:
                bucket.ready += bucket.window == int(self._now() // WINDOW)

    def meter(self, caller: Principal) -> None:
        """Count the present request against its caller: a client, or one member of a client's.

        :raises RateLimited: there were too many in this minute; ``retry_after`` says when the next one
        begins.
        """
        key = caller.caller_id
        allowance = self.take(key, caller.rate)
        g.metered = key, allowance
        if not allowance.granted:
            refuse(allowance)

    def limit_misses(self, caller: Principal, look: Callable[[], Found], *, missed: type[Exception]) -> Found:
        """Look for a code; only one that is not there (``look`` raises ``missed``) costs the caller an attempt.

        :raises RateLimited: too many were not there in this minute.
        """
        key = f"codes/{caller.caller_id}"
        allowance = self.take(key, MISSES)
        if not allowance.granted:
            refuse(allowance)
        try:
            found = look()
        except missed:
            raise
        except Exception:
            self.give_back(key)
            raise
        self.give_back(key)
        return found

    def count_misses(self, caller: Principal, number: int) -> None:
        """Count codes that were not there, before the answer that says so is given.

        :raises RateLimited: too many were not there in this minute.
        """
        for _ in range(number):
            allowance = self.take(f"codes/{caller.caller_id}", MISSES)
            if not allowance.granted:
                refuse(allowance)

    def install(self, app: flask.Flask) -> None:
        """Put the ``RateLimit`` fields on every counted answer of ``app``, and let a 304 cost nothing."""
        app.after_request(self._account)

    def _account(self, response: flask.Response) -> flask.Response:
        metered: tuple[str, Allowance] | None = g.get("metered")
        if metered is None:
            return response
        key, allowance = metered
        remaining = allowance.remaining
        if response.status_code == 304:
            self.give_back(key)
            remaining += 1
        response.headers.add("RateLimit-Policy", f'"client";q={allowance.limit};w={WINDOW}')
        response.headers.add("RateLimit", f'"client";r={remaining};t={allowance.reset}')
        return response

    def _lease(self, bucket: _Bucket, key: str, rate: int, now: float) -> None:
        lease = min(max(rate // _LEASE_PART, 1), _LONGEST_LEASE)
        bucket.counted = self._count(bucket, key, lease, now)
        bucket.ready = max(min(lease, rate - (bucket.counted - lease)), 0)

    def _count(self, bucket: _Bucket, key: str, lease: int, now: float) -> int:
        if self._shared is not None and now >= self._blind_until:
            try:
                return self._shared.incr(f"{key}/{bucket.window}", 2 * WINDOW, lease)
            except Exception:  # Whatever is wrong with the shared count, requests must go on.
                self._blind_until = now + _BLIND_SECONDS
        return bucket.counted + lease

    def _new_bucket(self, key: str, window: int) -> _Bucket:
        if len(self._buckets) >= _BUCKETS:
            kept = {k: b for k, b in list(self._buckets.items()) if b.window == window}
            self._buckets = kept if len(kept) < _BUCKETS else {}
        return self._buckets.setdefault(key, _Bucket())


def refuse(allowance: Allowance) -> None:
    """Tell the caller when to come back.

    :raises RateLimited: always.
    """
    raise RateLimited(
        f"The limit is {allowance.limit} requests a minute; wait {allowance.reset} s.",
        retry_after=allowance.reset,
    )


def shared_counter(url: str) -> Counter:
    """The count in the Redis at ``url`` (a Unix socket is ``unix://…``).

    Quick time-outs and no retries: a minute's count is not worth a wait.
    """
    from limits.storage import RedisStorage
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return RedisStorage(
        url.replace("unix://", "redis+unix://", 1) if url.startswith("unix://") else url,
        key_prefix="rate",
        socket_timeout=0.05,
        socket_connect_timeout=0.05,
        retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]
    )

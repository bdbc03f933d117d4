"""Business time: the clock that domain rules are told about. Machine time (tokens, time-outs) never comes here.

It is the machine's clock, except in a sandbox: there it is whatever the process was told to follow.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime


def machine_now() -> datetime:
    """The present moment by the machine's clock in UTC, for what outlives no sandbox: keys, credentials, purging."""
    return datetime.now(UTC)


_source: Callable[[], datetime] = machine_now


def now() -> datetime:
    """The present moment in UTC, to the microsecond."""
    return _source()


def follow(source: Callable[[], datetime]) -> None:
    """Take business time from ``source`` in this process from now on; ``machine_now`` is where it begins."""
    global _source  # noqa: PLW0603 - a process is in a sandbox or it is not
    _source = source

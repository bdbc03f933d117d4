"""What goes wrong below us, as an error that a caller is told: come back, or it was our own mistake."""

from __future__ import annotations

import logging

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from loyalty_api.errors import LoyaltyError, Unavailable
from loyalty_api.http import InProgress

_log = logging.getLogger(__name__)


class Overloaded(Unavailable):
    """There is more to do than we can take on; nothing was done for this request."""

    code, title = "overloaded", "Too much is going on; come back in a moment"


_PASSING = (
    psycopg.errors.QueryCanceled,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)


def trouble_of(error: Exception) -> LoyaltyError:
    """What went wrong below us as an error of ours: unknown outcomes are 503, and only our own mistakes are 500.

    A lock that was not to be had in time means that another request is at it (409, repeat with the same key).
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.errors.LockNotAvailable):
        return InProgress(retry_after=1)
    if isinstance(error, PoolTimeout):
        return Overloaded(retry_after=1)
    if isinstance(cause, _PASSING):
        _log.warning("database_trouble", extra={"kind": type(cause).__name__})
        return Unavailable(retry_after=1)
    _log.exception("unexpected_error", exc_info=error)
    return LoyaltyError()

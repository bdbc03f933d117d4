"""Errors of the domain, free of HTTP and SQL.

An error has a stable ``code`` that clients branch on, a ``kind`` that says what sort of trouble it is, and an
``action`` that tells a client what to do next. ``http.py`` alone turns a kind into a status. A feature declares
its errors in the module that raises them, as subclasses of the kinds below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Action = Literal[
    "retry_same_key", "fix_request", "sign_in", "proceed_without", "ask_member", "call_support"
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a document: where (RFC 6901 pointer), a stable code, and why in words."""

    pointer: str
    code: str
    message: str


class LoyaltyError(Exception):
    """Base of every error that a caller is told about.

    ``detail`` is a sentence for a person; it never holds personal data. ``extra`` members are shown in the
    problem document beside the standard ones (for example ``missing={"points": 57}``).
    """

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side"
    status: ClassVar[int] = 500
    action: ClassVar[Action] = "call_support"

    def __init__(self, detail: str = "", *, errors: Sequence[Fault] = (), **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors: tuple[Fault, ...] = tuple(errors)
        self.extra: Mapping[str, Any] = extra


class Invalid(LoyaltyError):
    """The request is understood and wrong: it must be changed before it is sent again."""

    code, title, status, action = "validation_failed", "The request is not valid", 422, "fix_request"


class NotFound(LoyaltyError):
    """There is no such thing, or the caller may not know whether there is."""

    code, title, status, action = "not_found", "There is no such thing here", 404, "fix_request"


class Conflict(LoyaltyError):
    """The request is valid but the state of the thing does not allow it."""

    code, title, status, action = "conflict", "The state of this does not allow it", 409, "fix_request"


class Forbidden(LoyaltyError):
    """The caller is known and may not do this."""

    code, title, status, action = "forbidden", "This client may not do that", 403, "call_support"


class Unauthorized(LoyaltyError):
    """The caller is not known: no token, or one that does not hold."""

    code, title, status, action = "unauthorized", "Sign in first", 401, "sign_in"


class TooMany(LoyaltyError):
    """The caller has sent more than it may; ``extra["retry_after"]`` says how many seconds to wait."""

    code, title, status, action = "rate_limited", "Too many requests", 429, "retry_same_key"


class Unavailable(LoyaltyError):
    """Something we need does not answer: the outcome is unknown, repeat with the same key."""

    code, title, status, action = "unavailable", "We cannot answer right now", 503, "retry_same_key"

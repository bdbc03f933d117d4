"""Errors of the domain, free of HTTP and SQL.

An error has a stable ``code`` that clients branch on, a ``kind`` that says what sort of trouble it is, and an
``action`` that tells a client what to do next. ``trouble.py`` alone turns a kind into a status. A feature declares
its errors in the module that raises them, as subclasses of the kinds below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Action = Literal["retry_same_key", "fix_request", "sign_in", "proceed_without", "ask_member", "call_support"]


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

    code: ClassVar[str] = "validation_failed"
    title: ClassVar[str] = "The request is not valid"
    status: ClassVar[int] = 422
    action: ClassVar[Action] = "fix_request"


class NotFound(LoyaltyError):
    """There is no such thing, or the caller may not know whether there is."""

    code: ClassVar[str] = "not_found"
    title: ClassVar[str] = "There is no such thing here"
    status: ClassVar[int] = 404
    action: ClassVar[Action] = "fix_request"


class Conflict(LoyaltyError):
    """The request is valid but the state of the thing does not allow it."""

    code: ClassVar[str] = "conflict"
    title: ClassVar[str] = "The state of this does not allow it"
    status: ClassVar[int] = 409
    action: ClassVar[Action] = "fix_request"


class Forbidden(LoyaltyError):
    """The caller is known and may not do this."""

    code: ClassVar[str] = "forbidden"
    title: ClassVar[str] = "This client may not do that"
    status: ClassVar[int] = 403
    action: ClassVar[Action] = "call_support"


class Unauthorized(LoyaltyError):
    """The caller is not known: no token, or one that does not hold."""

    code: ClassVar[str] = "unauthorized"
    title: ClassVar[str] = "Sign in first"
    status: ClassVar[int] = 401
    action: ClassVar[Action] = "sign_in"


class TooMany(LoyaltyError):
    """The caller has sent more than it may; ``extra["retry_after"]`` says how many seconds to wait."""

    code: ClassVar[str] = "rate_limited"
    title: ClassVar[str] = "Too many requests"
    status: ClassVar[int] = 429
    action: ClassVar[Action] = "retry_same_key"


class Unavailable(LoyaltyError):
    """Something we need does not answer: the outcome is unknown, repeat with the same key."""

    code: ClassVar[str] = "unavailable"
    title: ClassVar[str] = "We cannot answer right now"
    status: ClassVar[int] = 503
    action: ClassVar[Action] = "retry_same_key"

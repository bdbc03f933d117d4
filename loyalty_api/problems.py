"""What each problem means: cause and remedy in words, by code. The texts are in ``problems.toml``.

Every error that a caller can be told of has an entry, and every entry an error; a test holds it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    MethodNotAllowed,
    RequestedRangeNotSatisfiable,
    RequestEntityTooLarge,
    RequestHeaderFieldsTooLarge,
    RequestTimeout,
    RequestURITooLarge,
)

from loyalty_api.errors import LoyaltyError
from loyalty_api.trouble import problem_of

_FROM_HTTP: tuple[type[HTTPException], ...] = (
    BadRequest,
    MethodNotAllowed,
    RequestedRangeNotSatisfiable,
    RequestEntityTooLarge,
    RequestHeaderFieldsTooLarge,
    RequestTimeout,
    RequestURITooLarge,
)


_OURS = "loyalty_api."
# What these raise is read in a terminal and never leaves over HTTP.
_AT_THE_COMMAND_LINE = tuple(
    f"{_OURS}{name}"
    for name in ("cli", "config", "corrections", "demo", "engines", "migrating", "operations")
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why it happens and what to do about it, in a sentence or two each."""

    cause: str
    remedy: str


class Kind(NamedTuple):
    """A problem as callers meet it; one code may come with more than one status."""

    code: str
    title: str
    statuses: tuple[int, ...]
    action: str


def _read() -> Mapping[str, Problem]:
    text = (Path(__file__).parent / "problems.toml").read_text(encoding="utf-8")
    return {code: Problem(**entry) for code, entry in tomllib.loads(text).items()}


CATALOGUE: Mapping[str, Problem] = _read()


def kinds() -> dict[str, Kind]:
    """Every problem that the features imported so far can answer with, by code, in the order of codes."""
    errors: list[type[LoyaltyError] | LoyaltyError] = [LoyaltyError, *_below(LoyaltyError)]
    errors += [problem_of(kind()) for kind in _FROM_HTTP]
    found: dict[str, Kind] = {}
    for error in errors:
        known = found.get(error.code) or Kind(error.code, error.title, (), error.action)
        statuses = tuple(sorted({*known.statuses, error.status}))
        found[error.code] = known._replace(statuses=statuses)
    return dict(sorted(found.items()))


def _below(kind: type[LoyaltyError]) -> Iterator[type[LoyaltyError]]:
    for below in kind.__subclasses__():
        # Refusals of the HTTP library are made into classes as they happen; they are listed above.
        if below.__module__.startswith(_OURS) and below.__name__ != "HttpError":
            if not below.__module__.startswith(_AT_THE_COMMAND_LINE):
                yield below
            yield from _below(below)

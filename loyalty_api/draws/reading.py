"""Where the public record of draws is read for a check: here, over HTTP, or in a file that somebody kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.draws import queries, telling
from loyalty_api.draws.rules_checking import Findings, check_chain, check_day
from loyalty_api.draws.telling import DrawDayUnknown, day_of
from loyalty_api.errors import Invalid, Unavailable

_SECONDS = 30
_PAGE = 200


class Source(Protocol):
    """The public record, wherever it lies; documents as the API serves them."""

    def days(self) -> Iterator[dict[str, Any]]:
        """All days, the latest first."""

    def day(self, day: str) -> dict[str, Any]:
        """One day. Raises DrawDayUnknown."""

    def records(self, day: str) -> Iterator[dict[str, Any]]:
        """The draws of a revealed day, in their order."""


def check_all(source: Source, *, day: str | None) -> Iterator[tuple[str, Findings]]:
    """Check one day, or all revealed days and the chains between them; what each came to, the earliest first."""
    if day is not None:
        yield day, check_day(source.day(day), source.records(day))
        return
    days = sorted(source.days(), key=lambda one: str(one["day"]))
    for one in days:
        if one["state"] == "revealed":
            yield one["day"], check_day(one, source.records(one["day"]))
    chain = Findings()
    for fault in check_chain(days):
        chain.add(fault)
    yield f"The chain of {len(days)} days", chain


def lines(source: Source, day: str) -> Iterator[str]:
    """The record of a day as lines of JSON, to be kept: the day, then each draw."""
    yield json.dumps(source.day(day))
    for draw in source.records(day):
        yield json.dumps(draw)


@dataclass(frozen=True, slots=True)
class Here:
    """The record of this installation, made as the API makes it."""

    connection: Connection[TupleRow]
    now: datetime

    def days(self) -> Iterator[dict[str, Any]]:
        """All days, the latest first."""
        before = None
        while rows := queries.days(self.connection, before=before, limit=_PAGE):
            yield from [_served(telling.document(row, self.now)) for row in rows]
            before = rows[-1].day

    def day(self, day: str) -> dict[str, Any]:
        """One day."""
        return _served(telling.document(telling.find(self.connection, day_of(day)), self.now))

    def records(self, day: str) -> Iterator[dict[str, Any]]:
        """Its draws."""
        return telling.records(self.connection, day_of(day))


@dataclass(frozen=True, slots=True)
class Over:
    """The record that an API serves to everybody."""

    url: str

    def days(self) -> Iterator[dict[str, Any]]:
        """All days, the latest first."""
        return self._pages("/v1/draws")

    def day(self, day: str) -> dict[str, Any]:
        """One day."""
        return self._get(f"/v1/draws/{quote(day, safe='')}")

    def records(self, day: str) -> Iterator[dict[str, Any]]:
        """Its draws."""
        return self._pages(f"/v1/draws/{quote(day, safe='')}/records")

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            found = self._get(f"{path}?limit={_PAGE}{cursor}")
            yield from found["data"]
            if not found["next_cursor"]:
                return
            cursor = f"&cursor={quote(found['next_cursor'])}"

    def _get(self, path: str) -> dict[str, Any]:
        if not self.url.startswith(("http://", "https://")):
            raise Invalid("Expected the address of an API: https://…")
        request = Request(self.url.rstrip("/") + path, headers={"Accept": "application/json"})  # noqa: S310
        try:
            with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - it is http or https
                found: dict[str, Any] = json.load(answer)
                return found
        except HTTPError as error:
            if error.code == DrawDayUnknown.status:
                raise DrawDayUnknown from error
            raise Unavailable(f"{path} was answered with {error.code}.") from error
        except OSError as error:
            raise Unavailable(f"{self.url} does not answer.") from error


@dataclass(frozen=True, slots=True)
class InFile:
    """The record of one day that ``lines`` wrote."""

    path: str

    def days(self) -> Iterator[dict[str, Any]]:
        """The day that is in the file."""
        yield next(self._lines())

    def day(self, day: str) -> dict[str, Any]:
        """The day that is in the file, if it is that one."""
        found = next(self._lines())
        if found.get("day") != day:
            raise DrawDayUnknown
        return found

    def records(self, day: str) -> Iterator[dict[str, Any]]:  # noqa: ARG002 - the file has one day
        """Its draws."""
        found = self._lines()
        next(found)
        return found

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            with Path(self.path).open(encoding="utf-8") as kept:
                for line in kept:
                    yield json.loads(line)
        except ValueError as error:
            raise Invalid(f"{self.path} is no file of lines of JSON.") from error


def _served(document: dict[str, Any]) -> dict[str, Any]:
    """A document as it goes over the wire."""
    found: dict[str, Any] = orjson.loads(orjson.dumps(document, option=orjson.OPT_UTC_Z))
    return found

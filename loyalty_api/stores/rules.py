"""What a store is, and which documents describe one."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from functools import cache
from typing import Any

from loyalty_api.rulekit.flat import Field, Reader, flag, matching, or_null

STORE_ID = r"str_[A-Za-z0-9_-]{1,40}"
NAME = r"[^\x00]{1,200}"


@dataclass(frozen=True, slots=True)
class Store:
    """A store as rules see it. ``time_zone`` is an IANA name; hour windows follow it (R60)."""

    store_id: str
    name: str
    time_zone: str
    city: str | None
    active: bool


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def is_time_zone(name: Any) -> bool:
    """Whether ``name`` is a time zone of the IANA database."""
    return isinstance(name, str) and name in _time_zones()


is_store_id = matching(STORE_ID)

_reader = Reader(
    {
        "store": Field(is_store_id, "str_ and 1 to 40 letters, digits, _ or -"),
        "name": Field(matching(NAME), "1 to 200 characters"),
        "time_zone": Field(is_time_zone, "an IANA time zone, such as Europe/Oslo"),
        "city": Field(or_null(matching(NAME)), "1 to 200 characters or null", default=None),
        "active": Field(flag, "true or false", default=True),
    }
)


def read(document: Any) -> tuple[Any, ...]:
    """The columns of the store that ``document`` describes.

    :raises Invalid: with every fault of the document.
    """
    return _reader.read(document)

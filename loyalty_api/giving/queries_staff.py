"""Gifts from the hand of the staff: who gave what to whom, and why. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb


@dataclass(frozen=True, slots=True)
class StaffGift:
    """A gift that somebody gave: to whom, by which rule, on which local day, why, and who it was.

    ``cost`` is in minor units. ``note`` is sealed under the member's key. ``staff_ref`` is in its one spelling.
    ``claims`` are what it took of the person's allowance and of the member's.
    """

    member_id: UUID
    gift_id: UUID
    rule: str
    staff_ref: str
    given_on: date
    cost: int
    reason: str
    note: bytes | None
    claims: Sequence[Sequence[Any]]
    store_id: str | None
    actor_kind: str
    client_id: str
    created_at: datetime


_COLUMNS = ", ".join(field.name for field in fields(StaffGift))
_CLAIMS = [field.name for field in fields(StaffGift)].index("claims")
_LIST = (
    f"SELECT {_COLUMNS} FROM staff_gifts WHERE (%(before)s::uuid IS NULL OR gift_id < %(before)s)"
    " AND (%(staff)s::varchar IS NULL OR staff_ref = %(staff)s)"
    " AND (%(store)s::varchar IS NULL OR store_id = %(store)s)"
    " AND (%(first)s::date IS NULL OR given_on >= %(first)s) AND (%(last)s::date IS NULL OR given_on <= %(last)s)"
    " ORDER BY gift_id DESC LIMIT %(limit)s"
)


def add(connection: Connection[TupleRow], given: StaffGift) -> None:
    """Write a gift that somebody gave."""
    places = ", ".join(["%s"] * len(fields(StaffGift)))
    row = [getattr(given, field.name) for field in fields(StaffGift)]
    row[_CLAIMS] = Jsonb(given.claims)
    connection.execute(f"INSERT INTO staff_gifts ({_COLUMNS}) VALUES ({places})", row, prepare=True)


def page(
    connection: Connection[TupleRow],
    *,
    staff_ref: str | None,
    store_id: str | None,
    first: date | None,
    last: date | None,
    before: UUID | None,
    limit: int,
) -> list[StaffGift]:
    """What was given by hand, the latest first, from before an id: by somebody, in a store, from one day to another."""
    asked: dict[str, Any] = {
        "staff": staff_ref, "store": store_id, "first": first, "last": last, "before": before, "limit": limit,
    }  # fmt: skip
    return [StaffGift(*row) for row in connection.execute(_LIST, asked)]

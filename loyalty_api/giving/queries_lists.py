"""Statements on lists of members who are to be given something. Who stands on a list is an occasion of its rule's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

Connected = Connection[TupleRow]
_COLUMNS = "list_id, rule, name, created_at, created_by"


@dataclass(frozen=True, slots=True)
class GiftList:
    """A list of members who are to be given something by a rule."""

    list_id: UUID
    rule: str
    name: str
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How many members stand on a list, by what became of them."""

    waiting: int = 0
    given: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A member on a list: waiting, given a gift, or refused for a reason."""

    member_id: UUID
    state: str
    reason: str | None
    gift_id: UUID | None
    settled_at: datetime | None


def add(connection: Connected, made: GiftList) -> None:
    """Write a new list."""
    connection.execute(
        f"INSERT INTO gift_lists ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s)",
        (made.list_id, made.rule, made.name, made.created_at, made.created_by),
    )


def find(connection: Connected, list_id: UUID) -> GiftList | None:
    """A list by its id."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM gift_lists WHERE list_id = %s", (list_id,)).fetchone()
    return GiftList(*row) if row else None


def page(connection: Connected, *, before: UUID | None, limit: int) -> list[GiftList]:
    """Lists, the latest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM gift_lists WHERE (%(before)s::uuid IS NULL OR list_id < %(before)s)"
        " ORDER BY list_id DESC LIMIT %(limit)s",
        {"before": before, "limit": limit},
    )
    return [GiftList(*row) for row in rows]


def progress(connection: Connected, lists: Sequence[UUID]) -> dict[UUID, Progress]:
    """How far lists are; one that nobody stands on is left out."""
    rows = connection.execute(
        "SELECT list_id, count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'given'),"
        " count(*) FILTER (WHERE state = 'refused') FROM gift_occasions WHERE list_id = ANY(%s) GROUP BY 1",
        (list(lists),),
    )
    return {row[0]: Progress(*row[1:]) for row in rows}


def put_on(
    connection: Connected, made: GiftList, members: Sequence[UUID], *, occasion: str, now: datetime
) -> tuple[set[UUID], set[UUID]]:
    """Put members on a list: those that are there now and were not before, and those of them all who are members."""
    known = {
        row[0]
        for row in connection.execute(
            "SELECT member_id FROM members WHERE member_id = ANY(%s) AND kind = 'person'", (list(members),)
        )
    }
    rows = connection.execute(
        "INSERT INTO gift_occasions (member_id, rule, occasion, due_on, list_id, noted_at)"
        " SELECT id, %s, %s, %s::date, %s, %s FROM unnest(%s::uuid[]) AS given(id) ORDER BY id"
        " ON CONFLICT DO NOTHING RETURNING member_id",
        (made.rule, occasion, now, made.list_id, now, sorted(known)),
    )
    return {row[0] for row in rows}, known


def members_of(
    connection: Connected, list_id: UUID, *, state: str | None, after: UUID | None, limit: int
) -> list[Listed]:
    """Who stands on a list, in the order of their ids, behind one of them."""
    asked: dict[str, Any] = {"list": list_id, "state": state, "after": after, "limit": limit}
    rows = connection.execute(
        "SELECT member_id, state, reason, gift_id, settled_at FROM gift_occasions WHERE list_id = %(list)s"
        " AND (%(state)s::varchar IS NULL OR state = %(state)s)"
        " AND (%(after)s::uuid IS NULL OR member_id > %(after)s) ORDER BY member_id LIMIT %(limit)s",
        asked,
    )
    return [Listed(*row) for row in rows]

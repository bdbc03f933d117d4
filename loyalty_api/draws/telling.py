"""Days and draws as they are told: to everybody, and to a member of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.draws import queries
from loyalty_api.draws.queries import DayRow
from loyalty_api.draws.rules import Draw, read_record
from loyalty_api.errors import NotFound

_PAGE = 1000


class DrawDayUnknown(NotFound):
    """There is no such day of draws: it was never committed, or it is no day."""

    code, title = "draw_day_unknown", "There are no draws of this day"


def day_of(text: str) -> date:
    """A day as it stands in a path.

    :raises DrawDayUnknown: it is none.
    """
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise DrawDayUnknown from error
    if found.isoformat() != text:
        raise DrawDayUnknown
    return found


def find(connection: Connection[TupleRow], day: date) -> DayRow:
    """A committed day.

    :raises DrawDayUnknown: there is none.
    """
    row = queries.find(connection, day)
    if row is None:
        raise DrawDayUnknown
    return row


def document(row: DayRow, now: datetime) -> dict[str, Any]:
    """What everybody may know of a day at ``now``; how many draws it had only once it is over.

    While a day lasts, its numbers would tell how well the shop sells.
    """
    over = now >= row.ends_at or row.revealed_at is not None
    odds = read_record(row.record).tables if row.record else {}
    return {
        "day": row.day,
        "state": _state(row, now),
        "previous": row.previous,
        "commitment": row.commitment,
        "committed_at": row.committed_at,
        "begins_at": row.begins_at,
        "ends_at": row.ends_at,
        "reveals_at": row.reveals_at,
        "revealed_at": row.revealed_at,
        "draws": row.draws if over else None,
        "wins": row.wins if over else None,
        "record": row.record,
        "seed": read_record(row.record).seed.hex() if row.record else None,
        "odds": [{"gift": gift, "rows": list(rows)} for gift, rows in sorted(odds.items())],
        "counts": row.counts or [],
        "previous_digest": row.previous_digest,
        "digest": row.digest,
    }


def _state(row: DayRow, now: datetime) -> str:
    if row.revealed_at is not None:
        return "revealed"
    if now >= row.ends_at:
        return "over"
    return "open" if now >= row.begins_at else "committed"


def published(draw: Draw) -> dict[str, Any]:
    """A draw in the public list."""
    return {"gift": draw.gift, "mark": draw.mark, "row": draw.row, "ticket": draw.ticket, "won": draw.won}


def records(connection: Connection[TupleRow], day: date) -> Iterator[dict[str, Any]]:
    """The public list of a day from its beginning to its end, as its pages show it."""
    after: tuple[str, str] | None = None
    while True:
        found = queries.listed(connection, day, after=after, limit=_PAGE)
        yield from [published(draw) for draw in found]
        if len(found) < _PAGE:
            return
        after = (found[-1].gift, found[-1].mark)


def own(rows: Sequence[TupleRow], tables: Mapping[date, Mapping[str, Sequence[int]]]) -> list[dict[str, Any]]:
    """A member's own draws; by which row, and how many tickets won there, once the day is revealed."""
    return [_own(row, tables.get(row[0], {})) for row in rows]


def _own(row: TupleRow, odds: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    day, gift, mark, number, ticket, won, purchase_id, revealed_at, reveals_at = row
    known = revealed_at is not None
    return {
        "day": day,
        "gift": gift,
        "mark": mark,
        "won": won,
        "purchase_id": ids.show("pur", purchase_id),
        "reveals_at": reveals_at,
        "revealed_at": revealed_at,
        "row": number if known else None,
        "ticket": ticket if known else None,
        "below": odds[gift][number] if known and gift in odds else None,
    }


def own_draws(
    connection: Connection[TupleRow],
    member_id: UUID,
    *,
    day: date | None = None,
    before: tuple[date, str] | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """Up to ``limit`` draws of a member, the latest first."""
    rows = queries.of_member(connection, member_id, day=day, before=before, limit=limit)
    wanted = {row[0] for row in rows if row[7] is not None}
    texts = queries.texts(connection, sorted(wanted))
    return own(rows, {found: read_record(text).tables for found, text in texts.items()})

"""The statements behind draws: committed days, what a member has drawn, and the list of a day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.draws.rules import Draw
from loyalty_api.rows import Table

DRAWS = Table(
    "draws",
    member_id="uuid",
    gift_id="varchar",
    day="date",
    mark="bytea",
    row_no="smallint",
    ticket="bigint",
    won="boolean",
    purchase_id="uuid",
    recorded_at="timestamptz",
)
_LOCK = 0x64726177
_COMMIT_LOCK = (_LOCK, 0)

OPEN_DAYS = (
    f"SELECT pg_advisory_xact_lock_shared({_LOCK}, day - date '2000-01-01') FROM unnest($4::date[]) AS given(day)"
    " WHERE $1::text[] IS NOT NULL AND $2::bytea[] IS NOT NULL AND $3::uuid[] IS NOT NULL ORDER BY day"
)
"""Holds days ($4) so that none of them is revealed before the transaction ends. Its rows say nothing."""
READ = (
    "SELECT m.member_id, m.draw_token, g.gift_id, (SELECT array_agg(d.day) FROM draws d WHERE"
    " d.member_id = m.member_id AND d.gift_id = g.gift_id AND d.day = ANY($4::date[])),"
    " (SELECT count(*) FROM draws d WHERE d.member_id = m.member_id AND d.gift_id = g.gift_id AND d.day >"
    " coalesce((SELECT max(w.day) FROM draws w WHERE w.member_id = m.member_id AND w.gift_id = g.gift_id AND w.won),"
    " date '-infinity')), (SELECT array_agg(o.day) FROM draw_days o WHERE o.day = ANY($4::date[])"
    " AND o.revealed_at IS NULL) FROM members m CROSS JOIN unnest($5::text[]) AS g(gift_id)"
    " WHERE m.member_id = {named}"
)
"""For the members that stand for ``{named}`` and each gift ($5): the token, on which of the days ($4) there was a draw,
how many draws have been without luck since the last that won, and which of the days are not revealed.

It comes behind ``OPEN_DAYS``, since only a new statement sees a reveal that was waited for.
"""


@dataclass(frozen=True, slots=True)
class DayRow:
    """A committed day as it lies in the database; what is sealed only where it was asked for."""

    day: date
    previous: str
    commitment: str
    committed_at: datetime
    begins_at: datetime
    ends_at: datetime
    reveals_at: datetime
    draws: int | None
    wins: int | None
    counts: list[Any] | None
    record: str | None
    previous_digest: str | None
    digest: str | None
    revealed_at: datetime | None
    sealed: bytes = b""


_DAY = (
    "day, previous, commitment, committed_at, begins_at, ends_at, reveals_at, draws, wins, counts, record,"
    " previous_digest, digest, revealed_at"
)


def hold_chain(connection: Connection[TupleRow]) -> None:
    """Wait until nobody else commits days."""
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", _COMMIT_LOCK)


def add_day(connection: Connection[TupleRow], row: DayRow) -> None:
    """Add a day, which never changes but for what is told of it later."""
    connection.execute(
        "INSERT INTO draw_days (day, previous, commitment, sealed, committed_at, begins_at, ends_at, reveals_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (row.day, row.previous, row.commitment, row.sealed, row.committed_at, row.begins_at, row.ends_at,
         row.reveals_at),
    )  # fmt: skip


def newest(connection: Connection[TupleRow]) -> tuple[date, str] | None:
    """The last committed day and its commitment."""
    return connection.execute("SELECT day, commitment FROM draw_days ORDER BY day DESC LIMIT 1").fetchone()


def find(connection: Connection[TupleRow], day: date) -> DayRow | None:
    """A committed day with what is sealed."""
    row = connection.execute(
        f"SELECT {_DAY}, sealed FROM draw_days WHERE day = %s", (day,), prepare=True
    ).fetchone()
    return DayRow(*row) if row else None


def days(connection: Connection[TupleRow], *, before: date | None, limit: int) -> list[DayRow]:
    """Up to ``limit`` days, the latest first, that lie before a day."""
    rows = connection.execute(
        f"SELECT {_DAY} FROM draw_days WHERE %(before)s::date IS NULL OR day < %(before)s"
        " ORDER BY day DESC LIMIT %(limit)s",
        {"before": before, "limit": limit},
    )
    return [DayRow(*row) for row in rows]


def close(connection: Connection[TupleRow], now: datetime) -> None:
    """Keep how many draws there were on days that are over, as far as they are recorded."""
    connection.execute(
        "UPDATE draw_days o SET draws = c.draws, wins = c.wins FROM (SELECT y.day, count(d.won) AS draws,"
        " count(*) FILTER (WHERE d.won) AS wins FROM draw_days y LEFT JOIN draws d USING (day)"
        " WHERE y.ends_at <= %s AND y.draws IS NULL GROUP BY 1) c WHERE c.day = o.day",
        (now,),
    )


def to_reveal(connection: Connection[TupleRow], now: datetime) -> DayRow | None:
    """The earliest day that is not revealed, held, where its time has come and nobody draws on it any more."""
    row = connection.execute(
        f"SELECT {_DAY}, sealed FROM draw_days WHERE revealed_at IS NULL ORDER BY day LIMIT 1 FOR UPDATE SKIP LOCKED"
    ).fetchone()
    if row is None or DayRow(*row).reveals_at > now:
        return None
    free = connection.execute(
        "SELECT pg_try_advisory_xact_lock(%s, %s::date - date '2000-01-01')", (_LOCK, row[0])
    ).fetchone()
    return DayRow(*row) if free and free[0] else None


def digest_before(connection: Connection[TupleRow], day: date) -> str | None:
    """The digest of the revealed day before."""
    row = connection.execute(
        "SELECT digest FROM draw_days WHERE day < %s AND revealed_at IS NOT NULL ORDER BY day DESC LIMIT 1",
        (day,),
    ).fetchone()
    return row[0] if row else None


_LIST = "SELECT gift_id, encode(mark, 'hex'), row_no, ticket, won FROM draws"


def stream(connection: Connection[TupleRow], day: date) -> Iterator[Draw]:
    """All draws of a day in the order of gift and mark, however many."""
    with connection.cursor(name="draws_of_day") as cursor:
        cursor.itersize = 10_000
        cursor.execute(f"{_LIST} WHERE day = %s ORDER BY gift_id, mark", (day,))
        for row in cursor:
            yield Draw(*row)


def listed(
    connection: Connection[TupleRow], day: date, *, after: tuple[str, str] | None, limit: int
) -> list[Draw]:
    """Up to ``limit`` draws of a day behind a gift and a mark."""
    rows = connection.execute(
        f"{_LIST} WHERE day = %s AND (gift_id, mark) > (%s COLLATE \"C\", decode(%s, 'hex'))"
        " ORDER BY gift_id, mark LIMIT %s",
        (day, *(after or ("", "")), limit),
        prepare=True,
    )
    return [Draw(*row) for row in rows]


def reveal(connection: Connection[TupleRow], row: DayRow) -> None:
    """Publish the record of a day, with what became of it."""
    connection.execute(
        "UPDATE draw_days SET record = %s, draws = %s, wins = %s, counts = %s, previous_digest = %s, digest = %s,"
        " revealed_at = %s WHERE day = %s",
        (row.record, row.draws, row.wins, orjson.dumps(row.counts).decode(), row.previous_digest, row.digest,
         row.revealed_at, row.day),
    )  # fmt: skip


def of_member(
    connection: Connection[TupleRow],
    member_id: UUID,
    *,
    day: date | None,
    before: tuple[date, str] | None,
    limit: int,
) -> list[TupleRow]:
    """(day, draw, purchase_id, revealed_at, threshold's table) of a member's draws, the latest first."""
    return connection.execute(
        "SELECT d.day, d.gift_id, encode(d.mark, 'hex'), d.row_no, d.ticket, d.won, d.purchase_id, o.revealed_at,"
        " o.reveals_at FROM draws d JOIN draw_days o USING (day) WHERE d.member_id = %(member)s"
        " AND (%(day)s::date IS NULL OR d.day = %(day)s)"
        " AND (%(before)s::date IS NULL OR (d.day, d.gift_id) < (%(before)s, %(gift)s COLLATE \"C\"))"
        " ORDER BY d.day DESC, d.gift_id DESC LIMIT %(limit)s",
        {"member": member_id, "day": day, "before": before and before[0], "gift": before and before[1],
         "limit": limit},
        prepare=True,
    ).fetchall()  # fmt: skip


def texts(connection: Connection[TupleRow], wanted: Sequence[date]) -> dict[date, str]:
    """The records of those days that are revealed."""
    rows = connection.execute(
        "SELECT day, record FROM draw_days WHERE day = ANY(%s) AND record IS NOT NULL", (list(wanted),)
    )
    return {row[0]: row[1] for row in rows}


def token_of(connection: Connection[TupleRow], member_id: UUID) -> bytes | None:
    """A member's draw token, 16 bytes."""
    row = connection.execute("SELECT draw_token FROM members WHERE member_id = %s", (member_id,)).fetchone()
    return bytes(row[0]) if row else None


def sealed(connection: Connection[TupleRow], *, first: date, last: date) -> list[DayRow]:
    """The days from ``first`` to ``last`` with what is sealed."""
    rows = connection.execute(
        f"SELECT {_DAY}, sealed FROM draw_days WHERE day BETWEEN %s AND %s ORDER BY day", (first, last)
    )
    return [DayRow(*row) for row in rows]

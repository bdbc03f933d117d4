"""What draws are looked at for together: the traffic to expect, and how luck fell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow


def plans(connection: Connection[TupleRow], gifts: Iterable[str]) -> dict[str, dict[str, int]]:
    """The expected draws of gifts, by ``weekday hour``, in thousandths."""
    rows = connection.execute("SELECT gift_id, hours FROM draw_plans WHERE gift_id = ANY(%s)", (list(gifts),))
    return {row[0]: row[1] for row in rows}


def planned(connection: Connection[TupleRow], day: date) -> bool:
    """Whether plans have been made on a day or later."""
    row = connection.execute("SELECT 1 FROM draw_plans WHERE made_on >= %s LIMIT 1", (day,)).fetchone()
    return row is not None


def plan(connection: Connection[TupleRow], made: Sequence[tuple[str, date, dict[str, int]]]) -> None:
    """Keep the expected draws of gifts in place of what was expected before."""
    for gift, day, hours in made:
        connection.execute(
            "INSERT INTO draw_plans (gift_id, made_on, hours) VALUES (%s, %s, %s) ON CONFLICT (gift_id) DO UPDATE"
            " SET made_on = excluded.made_on, hours = excluded.hours",
            (gift, day, orjson.dumps(hours).decode()),
        )


_FIRST_OF_DAY = (
    "SELECT member_id, min(occurred_at AT TIME ZONE %(zone)s) AS at FROM purchases WHERE match = 'identified'"
    " AND kind = 'sale' AND occurred_at >= %(since)s AND occurred_at < %(until)s"
    " GROUP BY member_id, (occurred_at AT TIME ZONE %(zone)s)::date"
)


def traffic(
    connection: Connection[TupleRow], *, zone: str, since: datetime, until: datetime, lately: date
) -> list[TupleRow]:
    """(weekday, hour, number, earliest day, number since ``lately``) of members' first purchases of their days."""
    return connection.execute(
        "SELECT extract(isodow FROM at)::int - 1, extract(hour FROM at)::int, count(*), min(at)::date,"
        " count(*) FILTER (WHERE at >= %(lately)s)"
        f" FROM ({_FIRST_OF_DAY}) first GROUP BY 1, 2",
        {"zone": zone, "since": since, "until": until, "lately": lately},
    ).fetchall()


def drawn(
    connection: Connection[TupleRow], gifts: Iterable[str], *, since: date, until: date
) -> dict[str, tuple[int, date]]:
    """By gift: how many draws there were on the days from ``since`` up to ``until``, and the first such day."""
    rows = connection.execute(
        "SELECT gift_id, count(*), min(day) FROM draws WHERE gift_id = ANY(%s) AND day >= %s AND day < %s GROUP BY 1",
        (list(gifts), since, until),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


DIMENSIONS = {
    "gift": "d.gift_id",
    "store": "p.store_id",
    "tier": "coalesce(p.facts -> 'member' ->> 'tier', '')",
    "hour": "to_char(p.occurred_at AT TIME ZONE %(zone)s, 'HH24')",
}
"""By what draws are told apart in a report."""


def fallen(
    connection: Connection[TupleRow], dimension: str, *, first: date, last: date, zone: str
) -> list[TupleRow]:
    """(name, gift, day, row, draws, wins) of the draws of some days, by one of ``DIMENSIONS``."""
    return connection.execute(
        f"SELECT {DIMENSIONS[dimension]} AS name, d.gift_id, d.day, d.row_no, count(*), count(*) FILTER (WHERE d.won)"
        " FROM draws d JOIN purchases p USING (member_id, purchase_id) WHERE d.day BETWEEN %(first)s AND %(last)s"
        " GROUP BY 1, 2, 3, 4",
        {"first": first, "last": last, "zone": zone},
    ).fetchall()


def given_by_staff(connection: Connection[TupleRow], *, first: date, last: date, zone: str) -> list[TupleRow]:
    """(store, gift rule, number) of what staff gave by hand on local days."""
    return connection.execute(
        "SELECT coalesce(store_id, ''), rule, count(*) FROM gifts WHERE trigger = 'staff' AND state <> 'taken_back'"
        " AND (granted_at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s GROUP BY 1, 2 ORDER BY 1, 2",
        {"first": first, "last": last, "zone": zone},
    ).fetchall()

"""The statements behind corrections: whose purchases lie in a window, all that rating them once more needs, and what
is kept of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.purchases.queries import LINES, PURCHASES
from loyalty_api.rows import Table, dump

Row = dict[str, Any]

CORRECTED = Table(
    "purchase_corrections",
    member_id="uuid",
    correction_id="uuid",
    purchase_id="uuid",
    version_before="integer",
    version_after="integer",
    points_before="bigint",
    points_after="bigint",
    owed="bigint",
    booked="bigint",
    lapsed="bigint",
    kept="bigint",
    journal_id="uuid",
    before="jsonb",
    recorded_at="timestamptz",
)
_HEAD = "correction_id, version, starts_at, ends_at, reason, created_by, created_at"
_OPEN = (
    f"INSERT INTO corrections ({_HEAD}) VALUES (%s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (version, starts_at, ends_at) DO NOTHING"
)
_FIND = f"SELECT {_HEAD} FROM corrections WHERE version = %s AND starts_at = %s AND ends_at = %s"
# What nobody has rated is left to whoever does; what is nobody's earned nothing.
_IN_WINDOW = (
    "p.occurred_at >= %(starts_at)s AND p.occurred_at < %(ends_at)s AND p.decision IS NOT NULL"
    " AND p.status <> 'moved'"
)
_UNSEEN = (
    "SELECT DISTINCT p.member_id FROM purchases p JOIN members m USING (member_id) WHERE m.kind = 'person'"
    f" AND p.member_id > %(after)s AND {_IN_WINDOW} AND NOT EXISTS (SELECT FROM purchase_corrections c"
    " WHERE c.member_id = p.member_id AND c.purchase_id = p.purchase_id AND c.correction_id = %(correction_id)s)"
    " ORDER BY p.member_id LIMIT %(limit)s"
)
_COLUMNS = ", ".join("p." + column for column in PURCHASES.columns)
_BOUGHT = (
    f"SELECT {_COLUMNS}, c.correction_id IS NOT NULL FROM purchases p LEFT JOIN purchase_corrections c ON"
    " c.member_id = p.member_id AND c.purchase_id = p.purchase_id AND c.correction_id = %(correction_id)s"
    " WHERE p.member_id = %(member_id)s AND p.occurred_at >= %(starts_at)s AND p.occurred_at < %(ends_at)s"
    " AND p.status <> 'moved' ORDER BY p.occurred_at, p.purchase_id"
)
_EARLIER = (
    f"SELECT {_COLUMNS} FROM purchases p WHERE p.member_id = %s AND p.occurred_at < %s"
    " AND p.status NOT IN ('moved', 'voided', 'returned') ORDER BY p.occurred_at, p.purchase_id"
)
_COUNTED_BEFORE = (
    "SELECT key, sum(amount)::bigint FROM (SELECT claim->>1 AS key, (claim->>2)::bigint AS amount"
    " FROM purchases, jsonb_array_elements(decision->'claims') AS claim WHERE member_id = %(member_id)s"
    " AND occurred_at < %(starts_at)s AND status <> 'moved' AND claim->>0 = 'counter'"
    " UNION ALL SELECT claim->>1, -(claim->>2)::bigint FROM purchases,"
    " jsonb_array_elements(outcome->'returned'->'counted') AS claim WHERE member_id = %(member_id)s"
    " AND occurred_at < %(starts_at)s AND status <> 'moved' AND claim->>0 = 'counter') AS said GROUP BY key"
)
_LINES = (
    f"SELECT {', '.join(LINES.columns)} FROM purchase_lines WHERE member_id = %s AND purchase_id = ANY(%s)"
    " ORDER BY purchase_id, line_no"
)
_RETURNS = (
    "SELECT return_id, occurred_at, outcome->'parts' FROM returns WHERE member_id = %s AND status = 'applied'"
    " AND outcome ? 'parts' ORDER BY return_id"
)


def open_correction(connection: Connection[TupleRow], row: tuple[Any, ...]) -> None:
    """Keep a correction, unless the same one is there."""
    connection.execute(_OPEN, row)


def find(
    connection: Connection[TupleRow], *, version: int, starts_at: datetime, ends_at: datetime
) -> TupleRow | None:
    """The correction of a window under a version."""
    return connection.execute(_FIND, (version, starts_at, ends_at)).fetchone()


def unseen(
    connection: Connection[TupleRow], window: Mapping[str, Any], *, after: UUID, limit: int
) -> list[UUID]:
    """Members behind ``after`` of whom the correction has not seen every purchase of its window, in their order."""
    rows = connection.execute(_UNSEEN, {**window, "after": after, "limit": limit})
    return [row[0] for row in rows]


def bought(
    connection: Connection[TupleRow], window: Mapping[str, Any], member_id: UUID
) -> list[tuple[Row, bool]]:
    """The member's purchases of the window in their order, each with whether this correction has seen it."""
    rows = connection.execute(_BOUGHT, {**window, "member_id": member_id}, prepare=True)
    return [(dict(zip(PURCHASES.columns, row[:-1], strict=True)), row[-1]) for row in rows]


def earlier(connection: Connection[TupleRow], member_id: UUID, *, before: datetime) -> list[Row]:
    """What the member bought before the window and kept."""
    rows = connection.execute(_EARLIER, (member_id, before))
    return [dict(zip(PURCHASES.columns, row, strict=True)) for row in rows]


def lines_of(
    connection: Connection[TupleRow], member_id: UUID, purchase_ids: Sequence[UUID]
) -> dict[UUID, list[Row]]:
    """The lines of a member's purchases, each in the order of its receipt."""
    rows = connection.execute(_LINES, (member_id, list(purchase_ids)), prepare=True)
    found: dict[UUID, list[Row]] = {purchase_id: [] for purchase_id in purchase_ids}
    for row in rows:
        line = dict(zip(LINES.columns, row, strict=True))
        found[line["purchase_id"]].append(line)
    return found


def counted_before(
    connection: Connection[TupleRow], window: Mapping[str, Any], member_id: UUID
) -> dict[str, int]:
    """The member's counters as they are by the purchases before the window."""
    rows = connection.execute(_COUNTED_BEFORE, {**window, "member_id": member_id}, prepare=True)
    return {key: amount for key, amount in rows if amount}


def returns_of(
    connection: Connection[TupleRow], member_id: UUID
) -> list[tuple[UUID, datetime, list[dict[str, Any]]]]:
    """The member's returns that stand, in the order in which they were made: id, moment and parts by purchase."""
    return connection.execute(_RETURNS, (member_id,), prepare=True).fetchall()


def keep(connection: Connection[TupleRow], row: Row, points: Mapping[str, int]) -> None:
    """Keep what a purchase is decided to earn now, and the points of its lines."""
    connection.execute(
        "UPDATE purchases SET facts = %s, decision = %s, program_version = %s, points_base = %s, points_bonus = %s,"
        " outcome = %s WHERE member_id = %s AND purchase_id = %s",
        (
            dump(row["facts"]), dump(row["decision"]), row["program_version"], row["points_base"],
            row["points_bonus"], dump(row["outcome"]), row["member_id"], row["purchase_id"],
        ),
    )  # fmt: skip
    connection.execute(
        "UPDATE purchase_lines l SET points = earned.points FROM unnest(%s::text[], %s::bigint[])"
        " AS earned(line_id, points) WHERE l.member_id = %s AND l.purchase_id = %s AND l.line_id = earned.line_id",
        (list(points), list(points.values()), row["member_id"], row["purchase_id"]),
    )

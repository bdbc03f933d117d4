"""What the ledger said earlier, added up from its postings: running totals know only the present.

Two clocks say which journals count. By ``recorded`` they are those that were booked by the moment: the ledger as it
stood, in the order of its versions, and with it what time had done by then. That is what the next write booked first
(invariant 16), so it lies right behind, dated by the moment. By ``occurred`` they are those of what had happened by the
moment, whenever we heard of it; what says that it happens later than it was booked happened when it was booked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.ledger.queries import ENTRIES, ENTRY_COLUMNS
from loyalty_api.ledger.rules import Lot

_TIMES_OWN = "j.cause_type = 'time' AND j.kind IN ('activate', 'release', 'expire')"
_FIRST_LATER = (
    "SELECT min(j.version) FROM journals j WHERE j.member_id = %s AND j.recorded_at > %s"
    f" AND NOT ({_TIMES_OWN} AND j.occurred_at <= %s)"
)
COUNTS = {
    "recorded": "j.version < %(cut)s",
    "occurred": "least(j.occurred_at, j.recorded_at) <= %(as_of)s",
}
"""Whether a journal ``j`` counts, by each clock."""
_CUT = 1 << 62
_COUNTED = (
    "WITH change AS (SELECT p.lot_id, p.from_account, p.to_account, sum(p.points)::bigint AS points FROM journals j"
    " JOIN postings p ON p.member_id = j.member_id AND p.journal_id = j.journal_id"
    " WHERE j.member_id = %(member)s AND {counts} GROUP BY 1, 2, 3)"
    " SELECT lot_id, account, sum(points)::bigint FROM (SELECT lot_id, from_account AS account, -points AS points"
    " FROM change UNION ALL SELECT lot_id, to_account, points FROM change) AS sides GROUP BY 1, 2"
)
# By the clock of recording a lot has the terms that held at the moment, else those that are known today.
_TERMS = (
    "SELECT l.lot_id, l.source_type, l.source_id, l.earned_at, l.recorded_at,"
    " CASE WHEN t.version IS NULL THEN l.available_at ELSE t.available_at END,"
    " CASE WHEN t.version IS NULL THEN l.expires_at ELSE t.expires_at END, l.points, 0, 0, 0, l.sliding_months,"
    " l.program_version, l.awaits FROM lots l LEFT JOIN LATERAL (SELECT * FROM former_terms f"
    " WHERE f.member_id = l.member_id AND f.lot_id = l.lot_id AND %(recorded)s AND f.ended_at > %(as_of)s"
    " ORDER BY f.version LIMIT 1) AS t ON true WHERE l.member_id = %(member)s AND l.lot_id = ANY(%(lots)s)"
)
_LAST = "SELECT coalesce(max(j.version), 0) FROM journals j WHERE j.member_id = %(member)s AND {counts}"


@dataclass(frozen=True, slots=True)
class AsOf:
    """An earlier moment by one of the clocks; ``cut`` is the first version that was not there yet."""

    moment: datetime
    clock: str
    cut: int = _CUT

    def given(self) -> dict[str, Any]:
        """The parameters of ``COUNTS``."""
        return {"as_of": self.moment, "cut": self.cut}


def as_of(connection: Connection[TupleRow], member_id: UUID, *, moment: datetime, clock: str) -> AsOf:
    """The moment in the ledger of a member whose due movements are booked."""
    if clock == "occurred":
        return AsOf(moment, clock)
    row = connection.execute(_FIRST_LATER, (member_id, moment, moment), prepare=True).fetchone()
    return AsOf(moment, clock, row[0] if row and row[0] is not None else _CUT)


def changes(
    connection: Connection[TupleRow], member_id: UUID, when: AsOf
) -> list[tuple[UUID | None, str, int]]:
    """What every account had gained by then, of each lot and of none: (lot, account, points)."""
    sql = _COUNTED.format(counts=COUNTS[when.clock])
    return connection.execute(sql, {"member": member_id, **when.given()}, prepare=True).fetchall()


def lots(connection: Connection[TupleRow], member_id: UUID, when: AsOf, lot_ids: list[UUID]) -> list[Lot]:
    """These lots, with the terms that they had or are known to have, and nothing in them."""
    rows = connection.execute(
        _TERMS,
        {"member": member_id, "as_of": when.moment, "recorded": when.clock == "recorded", "lots": lot_ids},
        prepare=True,
    )
    return [Lot(*row) for row in rows]


def last_version(connection: Connection[TupleRow], member_id: UUID, when: AsOf) -> int:
    """The version of the last journal that counts, 0 for none."""
    sql = _LAST.format(counts=COUNTS[when.clock])
    row = connection.execute(sql, {"member": member_id, **when.given()}, prepare=True).fetchone()
    return int(row[0]) if row else 0


_PAGE = (
    f"{ENTRIES} WHERE j.member_id = %(member)s AND (j.version, p.ordinal) < (%(version)s, %(ordinal)s)"
    " AND j.version <= %(version)s AND {counts} ORDER BY j.version DESC, p.ordinal DESC LIMIT %(limit)s"
)


def entries_of(
    connection: Connection[TupleRow], member_id: UUID, when: AsOf, *, before: tuple[int, int], limit: int
) -> list[dict[str, Any]]:
    """The entries of a statement that count, as they would be shown today; see ``queries.entries_of``."""
    rows = connection.execute(
        _PAGE.format(counts=COUNTS[when.clock]),
        {"member": member_id, "version": before[0], "ordinal": before[1], "limit": limit, **when.given()},
        prepare=True,
    )
    return [dict(zip(ENTRY_COLUMNS, row, strict=True)) for row in rows]

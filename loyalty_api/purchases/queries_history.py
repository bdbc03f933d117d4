"""What a member bought before a moment, in one statement; only programs whose rules ask for it send it.

Sales that were voided or came back whole never were. It is read from what is stored, so that it is true from the first
purchase on, for a late receipt as of its own time, and needs nothing to be given back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.rows import dump
from loyalty_api.rulekit.history import path_in

_BEFORE = (
    "p.member_id = %(member)s AND (p.occurred_at, p.purchase_id) < (%(at)s, %(id)s)"
    " AND p.status NOT IN ('voided', 'returned', 'moved') AND p.purchase_id <> ALL(%(known)s)"
)
_PAST = (
    "SELECT count(*), max(p.occurred_at), max(p.occurred_at) FILTER (WHERE p.store_id = %(store)s),"
    " coalesce(array_agg(DISTINCT ((p.occurred_at AT TIME ZONE %(zone)s)::date - DATE '1970-01-05') / 7)"
    " FILTER (WHERE p.occurred_at > %(at)s - interval '2 years'), '{}'),"
    " array(SELECT w.key FROM json_to_recordset(%(paths)s::json) AS w(key text, path text[]) WHERE EXISTS"
    " (SELECT FROM purchase_lines l JOIN purchases p USING (member_id, purchase_id)"
    f" WHERE l.category[1:cardinality(w.path)] = w.path AND {_BEFORE}))"
    f" FROM purchases p WHERE {_BEFORE}"
)


_VISITED = (
    "SELECT FROM purchases p WHERE p.member_id = %s AND p.store_id = %s AND p.occurred_at > %s AND p.occurred_at < %s"
    " AND p.purchase_id <> %s AND p.status NOT IN ('voided', 'returned', 'moved') AND p.outcome ? 'counted' LIMIT 1"
)


@dataclass(slots=True)
class Past:
    """How many purchases, when the last ones were, the numbers of weeks that had one, and which keys were bought."""

    purchases: int = 0
    last: datetime | None = None
    last_here: datetime | None = None
    weeks: set[int] = field(default_factory=set)
    bought: set[str] = field(default_factory=set)


def past(
    connection: Connection[TupleRow],
    *,
    member_id: UUID,
    at: datetime,
    purchase_id: UUID,
    store: str,
    zone: str,
    categories: Iterable[str],
    known: Sequence[UUID],
) -> Past:
    """What the member bought before (``at``, ``purchase_id``), but for the purchases in ``known``.

    ``categories`` are the keys that are asked for.
    """
    paths = [{"key": key, "path": list(path_in(key))} for key in categories]
    row = connection.execute(
        _PAST,
        {
            "member": member_id, "at": at, "id": purchase_id, "store": store, "zone": zone,
            "paths": dump(paths), "known": list(known),
        },
        prepare=True,
    ).fetchone()  # fmt: skip
    return Past(row[0], row[1], row[2], set(row[3]), set(row[4])) if row else Past()


def visited(
    connection: Connection[TupleRow],
    *,
    member_id: UUID,
    store: str,
    after: datetime,
    before: datetime,
    purchase_id: UUID,
) -> bool:
    """Whether another purchase of the member in the store counted between two moments."""
    row = (member_id, store, after, before, purchase_id)
    return connection.execute(_VISITED, row, prepare=True).fetchone() is not None

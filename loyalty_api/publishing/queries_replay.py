"""What a replay reads: members, what they bought and brought back, and how they stood before.

Everything is read for a handful of members at a time and through the keys of the tables, so that memory stays flat and
a till's work is not disturbed. Only what was recorded ``until`` the run was asked for is seen: a run that goes on later
sees the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

SEPARATOR = "\x1f"
"""Stands between the names of a category's path."""
Connected = Connection[TupleRow]


@dataclass(frozen=True, slots=True)
class Span:
    """The purchases that are replayed: made from ``starts`` up to ``ends``, recorded no later than ``until``."""

    starts: datetime
    ends: datetime
    until: datetime

    def named(self, **more: object) -> dict[str, object]:
        """As parameters of a statement."""
        return {"starts": self.starts, "ends": self.ends, "until": self.until, **more}


_PURCHASE = (
    "p.member_id, p.purchase_id, p.occurred_at, p.recorded_at, p.store_id, p.currency, p.kind, p.channel,"
    " p.receipt::text, (p.facts->'member')::text, p.decision::text, (p.outcome->'returned'->'lines')::text"
)
_IN_WINDOW = (
    "p.occurred_at >= %(starts)s AND p.occurred_at < %(ends)s AND p.recorded_at <= %(until)s"
    " AND p.decision IS NOT NULL"
)
_MEMBER = "SELECT member_id, status, version, is_staff, tags, enrolled_at, language, home_store FROM members"
_MEMBERS = f"{_MEMBER} WHERE kind = 'person' AND member_id > %s ORDER BY member_id LIMIT %s"
_OF_MEMBERS = f"SELECT {_PURCHASE} FROM purchases p WHERE p.member_id = ANY(%(members)s) AND {_IN_WINDOW}"
_BEFORE = (
    f"SELECT {_PURCHASE} FROM purchases p WHERE p.member_id = ANY(%(members)s) AND p.occurred_at < %(starts)s"
    " AND p.recorded_at <= %(until)s"
)
_NAMED = (
    f"SELECT {_PURCHASE} FROM unnest(%s::uuid[], %s::uuid[]) AS w(member_id, purchase_id)"
    " JOIN purchases p USING (member_id, purchase_id)"
)
_LINES = (
    "SELECT l.purchase_id, l.line_no, l.line_id, l.amount, l.sku, l.quantity, l.unit, l.type, l.discounts::text,"
    f" array_to_string(l.category, '{SEPARATOR}'), l.department, l.brand, l.legal_class, l.tax_rate,"
    f" array_to_string(l.tags, '{SEPARATOR}')"
    " FROM unnest(%s::uuid[], %s::uuid[]) AS w(member_id, purchase_id)"
    " JOIN purchase_lines l USING (member_id, purchase_id)"
)
_RETURNS = (
    "SELECT r.member_id, r.return_id, r.occurred_at, r.recorded_at, (r.outcome->'parts')::text"
    " FROM returns r WHERE r.member_id = ANY(%s) AND r.status = 'applied'"
    " ORDER BY r.member_id, r.return_id"
)
# What was claimed before the window on counters whose periods reach into it.
_CLAIMED = (
    "SELECT p.member_id, c->>1, sum((c->>2)::bigint)::bigint FROM purchases p,"
    " jsonb_array_elements(p.decision->'claims') AS c WHERE p.member_id = ANY(%(members)s)"
    " AND p.occurred_at < %(starts)s AND p.recorded_at <= %(until)s AND c->>0 = 'counter'"
    " AND split_part(c->>1, ':', 3) = ANY(%(periods)s) GROUP BY 1, 2"
)
_TAKEN = (
    "SELECT c->>1, sum((c->>2)::bigint)::bigint FROM purchases p, jsonb_array_elements(p.decision->'claims') AS c"
    " WHERE p.occurred_at < %(starts)s AND p.recorded_at <= %(until)s AND c->>0 = 'limit' GROUP BY 1"
)
_GIVEN_BACK = (
    "SELECT c->>1, sum((c->>2)::bigint)::bigint FROM returns r, jsonb_array_elements(r.outcome->'parts') AS part,"
    " jsonb_array_elements(part->'counted') AS c WHERE r.occurred_at < %(starts)s AND r.recorded_at <= %(until)s"
    " AND r.status = 'applied' AND c->>0 = 'limit' GROUP BY 1"
)
_PROGRESS = (
    "SELECT p.member_id, json_build_array(p.outcome->'counted')::text FROM purchases p"
    " WHERE p.member_id = ANY(%(members)s) AND p.occurred_at < %(starts)s AND p.recorded_at <= %(until)s"
    " AND p.outcome ? 'counted'"
)
_PROGRESS_BACK = (
    "SELECT r.member_id, (r.outcome->'counted')::text FROM returns r WHERE r.member_id = ANY(%(members)s)"
    " AND r.occurred_at < %(starts)s AND r.recorded_at <= %(until)s AND r.status = 'applied'"
    " AND r.outcome ? 'counted'"
)
_LEVELS = (
    "SELECT DISTINCT ON (c.member_id) c.member_id, c.level, c.occurred_at FROM tier_changes c"
    " WHERE c.member_id = ANY(%(members)s) AND c.occurred_at <= %(starts)s ORDER BY c.member_id, c.change_no DESC"
)
_IN_TIME_ORDER = (
    "SELECT p.member_id, p.purchase_id, false AS back, least(p.occurred_at, p.recorded_at) AS at FROM purchases p"
    f" JOIN members m ON m.member_id = p.member_id AND m.kind = 'person' WHERE {_IN_WINDOW}"
    " UNION ALL SELECT r.member_id, r.return_id, true, r.occurred_at FROM returns r"
    " JOIN members m ON m.member_id = r.member_id AND m.kind = 'person' WHERE r.status = 'applied'"
    " AND r.occurred_at >= %(starts)s AND r.occurred_at < %(ends)s AND r.recorded_at <= %(until)s ORDER BY at, 2"
)


@contextmanager
def by_key(connection: Connected) -> Iterator[Connected]:
    """Whatever the planner makes of the numbers of rows: a few members are looked up by key, never found by a scan."""
    connection.execute("SET LOCAL enable_hashjoin = off")
    connection.execute("SET LOCAL enable_mergejoin = off")
    yield connection


def members(connection: Connected, *, after: UUID, limit: int) -> list[TupleRow]:
    """People of the program behind ``after``, in the order of their ids."""
    return connection.execute(_MEMBERS, (after, limit), prepare=True).fetchall()


def members_named(connection: Connected, ids: Sequence[UUID]) -> list[TupleRow]:
    """People by their ids."""
    return connection.execute(f"{_MEMBER} WHERE member_id = ANY(%s)", (list(ids),)).fetchall()


def people(connection: Connected) -> int:
    """How many people there are to walk through."""
    row = connection.execute("SELECT count(*) FROM members WHERE kind = 'person'").fetchone()
    return row[0] if row else 0


def purchases(connection: Connected, ids: Sequence[UUID], span: Span) -> list[TupleRow]:
    """The purchases of members in the window that were rated."""
    return connection.execute(_OF_MEMBERS, span.named(members=list(ids)), binary=True).fetchall()


def purchases_before(connection: Connected, ids: Sequence[UUID], span: Span) -> list[TupleRow]:
    """The purchases of members from before the window."""
    return connection.execute(_BEFORE, span.named(members=list(ids)), binary=True).fetchall()


def purchases_named(connection: Connected, keys: Sequence[tuple[UUID, UUID]]) -> list[TupleRow]:
    """Purchases by member and id."""
    return connection.execute(_NAMED, _columns(keys), binary=True).fetchall()


def lines(connection: Connected, keys: Sequence[tuple[UUID, UUID]]) -> list[TupleRow]:
    """The lines of purchases, those of one purchase behind each other."""
    return connection.execute(_LINES, _columns(keys), binary=True).fetchall()


def returns(connection: Connected, ids: Sequence[UUID]) -> list[TupleRow]:
    """Everything that members brought back and that still stands, in the order in which it came to us."""
    return connection.execute(_RETURNS, (list(ids),)).fetchall()


def claimed(connection: Connected, ids: Sequence[UUID], span: Span, periods: Sequence[str]) -> list[TupleRow]:
    """What was counted before the window: (member, key, amount); what came back is not taken off yet."""
    return connection.execute(_CLAIMED, span.named(members=list(ids), periods=list(periods))).fetchall()


def progress(connection: Connected, ids: Sequence[UUID], span: Span) -> list[TupleRow]:
    """What counted towards levels of the purchases before the window: (member, a list of documents)."""
    return connection.execute(_PROGRESS, span.named(members=list(ids))).fetchall()


def progress_back(connection: Connected, ids: Sequence[UUID], span: Span) -> list[TupleRow]:
    """The same of what came back before the window."""
    return connection.execute(_PROGRESS_BACK, span.named(members=list(ids))).fetchall()


def levels(connection: Connected, ids: Sequence[UUID], span: Span) -> list[TupleRow]:
    """The level that each member was shown when the window began, and since when; none who never had a change."""
    return connection.execute(_LEVELS, span.named(members=list(ids))).fetchall()


def taken(connection: Connected, span: Span) -> dict[str, int]:
    """What had been taken of budgets when the window began."""
    found: dict[str, int] = dict(connection.execute(_TAKEN, span.named()).fetchall())
    for key, amount in connection.execute(_GIVEN_BACK, span.named()).fetchall():
        found[key] = found.get(key, 0) - amount
    return found


def in_time_order(connection: Connected, span: Span, *, at_once: int) -> Iterator[list[TupleRow]]:
    """(member, id, whether it is a return, when) of everything in the window, across members, so many at once."""
    connection.execute("SET LOCAL statement_timeout = 0")
    with connection.cursor(name="replay") as cursor:
        cursor.execute(_IN_TIME_ORDER, span.named())
        while rows := cursor.fetchmany(at_once):
            yield rows


def _columns(keys: Sequence[tuple[UUID, UUID]]) -> tuple[list[UUID], list[UUID]]:
    return [member for member, _ in keys], [each for _, each in keys]

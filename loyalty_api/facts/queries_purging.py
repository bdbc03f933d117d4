"""Counters and limits of periods that are long over: which those are, and how they go.

``purged_periods`` says of which periods counters and limits are forgotten: those that began after a local day and were
over before another one. So who adds them up knows what need not be there any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

# A key is a rule, what is counted and the period; staff's allowances name a person before it, budgets of stores a store
# behind it. What counts for ever, and what is not counted by periods, has none.
_PERIOD = (
    r"^[^:]+:(?:off|use|points|times|budget|byhand|(?:by|costby):[0-9a-f]{32})"
    r":(\d{4}(?:-\d\d(?:-\d\d)?|-W\d\d)?)(?::.*)?$"
)


def forgotten(what: str, key: str) -> str:
    """Whether the period of a ``key`` (SQL) is one of which ``what`` (counters or limits) is forgotten, as SQL."""
    # The names of periods of one length order as the periods do.
    since, before = (
        f"CASE WHEN strpos(name, 'W') > 0 THEN to_char({day}, 'IYYY-\"W\"IW')"
        f" ELSE left(to_char({day}, 'YYYY-MM-DD'), length(name)) END"
        for day in ("since", "before")
    )
    return (
        f"EXISTS (SELECT FROM purged_periods, LATERAL (SELECT substring({key} FROM '{_PERIOD}') COLLATE \"C\" AS name)"
        f" AS period WHERE what = '{what}' AND name > {since} AND name < {before})"
    )


_NOTE = (
    "INSERT INTO purged_periods (what, since, before) SELECT what, %s, before"
    " FROM unnest(%s::text[], %s::date[]) AS given(what, before)"
    " ON CONFLICT (what, since) DO UPDATE SET before = greatest(purged_periods.before, excluded.before)"
)
_COUNTERS = (
    "WITH looked AS (SELECT member_id, key FROM member_counters WHERE (member_id, key) > (%(member)s, %(key)s)"
    " ORDER BY member_id, key LIMIT %(limit)s),"
    " free AS (SELECT c.member_id, c.key FROM member_counters c JOIN looked USING (member_id, key)"
    f" WHERE {forgotten('counters', 'c.key')} FOR UPDATE OF c SKIP LOCKED),"
    " gone AS (DELETE FROM member_counters c USING free WHERE c.member_id = free.member_id AND c.key = free.key"
    " RETURNING 1), last AS (SELECT member_id, key FROM looked ORDER BY member_id DESC, key DESC LIMIT 1)"
    " SELECT (SELECT count(*) FROM gone), (SELECT member_id FROM last), (SELECT key FROM last)"
)
_LIMITS = (
    "WITH looked AS (SELECT key FROM rule_limits WHERE key > %(key)s ORDER BY key LIMIT %(limit)s),"
    f" free AS (SELECT l.key FROM rule_limits l JOIN looked USING (key) WHERE {forgotten('limits', 'l.key')}"
    " AND NOT EXISTS (SELECT FROM limit_holds h WHERE h.key = l.key) FOR UPDATE OF l SKIP LOCKED),"
    " gone AS (DELETE FROM rule_limits l USING free WHERE l.key = free.key RETURNING 1)"
    " SELECT (SELECT count(*) FROM gone), (SELECT max(key) FROM looked)"
)


def note(connection: Connection[TupleRow], since: date, before: Mapping[str, date]) -> None:
    """Note of which periods counters and limits are forgotten; a day before the one that is noted changes nothing."""
    connection.execute(_NOTE, (since, list(before), list(before.values())))


def purge_counters(
    connection: Connection[TupleRow], *, after: tuple[UUID, str], limit: int
) -> tuple[int, tuple[UUID, str] | None]:
    """Take away what is forgotten among up to ``limit`` counters behind a place.

    How many that were, and the place of the last one that was looked at; None when nobody is left.
    """
    row = connection.execute(_COUNTERS, {"member": after[0], "key": after[1], "limit": limit}).fetchone()
    return (row[0], (row[1], row[2]) if row[1] else None) if row else (0, None)


def purge_limits(connection: Connection[TupleRow], *, after: str, limit: int) -> tuple[int, str | None]:
    """The same for limits, behind a key."""
    row = connection.execute(_LIMITS, {"key": after, "limit": limit}).fetchone()
    return (row[0], row[1]) if row else (0, None)

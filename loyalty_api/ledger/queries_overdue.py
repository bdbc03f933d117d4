"""What time does to many members at once, as statements: the same that ``rules.overdue`` says of one account.

Members are locked by one statement and booked by the next, which begins when the locks are there and so sees the rows
as they are (see ``queries``). Nothing waits for a lock: whoever is at a till now is left for later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids

_Connection = Connection[TupleRow]
# A batch is found by keys. The planner cannot know how few rows the members of an array have, and would rather read
# whole tables; compiling the statements would take longer than running them.
_BY_KEYS = (
    "SELECT set_config(name, 'off', true) FROM"
    " unnest(ARRAY['enable_hashjoin', 'enable_mergejoin', 'enable_seqscan', 'jit']) AS name"
)


class Place(NamedTuple):
    """How far a walk through the due members has come: the moment and the member it was at."""

    due_at: datetime
    member_id: UUID


START = Place(datetime.min.replace(tzinfo=UTC), UUID(int=0))

_LOCK_DUE = (
    "SELECT b.next_due_at, b.member_id FROM balances b JOIN members m USING (member_id)"
    " WHERE b.next_due_at <= %(now)s AND (b.next_due_at, b.member_id) > (%(due_at)s, %(member_id)s)"
    " ORDER BY b.next_due_at, b.member_id LIMIT %(limit)s FOR NO KEY UPDATE OF m SKIP LOCKED"
)

# A lot whose points die before they wake dies pending; one that wakes and dies at one moment does both, in this order.
_LOTS = """
lot AS MATERIALIZED (
    SELECT member_id, lot_id, m.version, b.available AS had, b.pending AS had_pending, b.held AS had_held,
        l.pending, l.available, l.available_at, l.expires_at,
        coalesce(l.pending > 0 AND l.available_at <= %(now)s
            AND (l.expires_at IS NULL OR l.available_at <= l.expires_at), false) AS wakes,
        coalesce(l.expires_at <= %(now)s, false) AS dies
    FROM unnest(%(members)s::uuid[]) AS given(member_id) JOIN members m USING (member_id)
        JOIN balances b USING (member_id) JOIN lots l USING (member_id)
    WHERE b.debt = 0 AND b.held = 0 AND l.pending + l.available > 0
)"""
_POSTINGS = """
posting AS MATERIALIZED (
    SELECT member_id, lot_id, version, had, had_pending, had_held, kind, moment, source, target, given.points,
        dense_rank() OVER (ORDER BY member_id, moment, kind) AS number,
        dense_rank() OVER (PARTITION BY member_id ORDER BY moment, kind) AS nth,
        row_number() OVER (PARTITION BY member_id, moment, kind ORDER BY lot_id, source DESC) - 1 AS ordinal
    FROM lot CROSS JOIN LATERAL (VALUES
        ('activate', available_at, 'pending', 'available', CASE WHEN wakes THEN pending END),
        ('expire', expires_at, 'pending', 'expired', CASE WHEN dies AND NOT wakes THEN pending END),
        ('expire', expires_at, 'available', 'expired',
            CASE WHEN dies THEN available + CASE WHEN wakes THEN pending ELSE 0 END END)
    ) AS given(kind, moment, source, target, points)
    WHERE given.points > 0
)"""
_JOURNALS = """
journal AS MATERIALIZED (
    SELECT member_id, number, nth, kind, moment, version, had, had_pending, had_held, sum(points) AS points,
        sum(CASE WHEN target = 'available' THEN points WHEN source = 'available' THEN -points ELSE 0 END) AS woke,
        sum(CASE WHEN source = 'pending' THEN points ELSE 0 END) AS left_pending
    FROM posting GROUP BY member_id, number, nth, kind, moment, version, had, had_pending, had_held
)"""
# Ids count up from one that was made for the batch: the last 20 bits of it are the number of the journal.
_JOURNAL_ID = "(%(journals)s || lpad(to_hex(number), 5, '0'))::uuid"
_ALPHABET = "'0123456789abcdefghjkmnpqrstvwxyz'"
_SUBJECT = "%(subjects)s || " + " || ".join(
    f"substr({_ALPHABET}, ((number >> {shift}) & 31)::integer + 1, 1)" for shift in (15, 10, 5, 0)
)
_BOOK = f"""
WITH {_LOTS}, {_POSTINGS}, {_JOURNALS},
journals AS (
    INSERT INTO journals (member_id, journal_id, version, kind, cause_type, actor_kind, occurred_at, recorded_at,
        available_after, pending_after, held_after, debt_after)
    SELECT member_id, {_JOURNAL_ID}, version + nth, kind, 'time', 'system', moment, %(now)s,
        had + sum(woke) OVER so_far, had_pending - sum(left_pending) OVER so_far, had_held, 0
    FROM journal WINDOW so_far AS (PARTITION BY member_id ORDER BY nth)
),
postings AS (
    INSERT INTO postings (member_id, journal_id, ordinal, from_account, to_account, points, lot_id)
    SELECT member_id, {_JOURNAL_ID}, ordinal, source, target, points, lot_id FROM posting
),
events AS (
    INSERT INTO events (member_id, kind, subject, occurred_at, recorded_at, body)
    SELECT member_id, CASE kind WHEN 'activate' THEN 'points_activated' ELSE 'points_expired' END, {_SUBJECT},
        moment, %(now)s, jsonb_build_object('points', points)
    FROM journal ORDER BY number
),
lots AS (
    UPDATE lots SET pending = 0, available = CASE WHEN dies THEN 0 ELSE lot.available + lot.pending END
    FROM lot WHERE (wakes OR dies) AND lots.member_id = lot.member_id AND lots.lot_id = lot.lot_id
),
change AS (
    SELECT member_id,
        coalesce(sum(CASE WHEN dies THEN -available WHEN wakes THEN pending END), 0) AS available,
        coalesce(sum(pending) FILTER (WHERE dies OR wakes), 0) AS pending,
        coalesce(sum(pending + available) FILTER (WHERE dies), 0) AS expired,
        min(CASE WHEN dies THEN NULL WHEN wakes OR pending = 0 THEN expires_at
            ELSE least(available_at, expires_at) END) AS due_at
    FROM lot GROUP BY member_id HAVING bool_or(wakes OR dies)
),
balances AS (
    UPDATE balances b SET available = b.available + change.available, pending = b.pending - change.pending,
        expired = b.expired + change.expired, next_due_at = change.due_at
    FROM change WHERE b.member_id = change.member_id
),
members AS (
    UPDATE members m SET version = m.version + booked.journals
    FROM (SELECT member_id, max(nth) AS journals FROM journal GROUP BY member_id) AS booked
    WHERE m.member_id = booked.member_id
)
SELECT count(*) FILTER (WHERE wakes), count(*) FILTER (WHERE dies) FROM lot
"""
_STILL_DUE = (
    "SELECT member_id FROM balances WHERE member_id = ANY(%s) AND next_due_at <= %s ORDER BY member_id"
)


@dataclass(frozen=True, slots=True)
class Booked:
    """How many lots became available and how many expired."""

    activated: int = 0
    expired: int = 0


def lock_due(
    connection: _Connection, *, after: Place, now: datetime, limit: int
) -> tuple[list[UUID], Place | None]:
    """Lock up to ``limit`` members that are due behind ``after`` and that nobody else holds; how far that came.

    The place is None when there was nobody left.
    """
    connection.execute(_BY_KEYS)
    rows = connection.execute(_LOCK_DUE, {**after._asdict(), "now": now, "limit": limit}).fetchall()
    return [row[1] for row in rows], Place(*rows[-1]) if rows else None


def book(connection: _Connection, *, members: Sequence[UUID], first_id: UUID, now: datetime) -> Booked:
    """Book all that is due of members whose locks the caller holds; those who owe or hold something are left out."""
    shown = ids.show("jrn", first_id)
    row = connection.execute(
        _BOOK,
        {"members": list(members), "now": now, "journals": first_id.hex[:27], "subjects": shown[:-4]},
    ).fetchone()
    return Booked(*row) if row else Booked()


def still_due(connection: _Connection, *, members: Sequence[UUID], now: datetime) -> list[UUID]:
    """Those of ``members`` that are due."""
    return [row[0] for row in connection.execute(_STILL_DUE, (list(members), now))]


_SOON = (
    "SELECT b.next_due_at, b.member_id, EXISTS (SELECT FROM lots l WHERE l.member_id = b.member_id"
    " AND l.expires_at > %(after)s AND l.expires_at <= %(until)s AND l.pending + l.available > 0"
    " AND NOT EXISTS (SELECT FROM announced_expiries a WHERE a.member_id = l.member_id"
    " AND a.expires_at = l.expires_at)) FROM balances b"
    " WHERE b.next_due_at <= %(until)s AND (b.next_due_at, b.member_id) > (%(due_at)s, %(member_id)s)"
    " ORDER BY b.next_due_at, b.member_id LIMIT %(limit)s"
)
_LOCK_FREE = (
    "SELECT member_id FROM members WHERE member_id = ANY(%s) ORDER BY member_id FOR NO KEY UPDATE SKIP LOCKED"
)
_ANNOUNCE = (
    "WITH soon AS (SELECT member_id, expires_at, sum(pending + available) AS points, min(earned_at) AS earned_at"
    " FROM lots WHERE member_id = ANY(%(members)s) AND expires_at > %(after)s AND expires_at <= %(until)s"
    " AND pending + available > 0 GROUP BY 1, 2),"
    " fresh AS (INSERT INTO announced_expiries (member_id, expires_at, announced_at)"
    " SELECT member_id, expires_at, %(now)s FROM soon ON CONFLICT DO NOTHING RETURNING member_id, expires_at)"
    " SELECT member_id, expires_at, points::bigint, earned_at FROM soon JOIN fresh USING (member_id, expires_at)"
    " ORDER BY member_id, expires_at"
)


class Soon(NamedTuple):
    """Points of a member that expire at one moment, the first of them earned at ``earned_at``."""

    member_id: UUID
    expires_at: datetime
    points: int
    earned_at: datetime


def lock_unannounced(
    connection: _Connection, *, place: Place, after: datetime, until: datetime, limit: int
) -> tuple[list[UUID], Place | None]:
    """Look at ``limit`` members behind ``place`` and lock those with points that expire after ``after``, by ``until``,
    and have not been announced; whoever is held by others is left out. How far that came, None at the end.
    """
    connection.execute(_BY_KEYS)
    given = {**place._asdict(), "after": after, "until": until, "limit": limit}
    rows = connection.execute(_SOON, given).fetchall()
    wanted = [row[1] for row in rows if row[2]]
    locked = [row[0] for row in connection.execute(_LOCK_FREE, (wanted,))] if wanted else []
    return locked, Place(*rows[-1][:2]) if rows else None


def announce(
    connection: _Connection, *, members: Sequence[UUID], after: datetime, until: datetime, now: datetime
) -> list[Soon]:
    """Take note that what expires after ``after`` and by ``until`` is announced; what was not so before.

    The caller holds the members' locks.
    """
    given = {"members": list(members), "after": after, "until": until, "now": now}
    return [Soon(*row) for row in connection.execute(_ANNOUNCE, given)]

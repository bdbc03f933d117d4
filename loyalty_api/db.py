"""The session, the base model and the one place that commits.

Every request is one transaction: ``Database.unit_of_work`` opens it, hands out a Session and commits at the end,
or rolls all of it back. Hot paths ask for the psycopg connection under the session with ``driver``: the same
transaction, without the cost of five ORM calls.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import psycopg
from psycopg.rows import TupleRow, tuple_row
from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, exc, make_url, text
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction

from loyalty_api.engines import with_timeouts
from loyalty_api.wire import Patient, Statement, look_up, patience, round_trip

_WITH_COMMIT, _DRIVER = "send_with_commit", "driver"
_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
# A connection that was used this recently is taken as alive; older ones are asked first.
_TRUSTED_SECONDS = 1.0
_PING_SECONDS = 2.0
_MARGIN_SECONDS = 1.0
_STATEMENT_LIMIT = re.compile(r"statement_timeout=(\d+)")
_SERVER_LIMITS = (
    "-c statement_timeout=5000 -c lock_timeout=2000"
    " -c idle_in_transaction_session_timeout=10000 -c timezone=UTC"
)


class Base(DeclarativeBase):
    """Base of every table; constraint names follow one convention, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def sqlalchemy_url(url: str) -> URL:
    """``url`` for SQLAlchemy with psycopg 3, with the time-outs that keep a dead server from hanging us."""
    return make_url(with_timeouts(url)).set(drivername="postgresql+psycopg")


class _Work(Session):
    """The session of a unit of work; what is done through its driver is part of every savepoint."""

    def begin_nested(self) -> SessionTransaction:
        nested = super().begin_nested()
        # A session sets the savepoint only when it is asked for its connection within.
        self.connection()
        return nested


class Database:
    """One PostgreSQL database, by its URL, through a pool as large as the process has threads."""

    def __init__(self, url: str, *, threads: int = 2, server_limits: str = _SERVER_LIMITS) -> None:
        self.url = url
        self.engine: Engine = create_engine(
            sqlalchemy_url(url),
            pool_size=threads + 1,
            max_overflow=0,
            pool_timeout=2,
            connect_args={"options": server_limits},
        )
        # Reads of one statement need no transaction, and a connection that has none needs no reset.
        self._reader: Engine = create_engine(
            sqlalchemy_url(url),
            pool_size=threads,
            max_overflow=0,
            pool_timeout=2,
            pool_reset_on_return=None,
            connect_args={"options": server_limits, "autocommit": True},
        )
        for engine in (self.engine, self._reader):
            event.listen(engine, "do_connect", _connect)
            event.listen(engine, "checkout", _ask_if_idle)
            event.listen(engine, "checkin", _remember_use)
            event.listen(engine, "connect", self._forget_incarnation)

    @cached_property
    def incarnation(self) -> str:
        """What this database is a life of: a restore to an earlier point begins another one.

        PostgreSQL starts a new timeline then, so version numbers that are used again are not taken for the old ones.
        """
        # The timeline is read off the log that is being written: what the last checkpoint says may be one behind.
        row = self.fetch_one(
            "SELECT system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM pg_control_system()",
            (),
        )
        return f"{row[0]:x}.{row[1]}" if row else "0"

    def _forget_incarnation(self, *_: Any) -> None:
        # A restored server is reached by new connections only.
        self.__dict__.pop("incarnation", None)

    @contextmanager
    def unit_of_work(self, *, snapshot: bool = False) -> Iterator[Session]:
        """A session whose transaction commits when the block ends, and rolls back when it raises.

        With ``snapshot`` it only reads, and sees one moment of the database throughout (REPEATABLE READ).
        """
        with self.engine.connect() as held:
            session = _Work(held, autoflush=False, expire_on_commit=False)
            session.info[_DRIVER] = _psycopg(held)
            try:
                if snapshot:
                    session.execute(_SNAPSHOT)
                yield session
                _commit(session)
            except BaseException:
                _undo(session, held)
                raise
            finally:
                session.close()

    @contextmanager
    def snapshot(self) -> Iterator[psycopg.Connection[TupleRow]]:
        """A read-only transaction that sees one moment of the database (REPEATABLE READ)."""
        with self._reading() as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def fetch_one(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> TupleRow | None:
        """The first row of one statement, outside any transaction: a single round trip."""
        with self._reading() as connection:
            return connection.execute(sql, parameters, prepare=True).fetchone()

    def look_up(self, sql: str, *parameters: str) -> TupleRow | None:
        """The same for the hottest reads: SQL with ``$1`` …, its parameters as texts, and nothing on the way."""
        with self._reading() as connection:
            return look_up(connection, sql, *parameters)

    @contextmanager
    def _reading(self) -> Iterator[psycopg.Connection[TupleRow]]:
        pooled = self._reader.raw_connection()
        try:
            connection = pooled.driver_connection
            assert connection is not None  # noqa: S101 - a pooled connection is never detached here
            yield connection
        except psycopg.OperationalError:
            pooled.invalidate()
            raise
        finally:
            pooled.close()

    def close(self) -> None:
        """Give every connection back to the server."""
        self.engine.dispose()
        self._reader.dispose()


def send_with_commit(session: Session, statements: Sequence[Statement]) -> None:
    """Execute ``statements`` in the round trip of the COMMIT, after everything else of the transaction.

    For a hot path's last write, whose result nobody reads. Should it fail, nothing is committed and the unit of work
    raises what went wrong.
    """
    session.info.setdefault(_WITH_COMMIT, []).extend(statements)


def undo(session: Session, *, to: str) -> None:
    """Undo what was done since the savepoint ``to``, and forget what was still to be sent or written."""
    session.info.pop(_WITH_COMMIT, None)
    session.expunge_all()
    driver(session).execute(f"ROLLBACK TO SAVEPOINT {to}")


def _commit(session: Session) -> None:
    """Commit, in one round trip with what was kept for it: if a statement fails, the COMMIT behind it is not run."""
    last = session.info.pop(_WITH_COMMIT, None)
    if last:
        round_trip(driver(session), last, commit=True)
    # A session that was only asked for its connection has no transaction of its own to end.
    if session.in_transaction():
        session.commit()
    else:
        driver(session).commit()


def _undo(session: Session, held: Connection) -> None:
    """Roll back; a connection that cannot even do that is thrown away, and the server rolls back by itself."""
    try:
        session.rollback()
        held.connection.rollback()
    except (exc.SQLAlchemyError, psycopg.Error):
        held.invalidate()


def driver(session: Session) -> psycopg.Connection[TupleRow]:
    """The psycopg connection of the session's transaction, for hand-written statements on hot paths."""
    found: psycopg.Connection[TupleRow] | None = session.info.get(_DRIVER)
    if found is None:
        found = session.info[_DRIVER] = _psycopg(session.connection())
    return found


def _psycopg(held: Connection) -> psycopg.Connection[TupleRow]:
    connection = held.connection.driver_connection
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - psycopg 3 is the only driver
    connection.row_factory = tuple_row
    return connection


def _connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> psycopg.Connection[TupleRow]:
    """A connection that waits a little longer for an answer than the server may take; for ever, if it may."""
    made = Patient.connect(*arguments, **named)
    limit = _STATEMENT_LIMIT.search(named.get("options", ""))
    made.silence_seconds = int(limit[1]) / 1000 + _MARGIN_SECONDS if limit else None
    return made


def _remember_use(_connection: Any, record: Any) -> None:
    record.info["used"] = time.monotonic()


def _ask_if_idle(connection: psycopg.Connection[TupleRow], record: Any, _proxy: Any) -> None:
    """Ping a connection that lay idle, so that a restarted server costs a reconnect and not an error."""
    if time.monotonic() - record.info.get("used", time.monotonic()) < _TRUSTED_SECONDS:
        return
    alone = connection.autocommit
    try:
        connection.autocommit = True
        with patience(connection, _PING_SECONDS):
            connection.execute("")
        connection.autocommit = alone
    except psycopg.Error as error:
        raise exc.DisconnectionError from error

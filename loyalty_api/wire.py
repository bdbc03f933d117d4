"""Prepared statements, several in one round trip, spoken to libpq itself.

psycopg's own pipeline is general and pays for it: on the hot path it took 0.7 ms of a purchase's 3.5 ms of Python. Here
a purchase's two round trips cost a tenth of a millisecond. Parameters are texts; rows come back as psycopg loads them.
"""

from __future__ import annotations

import itertools
import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors, pq
from psycopg.abc import Buffer, PQGen
from psycopg.adapt import Transformer
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow

Statement = tuple[str, Sequence[str | None]]
"""SQL with ``$1`` … and its parameters as PostgreSQL writes them."""

_Connection = psycopg.Connection[TupleRow]
# Which statements each connection has prepared, and under what name.
_prepared: WeakKeyDictionary[_Connection, dict[str, bytes]] = WeakKeyDictionary()
_numbers = itertools.count()
_LOADER = "loyalty_loader"
_GONE = "the connection to the server was lost"
_SILENT = "the server says nothing"


class Patient(psycopg.Connection[TupleRow]):
    """A connection that gives up on a server which says nothing, so that no request hangs on one.

    A server may be silent for ``silence_seconds`` while it owes an answer; None: for ever. After that it is taken as
    gone, even where its machine still acknowledges what we send: what was asked may have been done or not, and the
    connection is closed.
    """

    silence_seconds: float | None = None

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg does, but not for ever."""
        try:
            return super().wait(gen, interval, self.silence_seconds if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
                self.close()
            raise


@contextmanager
def patience(connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Wait so long for each answer within the block: its statements may take longer than others, or shorter."""
    before = _silence(connection)
    connection.silence_seconds = seconds  # type: ignore[attr-defined]
    try:
        yield
    finally:
        connection.silence_seconds = before  # type: ignore[attr-defined]


def _silence(connection: psycopg.Connection[Any]) -> float | None:
    found: float | None = getattr(connection, "silence_seconds", None)
    return found


def round_trip(
    connection: _Connection, statements: Sequence[Statement], *, commit: bool = False
) -> list[list[TupleRow]]:
    """Execute ``statements`` in order, in a transaction that is begun if there is none; the rows of each.

    With ``commit`` the transaction ends in the same round trip, if all of them succeed. Others that would use the
    connection wait, as they do for psycopg itself, so that another thread may do this while rows are being made.

    :raises psycopg.Error: what the first one that failed said; those after it were not executed.
    """
    with connection.lock:
        results = _converse(connection, statements, commit=commit)
    return [_rows(connection, result) for result in results]


def _converse(connection: _Connection, statements: Sequence[Statement], *, commit: bool) -> list[PGresult]:
    names = _names(connection)
    begin = connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
    trip = _Trip(connection.pgconn, _silence(connection))
    try:
        if begin:
            trip.command(b"BEGIN")
        for sql, parameters in statements:
            if sql not in names:
                trip.prepare(names, sql)
            trip.statement(trip.fresh.get(sql) or names[sql], parameters)
        if commit:
            trip.command(b"COMMIT")
        results = trip.finish()
    except BaseException:
        # Half a conversation cannot be gone on with.
        connection.close()
        raise
    trip.raise_first_error()
    return results


def look_up(connection: _Connection, sql: str, *parameters: str) -> TupleRow | None:
    """The first row of one statement on a connection in autocommit.

    :raises psycopg.Error: what the server said.
    """
    names = _names(connection)
    pgconn = connection.pgconn
    name = names.get(sql)
    if name is None:
        name = b"ours_%d" % next(_numbers)
        pgconn.send_prepare(name, sql.encode())
        _checked(pgconn, _only_result(connection))
        names[sql] = name
    pgconn.send_query_prepared(name, [text.encode() for text in parameters])
    result = _checked(pgconn, _only_result(connection))
    rows = _rows(connection, result)
    return rows[0] if rows else None


def _only_result(connection: _Connection) -> PGresult:
    """What a single command brought."""
    pgconn, silence = connection.pgconn, _silence(connection)
    _await_answer(pgconn, silence)
    result = pgconn.get_result()
    _await_answer(pgconn, silence)
    if result is None or pgconn.get_result() is not None:
        raise psycopg.OperationalError(_GONE)
    return result


def _await_answer(pgconn: PGconn, silence: float | None) -> None:
    """Wait until the next result is there; ``silence`` in seconds.

    :raises psycopg.OperationalError: the server went away, or is silent for longer than it may be.
    """
    if not pgconn.is_busy():
        return
    readable = select.poll()
    readable.register(pgconn.socket, select.POLLIN)
    while pgconn.is_busy():
        if not readable.poll(None if silence is None else silence * 1000):
            raise psycopg.OperationalError(_SILENT)
        pgconn.consume_input()


def _names(connection: _Connection) -> dict[str, bytes]:
    """The statements that are prepared on a connection. psycopg deallocates all of them now and then: we listen."""
    names = _prepared.get(connection)
    if names is not None:
        return names
    fresh: dict[str, bytes] = {}
    deallocate = connection._deallocate

    def listen(name: bytes | None) -> Any:
        if name is None:
            fresh.clear()
        return deallocate(name)

    connection._deallocate = listen  # type: ignore[method-assign]
    _prepared[connection] = fresh
    return fresh


class _Trip:
    """One pipeline: what was sent, and what came back."""

    def __init__(self, pgconn: PGconn, silence: float | None) -> None:
        self._pgconn, self._silence = pgconn, silence
        self._sent: list[Callable[[PGresult], None]] = []
        self._results: list[PGresult] = []
        self._error: PGresult | None = None
        self.fresh: dict[str, bytes] = {}
        pgconn.nonblocking = 0
        pgconn.enter_pipeline_mode()

    def command(self, sql: bytes) -> None:
        self._pgconn.send_query_params(sql, None)
        self._sent.append(lambda _: None)

    def prepare(self, names: dict[str, bytes], sql: str) -> None:
        name = self.fresh[sql] = b"ours_%d" % next(_numbers)
        self._pgconn.send_prepare(name, sql.encode())

        def keep(_: PGresult) -> None:
            names[sql] = name

        self._sent.append(keep)

    def statement(self, name: bytes, parameters: Sequence[str | None]) -> None:
        values: list[Buffer | None] = [None if text is None else text.encode() for text in parameters]
        self._pgconn.send_query_prepared(name, values)
        self._sent.append(self._results.append)

    def finish(self) -> list[PGresult]:
        """Send the end and read everything up to it."""
        pgconn = self._pgconn
        pgconn.pipeline_sync()
        for take in self._sent:
            result = self._next()
            if result.status in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.PIPELINE_ABORTED):
                self._error = self._error or result
            else:
                take(result)
            self._end_of_command()
        if self._next().status != pq.ExecStatus.PIPELINE_SYNC:
            raise psycopg.OperationalError(_GONE)
        pgconn.exit_pipeline_mode()
        pgconn.nonblocking = 1
        return self._results

    def raise_first_error(self) -> None:
        if self._error is not None:
            raise errors.error_from_result(self._error)

    def _next(self) -> PGresult:
        _await_answer(self._pgconn, self._silence)
        result = self._pgconn.get_result()
        if result is None:
            raise psycopg.OperationalError(_GONE)
        return result

    def _end_of_command(self) -> None:
        _await_answer(self._pgconn, self._silence)
        if self._pgconn.get_result() is not None:
            raise psycopg.OperationalError(_GONE)


def _checked(pgconn: PGconn, result: PGresult) -> PGresult:
    if result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        return result
    if pgconn.status == pq.ConnStatus.BAD:
        raise psycopg.OperationalError(_GONE)
    raise errors.error_from_result(result)


def _rows(connection: _Connection, result: PGresult) -> list[Any]:
    if not result.ntuples:
        return []
    # It learns each type once. It knows its connection, so nothing but the connection may keep it.
    loader: Any = vars(connection).get(_LOADER)
    if loader is None:
        loader = vars(connection)[_LOADER] = Transformer(connection)
    loader.set_pgresult(result)
    rows: list[Any] = loader.load_rows(0, result.ntuples, tuple)
    return rows

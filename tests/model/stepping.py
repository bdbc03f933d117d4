"""Real transactions on real connections, each taking its next statement only when it is its turn.

Every statement passes a gate: what goes through psycopg in its connection's ``wait``, what is spoken to libpq in
``wire``, where a pipeline is taken apart into its statements, in their order. PostgreSQL is asked who waits for whose
lock; those who do are left to it, and the others go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow
from sqlalchemy import event

from loyalty_api import db, wire
from loyalty_api.db import Database

Choose = Callable[[Sequence[str]], str]
"""Given who can go on, in the order of their names: who does."""

_BLOCKED = "SELECT pid FROM unnest(%s::integer[]) AS given(pid) WHERE cardinality(pg_blocking_pids(pid)) > 0"
_LOOK_SECONDS = 0.002
# It is only there to end a broken run.
_MOST_SECONDS = 120.0
_here = threading.local()
_at_once = wire._converse


@dataclass(slots=True)
class Turn:
    """One transaction's place in the schedule."""

    name: str
    changed: threading.Condition
    state: str = "running"
    pid: int | None = None
    granted: bool = False
    result: Any = None
    failure: BaseException | None = None

    def wait_for(self, connection: psycopg.Connection[Any]) -> None:
        """Stop before a statement until it is this transaction's turn."""
        self.pid = connection.info.backend_pid
        self.stop("ready")

    def stop(self, state: str) -> None:
        """Wait until the schedule goes on here."""
        with self.changed:
            self.state = state
            self.changed.notify_all()
            while not self.granted:
                self.changed.wait()
            self.granted, self.state = False, "running"

    def run(self, work: Callable[[], Any]) -> None:
        """Do the work, statement by statement."""
        _here.turn = self
        try:
            self.result = work()
        except BaseException as failure:
            self.failure = failure
        finally:
            with self.changed:
                self.state = "done"
                self.changed.notify_all()


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of each transaction, and in which order they took their statements."""

    results: Mapping[str, Any]
    schedule: tuple[str, ...]


@dataclass(slots=True)
class Scheduler:
    """Lets transactions go on one statement at a time, as ``choose`` says."""

    observer: psycopg.Connection[TupleRow]
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def run(self, works: Mapping[str, Callable[[], Any]], choose: Choose) -> Ran:
        """Run all of them to their end; what one raises is raised here, after that."""
        turns = [Turn(name, self._changed) for name in sorted(works)]
        threads = [threading.Thread(target=turn.run, args=(works[turn.name],), daemon=True) for turn in turns]
        for thread in threads:
            thread.start()
        schedule = self._schedule(turns, choose)
        for thread in threads:
            thread.join()
        for turn in turns:
            if turn.failure is not None:
                turn.failure.add_note(f"in {turn.name}, after {' '.join(schedule)}")
                raise turn.failure
        return Ran({turn.name: turn.result for turn in turns}, tuple(schedule))

    def _schedule(self, turns: Sequence[Turn], choose: Choose) -> list[str]:
        schedule: list[str] = []
        done = 0
        until = time.monotonic() + _MOST_SECONDS
        while any(turn.state != "done" for turn in turns):
            assert time.monotonic() < until, f"stuck after {' '.join(schedule)}"
            self._let_them_come_to_rest(turns)
            done = self._call_back(turns, done)
            ready = {turn.name: turn for turn in turns if turn.state == "ready"}
            if not ready:
                continue  # All wait for locks: that is a deadlock, and PostgreSQL ends it.
            chosen = choose(sorted(ready))
            schedule.append(chosen)
            with self._changed:
                ready[chosen].granted, ready[chosen].state = True, "running"
                self._changed.notify_all()
        return schedule

    def _call_back(self, turns: Sequence[Turn], done: int) -> int:
        """Those who stood back go on when another one is done, or nobody else can; how many are done."""
        states = [turn.state for turn in turns]
        if states.count("done") > done or not {"ready", "running"} & set(states):
            for turn in turns:
                turn.state = "ready" if turn.state == "aside" else turn.state
        return states.count("done")

    def _let_them_come_to_rest(self, turns: Sequence[Turn]) -> None:
        """Until each is at its gate, at its end, or waits for a lock."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not _running(turns), _LOOK_SECONDS)
                running = _running(turns)
            if all(turn.pid is not None for turn in running):
                pids = [turn.pid for turn in running]
                blocked = {row[0] for row in self.observer.execute(_BLOCKED, (pids,))} if pids else set()
                # Whoever has come to the gate while we asked was not blocked.
                if not [turn for turn in _running(turns) if turn.pid not in blocked]:
                    return


def stand_back() -> None:
    """Let others go on first, as whoever is told to come again does; nothing outside of a schedule."""
    turn: Turn | None = getattr(_here, "turn", None)
    if turn is not None:
        turn.stop("aside")


def _running(turns: Sequence[Turn]) -> list[Turn]:
    return [turn for turn in turns if turn.state == "running"]


class SteppedConnection(psycopg.Connection[Any]):
    """A connection whose statements wait for their turn, in a thread that has turns."""

    def wait(self, *arguments: Any, **named: Any) -> Any:
        """What psycopg does for each statement, COMMIT and ROLLBACK."""
        turn: Turn | None = getattr(_here, "turn", None)
        if turn is not None:
            turn.wait_for(self)
        return super().wait(*arguments, **named)

    def commit(self) -> None:
        """The same, unless there is nothing to commit: then nothing is sent."""
        if self.pgconn.transaction_status != pq.TransactionStatus.IDLE:
            super().commit()

    def rollback(self) -> None:
        """The same, unless there is nothing to undo."""
        if self.pgconn.transaction_status != pq.TransactionStatus.IDLE:
            super().rollback()


def _step_by_step(connection: Any, statements: Sequence[wire.Statement], *, commit: bool) -> list[PGresult]:
    """A pipeline, taken apart where there are turns."""
    turn: Turn | None = getattr(_here, "turn", None)
    if turn is None:
        return _at_once(connection, statements, commit=commit)
    results = []
    for statement in statements:
        turn.wait_for(connection)
        results += _at_once(connection, [statement], commit=False)
    if commit:
        turn.wait_for(connection)
        _at_once(connection, [], commit=True)
    return results


@contextmanager
def stepped(database: Database) -> Iterator[Database]:
    """Have every statement of the database's units of work wait for its turn, in threads that have turns."""

    def connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
        return SteppedConnection.connect(*arguments, **named)

    # Whoever waits for a turn is silent for longer than a server may be.
    event.remove(database.engine, "do_connect", db._connect)
    event.listen(database.engine, "do_connect", connect)
    # Whether a connection has lain idle is a matter of time, and would be a statement more.
    event.remove(database.engine, "checkout", db._ask_if_idle)
    before = wire._converse
    wire._converse = _step_by_step
    try:
        yield database
    finally:
        wire._converse = before

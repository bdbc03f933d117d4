"""Carrying a replay out: by several processes where members share nothing, with progress, and an end at any moment."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import TupleRow

from loyalty_api.db import Database
from loyalty_api.engines.parent import end_with
from loyalty_api.publishing import queries_replay as queries
from loyalty_api.publishing.replaying import FIRST, MEMBERS_AT_ONCE, Plan, Replay
from loyalty_api.publishing.rules_report import result
from loyalty_api.publishing.rules_tally import Tally

# No limit is set: a whole window is put in order before the first of it comes, and a busy server may take its time.
_PATIENT = "-c timezone=UTC"
_AHEAD = 2
# To start processes takes about as long as replaying so many members here.
_FEW_MEMBERS = 500
# What is read has no cycles and is let go of by count: to look for some after every 700 objects is dear.
_COLLECT_AFTER = (50_000, 20, 100)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay has come: members walked (or seconds, in the order of time), and what they come to.

    ``place`` is the member behind which it can be taken up again; None when it begins anew.
    """

    done: int
    place: UUID | None
    tally: Tally


Keep = Callable[[Progress], bool]
"""Told of progress; False when the replay is to stop."""


def total(url: str, plan: Plan) -> int:
    """How much there is to do: members, or seconds where all is replayed in the order of time."""
    if Replay(plan).in_time_order:
        return int((plan.span.ends - plan.span.starts).total_seconds())
    with _open(url) as database, database.snapshot() as connection:
        return queries.people(connection)


def carry_out(
    url: str, plan: Plan, *, keep: Keep, processes: int | None = None, since: Progress | None = None
) -> dict[str, Any] | None:
    """Replay a plan to its end: the result; None when it was told to stop.

    ``since`` is where an earlier attempt was. ``processes`` is how many replay at once; None for one a core, or this
    one alone where there are few members.
    """
    replay = Replay(plan)
    with _seldom_collecting():
        if replay.in_time_order:
            tally = _in_time_order(url, replay, keep)
        else:
            begun = since or Progress(0, FIRST, Tally())
            tally = _by_member(url, replay, keep, processes or _processes(url, begun.place or FIRST), begun)
    if tally is None:
        return None
    return result(
        tally, replay.prices, in_time_order=replay.in_time_order, sample=plan.sample, notes=replay.notes
    )


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _in_time_order(url: str, replay: Replay, keep: Keep) -> Tally | None:
    starts = replay.plan.span.starts
    tally = Tally()
    with _open(url) as database, database.snapshot() as connection:
        for tally, reached in replay.of_all(connection):
            if not keep(Progress(int((reached - starts).total_seconds()), None, tally)):
                return None
    return tally


def _processes(url: str, after: UUID) -> int:
    with _open(url) as database, database.snapshot() as connection:
        left = queries.members(connection, after=after, limit=_FEW_MEMBERS + 1)
    return len(os.sched_getaffinity(0)) if len(left) > _FEW_MEMBERS else 1


def _by_member(url: str, replay: Replay, keep: Keep, processes: int, since: Progress) -> Tally | None:
    tally, done = since.tally, since.done
    with _open(url) as database, _workers(url, replay, processes) as submit:
        for place, rows, part in _ahead(_handfuls(database, since.place or FIRST), submit, processes):
            tally.add(part.result())
            done += rows
            if not keep(Progress(done, place, tally)):
                return None
    return tally


Submit = Callable[[Sequence[TupleRow]], "Future[Tally]"]


def _ahead(
    handfuls: Iterator[Sequence[TupleRow]], submit: Submit, processes: int
) -> Iterator[tuple[UUID, int, Future[Tally]]]:
    """The handfuls in their order, a few of them begun before they are asked for, so that memory stays flat."""
    begun: deque[tuple[UUID, int, Future[Tally]]] = deque()
    for rows in handfuls:
        begun.append((rows[-1][0], len(rows), submit(rows)))
        if len(begun) >= processes + _AHEAD:
            yield begun.popleft()
    yield from begun


def _handfuls(database: Database, after: UUID) -> Iterator[Sequence[TupleRow]]:
    while True:
        with database.snapshot() as connection:
            rows = queries.members(connection, after=after, limit=MEMBERS_AT_ONCE)
        if not rows:
            return
        yield rows
        after = rows[-1][0]


@contextmanager
def _workers(url: str, replay: Replay, processes: int) -> Iterator[Submit]:
    """Whoever replays a handful: this process, or others that end with it."""
    if processes == 1:
        with _open(url) as database:
            yield lambda rows: _done(database, replay, rows)
        return
    pool = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(url, replay.plan, os.getpid()),
    )
    try:
        yield lambda rows: pool.submit(_replay, rows)
    finally:
        pool.shutdown(cancel_futures=True)


def _done(database: Database, replay: Replay, rows: Sequence[TupleRow]) -> Future[Tally]:
    found: Future[Tally] = Future()
    with database.snapshot() as connection:
        found.set_result(replay.of_members(connection, rows))
    return found


_mine: list[tuple[Database, Replay]] = []
"""What a process that replays holds: its database and the compiled plan."""


def _begin(url: str, plan: Plan, parent: int) -> None:
    end_with(parent)
    gc.set_threshold(*_COLLECT_AFTER)
    _mine.append((Database(url, threads=1, server_limits=_PATIENT), Replay(plan)))


def _replay(rows: Sequence[TupleRow]) -> Tally:
    database, replay = _mine[0]
    return _done(database, replay, rows).result()


@contextmanager
def _open(url: str) -> Iterator[Database]:
    database = Database(url, threads=1, server_limits=_PATIENT)
    try:
        yield database
    finally:
        database.close()

"""Back-tests of a draft: asked for, carried out by a worker, looked at, cancelled, kept.

Whoever carries one out may be killed anywhere: what the members so far came to is written down with the place, and the
next worker goes on from there. Where members share a limit there is no such place, and it begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api.db import Database, driver
from loyalty_api.errors import Conflict, Fault, Invalid, LoyaltyError, NotFound
from loyalty_api.program import rules_document
from loyalty_api.program import service as programs
from loyalty_api.publishing import queries_backtests as queries
from loyalty_api.publishing.queries_replay import Span
from loyalty_api.publishing.replaying import Plan
from loyalty_api.publishing.rules_gate import Difference
from loyalty_api.publishing.rules_tally import Tally
from loyalty_api.publishing.running import Keep, Progress, carry_out, total
from loyalty_api.queue import defer

Row = dict[str, Any]
JOB = "run_backtests"
# So often a run is taken up again without having come any further; then somebody has to look at it.
_MOST_TRIES = 3


class BacktestUnknown(NotFound):
    """The draft has no back-test with this id."""

    code, title = "backtest_unknown", "There is no such back-test"


class NothingInForce(Conflict):
    """No version was in force in the window, so nothing was decided that a draft could be held against."""

    code, title = "nothing_in_force", "No version was in force then"


class BacktestEnded(Conflict):
    """The back-test has ended already."""

    code, title = "backtest_ended", "It has ended already"


@dataclass(frozen=True, slots=True)
class Summary:
    """A back-test that came to its end: of which document, when, and what it came to."""

    backtest_id: UUID
    finished_at: datetime
    fingerprint: str
    difference: Difference
    sampled: bool


def ask(
    session: Session,
    *,
    backtest_id: UUID,
    draft_id: UUID,
    starts: datetime,
    ends: datetime,
    sample: int | None,
    by: str,
    now: datetime,
) -> Row:
    """Have a draft, as it is now, replayed over a window of the past.

    :raises VersionUnknown: there is no such draft.
    :raises Invalid: the window ends before it begins, or has not passed yet.
    :raises NothingInForce: no version was in force in it.
    """
    draft = programs.find_draft(session, draft_id=draft_id)
    plan = plan_of(session, document=draft.document, starts=starts, ends=ends, sample=sample, now=now)
    row = {
        "backtest_id": backtest_id, "draft_id": draft_id, "document": plan.document,
        "fingerprint": plan.fingerprint, "versions": len(plan.versions), "starts": starts, "ends": ends,
        "sample": sample, "state": "queued", "done": 0, "total": 0, "tries": 0, "place": None, "partial": None,
        "result": None, "failure": None, "created_by": by, "created_at": now, "finished_at": None,
    }  # fmt: skip
    queries.add(driver(session), row)
    defer(session, job=JOB, one_at_a_time=JOB, only_one_waiting=JOB)
    return row


def plan_of(
    session: Session,
    *,
    document: Mapping[str, Any],
    starts: datetime,
    ends: datetime,
    sample: int | None,
    now: datetime,
) -> Plan:
    """What is replayed for a document over a window. Raises what ``ask`` raises."""
    if starts >= ends:
        raise _odd("to", "The window ends after it begins.")
    if ends > now:
        raise _odd("to", "Only what has happened can be replayed: the window ends no later than now.")
    versions = _versions(session)
    if not any(start < ends for start, _, _ in versions):
        raise NothingInForce
    return Plan(
        rules_document.canonical(document).decode(),
        rules_document.fingerprint(document),
        versions,
        Span(starts, ends, now),
        sample,
    )


def _odd(name: str, message: str) -> Invalid:
    return Invalid(message, errors=[Fault(f"/{name}", "not_allowed", message)])


def _versions(session: Session, *, up_to: int | None = None) -> tuple[tuple[datetime, int, str], ...]:
    """The versions through time, those up to a number where it is said."""
    found = [
        (version.effective_from, version.version, version.document)
        for version in programs.published(session)
        if up_to is None or version.version <= up_to
    ]
    return tuple(sorted(found, key=lambda version: version[:2]))


def find(session: Session, *, draft_id: UUID, backtest_id: UUID) -> Row:
    """One back-test of a draft.

    :raises BacktestUnknown: it has none with this id.
    """
    row = queries.find(driver(session), draft_id, backtest_id)
    if row is None:
        raise BacktestUnknown
    return row


def of_draft(session: Session, *, draft_id: UUID, before: UUID | None, limit: int) -> Sequence[Row]:
    """The back-tests of a draft, the newest first, that are older than ``before``.

    :raises VersionUnknown: there is no such draft.
    """
    programs.find_draft(session, draft_id=draft_id)
    return queries.of_draft(driver(session), draft_id, before=before, limit=limit)


def cancel(session: Session, *, draft_id: UUID, backtest_id: UUID, now: datetime) -> Row:
    """End a back-test: whoever carries it out stops at the next handful of members.

    :raises BacktestUnknown: the draft has none with this id.
    :raises BacktestEnded: it has ended before.
    """
    find(session, draft_id=draft_id, backtest_id=backtest_id)
    ended = queries.finish(
        driver(session), backtest_id, state="cancelled", result=None, failure=None, now=now
    )  # fmt: skip
    if not ended:
        raise BacktestEnded
    return find(session, draft_id=draft_id, backtest_id=backtest_id)


def newest_backtest(session: Session, *, draft_id: UUID, fingerprint: str) -> Summary | None:
    """The newest back-test of exactly this document that came to its end; None when there is none."""
    row = queries.newest_done(driver(session), draft_id, fingerprint)
    if row is None:
        return None
    # What an earlier release has written knows of no gifts.
    totals, gifts = row[2]["totals"], row[2].get("gifts", {})
    difference = Difference(
        (totals["points_before"], totals["points_after"]),
        (gifts.get("cost_before", 0), gifts.get("cost_after", 0)),
    )
    return Summary(row[0], row[1], fingerprint, difference, row[3] is not None)


def run_waiting(
    database: Database,
    *,
    clock: Callable[[], datetime],
    told: Callable[[], bool],
    processes: int | None = None,
) -> int:
    """Carry out what waits, one after the other, until nothing does or it is ``told`` to end; how many have ended."""
    ended = 0
    while not told():
        with database.unit_of_work() as session:
            row = queries.next_open(driver(session))
            if row is None:
                break
            if row["tries"] >= _MOST_TRIES:
                _end(session, row, None, "gave_up", clock())
                continue
            plan = _plan(session, row)
            queries.begin(driver(session), row["backtest_id"], total=total(database.url, plan))
        ended += _run(database, row, plan, clock, told, processes)
    return ended


def _run(
    database: Database,
    row: Row,
    plan: Plan,
    clock: Callable[[], datetime],
    told: Callable[[], bool],
    processes: int | None,
) -> int:
    since = None
    if row["place"] is not None:
        since = Progress(row["done"], row["place"], Tally.read(row["partial"]))
    failure = None
    try:
        keep = _keeping(database, row, told)
        found = carry_out(database.url, plan, keep=keep, processes=processes, since=since)
        if found is None:
            return 0
        failure = None if found["purchases"] else "nothing_to_replay"
    except LoyaltyError as error:
        found, failure = None, error.code
    with database.unit_of_work() as session:
        return _end(session, row, None if failure else found, failure, clock())


def _keeping(database: Database, row: Row, told: Callable[[], bool]) -> Keep:
    """Writes down how far a run has come; it stops when it was cancelled, or when the worker is to end."""
    was = row["done"]

    def keep(progress: Progress) -> bool:
        nonlocal was
        with database.unit_of_work() as session:
            going = queries.advance(
                driver(session), row["backtest_id"], was=was, done=progress.done, place=progress.place,
                partial=progress.tally.written() if progress.place else None,
            )  # fmt: skip
        was = progress.done
        return going and not told()

    return keep


def _plan(session: Session, row: Row) -> Plan:
    """A stored run as it is to be carried out, the same whenever that is."""
    return Plan(
        row["document"],
        row["fingerprint"],
        _versions(session, up_to=row["versions"]),
        Span(row["starts"], row["ends"], row["created_at"]),
        row["sample"],
    )


def _end(
    session: Session, row: Row, result: Mapping[str, Any] | None, failure: str | None, now: datetime
) -> int:
    state = "failed" if failure else "done"
    return int(
        queries.finish(
            driver(session), row["backtest_id"], state=state, result=result, failure=failure, now=now
        )
    )

"""Settling periods: one journal for each member and period, and one for each difference that is found later.

A batch of members is one transaction, and what it settled is not due any more: it may be killed anywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver
from loyalty_api.ledger.rules import Lot, Movement, Posting
from loyalty_api.ledger.rules_returns import TakenBack, take_back
from loyalty_api.ledger.service import Book, Cause, lock_book, write_book
from loyalty_api.period_bonuses import queries, rules
from loyalty_api.period_bonuses.queries import Settled
from loyalty_api.period_bonuses.rules import Due, Period, Table
from loyalty_api.program import service as programs
from loyalty_api.program.rules_lots import terms_for
from loyalty_api.rows import write
from loyalty_api.rulekit.days import local_day

START = UUID(int=0)
"""Before the first member."""
EARNING = ("active", "earn_only")
AGAIN = timedelta(hours=20)
"""How long a period that was passed through rests: differences are settled about once a day."""
# Ids that a settlement makes are counted up from its own, and settlements of a batch each from another range.
_JOURNAL, _LOT, _EACH = 1, 2, 1 << 24


@dataclass(frozen=True, slots=True)
class Passed:
    """How far a walk came: settlements that were made, whether somebody was left out, and the place to go on."""

    made: int
    left_out: bool
    place: UUID | None


def settle_all(
    unit_of_work: Callable[[], AbstractContextManager[Session]],
    *,
    new_id: Callable[[], UUID],
    now: datetime,
    ended: Callable[[], bool],
    limit: int,
) -> int:
    """Walk through everybody, ``limit`` members a transaction, until it has ``ended``; how many settlements that were.

    A period that everybody was looked at in rests for a day, then differences are looked for until it is closed.
    """
    with unit_of_work() as session:
        due = due_now(session, now=now)
    made, left_out, place = 0, False, START if due else None
    while place is not None:
        if ended():
            return made
        with unit_of_work() as session:
            found = settle_batch(session, due=due, after=place, first_id=new_id(), now=now, limit=limit)
        made, left_out, place = made + found.made, left_out or found.left_out, found.place
    if due and not left_out:
        with unit_of_work() as session:
            passed(session, due=due, now=now)
    return made


def due_now(session: Session, *, now: datetime) -> list[Due]:
    """The periods to be walked through: over, not closed, and not walked through of late."""
    known = [
        (start, rules.table(settings, version=version))
        for version, start, settings in programs.settings_through_time(session)
    ]
    if not any(table for _, table in known):
        return []
    runs = queries.runs(driver(session))
    return [due for due in rules.ended(known, now) if _open(runs.get(due.period.name), now)]


def _open(run: tuple[datetime, bool] | None, now: datetime) -> bool:
    return run is None or not (run[1] or now - run[0] < AGAIN)


def settle_batch(
    session: Session, *, due: Sequence[Due], after: UUID, first_id: UUID, now: datetime, limit: int
) -> Passed:
    """Settle these periods for up to ``limit`` members behind ``after``. Whoever is being served is left out."""
    connection = driver(session)
    days = {
        "first": min(each.period.first for each in due), "end": max(each.period.end for each in due)
    }  # fmt: skip
    members = queries.buyers(connection, after=after, limit=limit, **days)
    if not members:
        return Passed(0, False, None)
    held, left_out = queries.lock_free(connection, members, EARNING)
    spent: dict[UUID, list[Any]] = defaultdict(list)
    for member_id, day, spend in queries.days_of(connection, held, **days):
        spent[member_id].append((day, spend))
    before: dict[tuple[UUID, str], list[Settled]] = defaultdict(list)
    for row in queries.settled(connection, held, [each.period.name for each in due]):
        before[row.member_id, row.period].append(row)
    made = 0
    for member_id in held:
        for each in due:
            total = _total(spent[member_id], each.period)
            earlier = before[member_id, each.period.name]
            if _difference(each.table, total, earlier):
                made += 1
                settlement_id = ids.nth(first_id, made * _EACH)
                _settle(session, member_id, each, total, earlier, settlement_id, now)
    return Passed(made, left_out, members[-1])


def passed(session: Session, *, due: Sequence[Due], now: datetime) -> None:
    """Note that everybody was looked at; a period whose late receipts are over is closed."""
    rows = [(each.period.name, now, now >= each.table.ends_for_good(each.period)) for each in due]
    write(driver(session), [(queries.RUNS, rows)])


def _total(spent: Sequence[tuple[Any, int]], period: Period) -> int:
    return sum(amount for day, amount in spent if period.first <= day < period.end)


def _difference(table: Table, total: int, earlier: Sequence[Settled]) -> int:
    """What a sum gives more (or less) than was settled so far; what a member could keep stays settled."""
    step = table.step(total)
    return (step[1] if step else 0) - sum(row.due for row in earlier)


def _settle(
    session: Session,
    member_id: UUID,
    due: Due,
    total: int,
    earlier: Sequence[Settled],
    settlement_id: UUID,
    now: datetime,
) -> None:
    """Book the difference as one journal, dated when the period was over."""
    connection = driver(session)
    own = [ids.nth(row.settlement_id, _LOT) for row in earlier if row.due > 0]
    _, book = lock_book(session, member_id=member_id, named=own)
    book.settle(first_id=settlement_id, now=now)
    difference = _difference(due.table, total, earlier)
    cause = Cause("period", settlement_id, reference=due.period.name)
    lapsed = 0
    if difference > 0:
        points = difference
        _give(book, due, difference, total, sum(row.due for row in earlier), cause, now)
    else:
        taken = _take(connection, book, due, -difference, own, earlier, cause, now)
        points, lapsed = taken.lapsed - taken.points, taken.lapsed
    book.settle(first_id=ids.nth(settlement_id, _JOURNAL), now=now)
    write_book(connection, book)
    closes = due.table.closes(due.period)
    row = Settled(
        member_id, due.period.name, len(earlier) + 1, settlement_id, total, difference, points, lapsed,
        due.table.version, closes, now,
    )  # fmt: skip
    write(connection, [(queries.BONUSES, [row])])
    events.record(
        session, member_id=member_id, kind="period_settled", subject=ids.show("mbr", member_id),
        occurred_at=closes, now=now, body={"points": points},
    )  # fmt: skip


def _give(book: Book, due: Due, points: int, total: int, before: int, cause: Cause, now: datetime) -> None:
    """Points live by the program's terms from the moment at which the period was over."""
    table, closes = due.table, due.table.closes(due.period)
    times = terms_for(terms=table.lots, at=closes, zone=table.zone)
    settlement_id = cause.id or START
    lot = Lot(
        ids.nth(settlement_id, _LOT), cause.type, cause.id, closes, now, times.available_at, times.expires_at,
        points, sliding_months=times.sliding_months, program_version=table.version,
    )  # fmt: skip
    account = "available" if times.available_at is not None and times.available_at <= now else "pending"
    least, given = table.step(total) or (0, 0)
    basis = {
        "basis": total, "points": given, "per": least, "unit": "step", "round": "down", "desired": points,
        "award": "bonus", "lines": {}, "before": before,
    }  # fmt: skip
    posting = Posting("issued", account, points, lot.lot_id, rules.RULE, table.version, basis)
    book.record(
        Movement("earn", closes, (posting,)),
        journal_id=ids.nth(settlement_id, _JOURNAL),
        cause=cause,
        now=now,
        arriving=[lot],
    )


def _take(
    connection: Connection[TupleRow],
    book: Book,
    due: Due,
    points: int,
    own: Sequence[UUID],
    earlier: Sequence[Settled],
    cause: Cause,
    now: datetime,
) -> TakenBack:
    """Take back what goods that came back no longer give, as far as the program lets a return reach."""
    gone = book.expired_of(connection, own) - sum(row.lapsed for row in earlier)
    lapsed = max(0, min(gone, points))
    taken = take_back(book.account, points, own=set(own), lapsed=lapsed, reach=due.table.reach)
    if taken.postings:
        book.record(
            Movement("period_back", due.table.closes(due.period), taken.postings),
            journal_id=ids.nth(cause.id or START, _JOURNAL),
            cause=cause,
            now=now,
            collect=False,
        )
    return taken


def standing(
    connection: Connection[TupleRow], table: Table | None, *, member_id: UUID, now: datetime
) -> Mapping[str, Any]:
    """How far a member has come in the running period, and what was settled of those before, the latest first."""
    found: dict[str, Any] = {"period": None, "settled": _settled(connection, member_id)}
    if table is None:
        return found
    period = rules.period_of(table.kind, local_day(now, table.zone))
    days = queries.days_of(connection, [member_id], first=period.first, end=period.end)
    total = sum(spend for _, _, spend in days)
    step, ahead = table.step(total), table.ahead(total)
    return {
        **found,
        "period": period,
        "spent": total,
        "points": step[1] if step else 0,
        "next": {"from": ahead[0], "missing": ahead[0] - total, "points": ahead[1]} if ahead else None,
    }


def _settled(connection: Connection[TupleRow], member_id: UUID) -> list[dict[str, Any]]:
    by_period: dict[str, list[Settled]] = defaultdict(list)
    for row in queries.settled(connection, [member_id]):
        by_period[row.period].append(row)
    ordered = sorted(by_period.values(), key=lambda rows: rows[0].occurred_at, reverse=True)
    return [
        {
            "period": rows[-1].period,
            "spent": rows[-1].total,
            "points": sum(row.points for row in rows),
            "settled_at": rows[-1].settled_at,
        }
        for rows in ordered
    ]

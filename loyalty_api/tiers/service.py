"""How members stand: opened under their locks, moved by what happened, written with whatever else is written.

Purchases and returns *tell* how much of them counts on which day; nothing here asks them. Where a program has no levels
nobody opens anything: what counts is added to its day unread, so that it is there once levels begin.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.events import EVENTS
from loyalty_api.program.service import Programs
from loyalty_api.rows import Rows, Table, write
from loyalty_api.rulekit.days import local_day
from loyalty_api.tiers import queries
from loyalty_api.tiers.counted import FIRST, Counted, counted_rows
from loyalty_api.tiers.queries import READ
from loyalty_api.tiers.rules import NOTHING, Amounts, Days, Policy
from loyalty_api.tiers.rules_grounds import Grounds, grounds
from loyalty_api.tiers.rules_outlook import Outlook, outlook
from loyalty_api.tiers.rules_standing import (
    Assigned,
    Change,
    Known,
    State,
    Timeline,
    assign,
    begin,
    elapse,
    next_change,
    note,
    note_return,
    waiting,
)

__all__ = [
    "READ", "TIME", "By", "Counted", "TierBook", "Timeline", "change_rows", "counted_rows", "events_of",
    "level_now", "look", "open_book", "open_books", "rows_of", "timeline", "write_book",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class By:
    """Who made a change of level, and because of which purchase, return, assignment or event (``cause_type`` event)."""

    kind: str = "system"
    client_id: str | None = None
    cause_id: UUID | None = None
    reason: str | None = None
    until: datetime | None = None
    cause_type: str | None = None


TIME = By()


@dataclass(slots=True)
class TierBook:
    """How one member stands within one transaction, time having passed up to ``now``.

    ``first`` and ``first_since`` are what was shown when it was read, before what time has done since. ``rests`` says
    of each change that was ``made`` what it rests on.
    """

    member_id: UUID
    known: Known
    state: State
    days: dict[date, Amounts]
    now: datetime
    written: int
    first: str | None
    first_since: datetime
    made: list[tuple[Change, By]] = field(default_factory=list)
    moved: set[date] = field(default_factory=set)
    rests: list[Grounds | None] = field(default_factory=list)
    _coming: list[Change | None] = field(default_factory=list)

    @property
    def policy(self) -> Policy | None:
        """The tiers in force now."""
        return self.known.policy(self.now)

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.made or self.moved)

    @property
    def coming(self) -> Change | None:
        """What time alone will change next."""
        if not self._coming:
            self._coming.append(next_change(self.state, self.known, self.now))
        return self._coming[0]

    def day_of(self, moment: datetime) -> date:
        """The local day that something counts on."""
        policy = self.policy
        return local_day(moment, policy.zone if policy else UTC)

    def level_at(self, connection: Connection[TupleRow], at: datetime) -> str | None:
        """The level that was held at a moment; for a late receipt, by the history (R52)."""
        for change, _ in reversed(self.made):
            if change.at <= at:
                return change.level
        if self.first_since <= at or not self.written:
            return self.first
        found = queries.level_at(connection, self.member_id, at)
        return found[0] if found else begin(self.known, at).shown

    def add_progress(self, counted: Counted, *, by: By) -> None:
        """Count more on a day; a level that is reached by it holds at once."""
        self.days[counted.day] = self.days.get(counted.day, NOTHING) + counted.amounts
        self.moved.add(counted.day)
        self._now_is(note(self.state, self.known, self.now), by)

    def take_progress(self, counted: Counted) -> None:
        """Goods came back: count less on the day of their purchase (R53)."""
        before: Days = dict(self.days)
        self.days[counted.day] = self.days.get(counted.day, NOTHING) - counted.amounts
        self.moved.add(counted.day)
        self._now_is((note_return(self.state, self.known, before, self.now), []), TIME)

    def reached_with(self, counted: Counted) -> str | None:
        """The level that would be shown once this counted."""
        days = {**self.days, counted.day: self.days.get(counted.day, NOTHING) + counted.amounts}
        return note(self.state, Known(days, self.known.enrolled_at, self.known.timeline), self.now)[0].shown

    def assign(self, assigned: Assigned | None, *, by: By) -> None:
        """Give the member a level for a time, or (None) end that. It is kept even where nothing else changes."""
        state, made = assign(self.state, self.known, assigned, self.now)
        reason = "assigned" if assigned else "assignment_ended"
        self._now_is((state, made or [Change(self.now, state.shown, state.shown, reason)]), by)

    def shown(self, *, before: str | None) -> dict[str, Any]:
        """The level as an answer to a till shows it; ``changed`` since it was ``before``."""
        level, coming, policy = self.state.shown, self.coming, self.policy
        falls = coming and policy and policy.rank(coming.level) < policy.rank(level)
        return {"code": level, "until": coming.at if coming and falls else None, "changed": level != before}

    def _now_is(self, after: tuple[State, list[Change]], by: By) -> None:
        self.state, made = after
        self.made += [(change, by) for change in made]
        # Now, for what counts today may not count tomorrow.
        self.rests += [grounds(change, self.known) for change in made]
        self._coming.clear()


def timeline(programs: Programs[Any], connection: Connection[TupleRow], now: datetime) -> Timeline:
    """The tiers of every version of the program through time; empty where the one in force has no levels.

    The compiled versions are those of rating, whose ``tiers`` alone matter.
    """
    program = programs.at(connection, now)
    if program is None or program.tiers is None:
        return ()
    versions = sorted(programs.published(connection), key=lambda v: (v.effective_from, v.version))
    known = [(v.effective_from, programs.numbered(connection, v.version)) for v in versions]
    return [(start, compiled.tiers if compiled else None) for start, compiled in known]


def open_books(
    rows: Iterable[TupleRow], *, members: Collection[UUID], through: Timeline, now: datetime
) -> dict[UUID, TierBook]:
    """A book for each of ``members``, from what ``READ`` brought of them; who has just enrolled stands at the start."""
    read = {row[0]: row for row in rows}
    return {member_id: _opened(member_id, read.get(member_id), through, now) for member_id in members}


def open_book(
    connection: Connection[TupleRow], member_id: UUID, *, through: Timeline, now: datetime
) -> TierBook:
    """The book of one member, whose lock the caller holds."""
    rows = queries.read(connection, [member_id])
    return open_books(rows, members=[member_id], through=through, now=now)[member_id]


def _opened(member_id: UUID, row: TupleRow | None, through: Timeline, now: datetime) -> TierBook:
    days = {date.fromisoformat(day): Amounts(*amounts) for day, *amounts in (row[11] or ())} if row else {}
    known = Known(days, row[1] if row else now, through)
    state = _state(row) if row and row[2] is not None else begin(known, now)
    state = state if row and row[2] else waiting(state, known)
    # Whoever waited for the lock began before the one who had it: time does not go back for that.
    now = max(now, state.as_of)
    book = TierBook(
        member_id, known, state, days, now, row[2] or 0 if row else 0, state.shown, state.since
    )  # fmt: skip
    book._now_is(elapse(state, known, now), TIME)
    return book


def _state(row: TupleRow) -> State:
    assigned = Assigned(row[8], row[9]) if row[8] else None
    return State(row[3], row[4], row[5], row[6], row[7], assigned, row[10])


def rows_of(books: Iterable[TierBook], *, all_of_them: bool = False) -> list[tuple[Table, Rows]]:
    """What the books hold, as rows by table; events come apart, by ``events_of``.

    With ``all_of_them`` also how members stand of whom nothing has changed, so that they are due later.
    """
    changed = [book for book in books if book.changed or all_of_them]
    return [
        (queries.PROGRESS, [row for book in changed for row in _progress_rows(book)]),
        (queries.STANDING, [_standing_row(book) for book in changed]),
        (queries.CHANGES, [row for book in changed for row in change_rows(book)]),
    ]


def events_of(books: Iterable[TierBook]) -> list[Sequence[Any]]:
    """What is told of the books: each level that was taken up or given up."""
    return [
        (book.member_id, "tier_changed", ids.show("mbr", book.member_id), change.at, book.now,
         {"level": change.level, "previous": change.previous, "reason": change.reason}, False)
        for book in books for change, _ in book.made if change.level != change.previous
    ]  # fmt: skip


def write_book(connection: Connection[TupleRow], book: TierBook) -> None:
    """Write what the book holds; nothing when it is empty. The caller raises the member's version."""
    if book.changed:
        write(connection, [*rows_of([book]), (EVENTS, events_of([book]))])


def _progress_rows(book: TierBook) -> list[Sequence[Any]]:
    found = [(day, book.days[day]) for day in sorted(book.moved)]
    return [(book.member_id, day, amounts.points, amounts.spend, amounts.visits) for day, amounts in found]


def _standing_row(book: TierBook) -> Sequence[Any]:
    state = book.state
    assigned = state.assigned
    moments = [book.coming and book.coming.at, assigned and assigned.until, state.recheck_at]
    starts = [start for start, _ in book.known.timeline if start <= book.now]
    return (
        book.member_id, state.level, state.level_since, state.shown, state.since, state.as_of,
        assigned and assigned.level, assigned and assigned.until, state.recheck_at, book.written + len(book.made),
        min([moment for moment in moments if moment], default=None), max(starts, default=FIRST),
    )  # fmt: skip


def change_rows(book: TierBook) -> list[Sequence[Any]]:
    """Changes that the book holds and nobody has written yet, numbered on from those that were written."""
    made = zip(book.made, book.rests, strict=True)
    return [
        (book.member_id, n, change.level, change.previous, change.reason, change.at, book.now, by.until,
         by.reason, by.cause_id, by.kind, by.client_id, rests.stored() if rests else None, by.cause_type)
        for n, ((change, by), rests) in enumerate(made, start=book.written + 1)
    ]  # fmt: skip


def open_now(
    connection: Connection[TupleRow], programs: Programs[Any], *, member_id: UUID, now: datetime
) -> TierBook | None:
    """The book of one member, whose lock the caller holds; None where the program in force has no levels."""
    through = timeline(programs, connection, now)
    return open_book(connection, member_id, through=through, now=now) if through else None


def look(
    connection: Connection[TupleRow], programs: Programs[Any], *, member_id: UUID, now: datetime
) -> tuple[TierBook, Outlook] | None:
    """How a member stands now, whatever has been written of it; None where the program has no levels."""
    book = open_now(connection, programs, member_id=member_id, now=now)
    found = outlook(book.state, book.known, now) if book else None
    return (book, found) if book and found else None


def level_now(
    connection: Connection[TupleRow], programs: Programs[Any], *, member_id: UUID, now: datetime
) -> str | None:
    """The level that a member holds now; None for none, or where the program has no levels."""
    found = look(connection, programs, member_id=member_id, now=now)
    return found[0].state.shown if found else None

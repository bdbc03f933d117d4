"""The ledger's statements. Balances and lots are read after the member's lock is held, never beside it.

A statement that waits for a lock sees the rows it locks anew, but other rows as they were before it waited; so the
balance is read by a statement of its own, which starts when the lock is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.ledger.rules import Account, Balance, Hold, Lot, Posting
from loyalty_api.rows import Table
from loyalty_api.wire import Statement

BALANCE_COLUMNS = "available, pending, held, debt, earned, spent, expired, adjusted, next_due_at"
_LOT_COLUMNS = (
    "lot_id, source_type, source_id, earned_at, recorded_at, available_at, expires_at, points, pending, available,"
    " held, sliding_months, program_version, awaits"
)

JOURNALS = Table(
    "journals",
    member_id="uuid",
    journal_id="uuid",
    version="bigint",
    kind="varchar",
    cause_type="varchar",
    cause_id="uuid",
    store_id="varchar",
    reference="varchar",
    person_id="uuid",
    actor_kind="varchar",
    actor_id="varchar",
    reverses="uuid",
    occurred_at="timestamptz",
    recorded_at="timestamptz",
    available_after="bigint",
    pending_after="bigint",
    held_after="bigint",
    debt_after="bigint",
)
POSTINGS = Table(
    "postings",
    member_id="uuid",
    journal_id="uuid",
    ordinal="smallint",
    from_account="varchar",
    to_account="varchar",
    points="bigint",
    lot_id="uuid",
    rule="varchar",
    program_version="integer",
    basis="jsonb",
)
LOTS = Table(
    "lots",
    "ON CONFLICT (member_id, lot_id) DO UPDATE SET available_at = excluded.available_at,"
    " expires_at = excluded.expires_at, pending = excluded.pending, available = excluded.available,"
    " held = excluded.held",
    member_id="uuid",
    lot_id="uuid",
    source_type="varchar",
    source_id="uuid",
    earned_at="timestamptz",
    recorded_at="timestamptz",
    available_at="timestamptz",
    expires_at="timestamptz",
    points="bigint",
    pending="bigint",
    available="bigint",
    held="bigint",
    sliding_months="smallint",
    program_version="integer",
    awaits="varchar",
)
FORMER_TERMS = Table(
    "former_terms",
    member_id="uuid",
    lot_id="uuid",
    version="bigint",
    available_at="timestamptz",
    expires_at="timestamptz",
    ended_at="timestamptz",
)
BALANCES = Table(
    "balances",
    "ON CONFLICT (member_id) DO UPDATE SET available = excluded.available, pending = excluded.pending,"
    " held = excluded.held, debt = excluded.debt, earned = excluded.earned, spent = excluded.spent,"
    " expired = excluded.expired, adjusted = excluded.adjusted, next_due_at = excluded.next_due_at",
    member_id="uuid",
    available="bigint",
    pending="bigint",
    held="bigint",
    debt="bigint",
    earned="bigint",
    spent="bigint",
    expired="bigint",
    adjusted="bigint",
    next_due_at="timestamptz",
)
HOLDS = Table(
    "holds",
    member_id="uuid",
    hold_id="uuid",
    ordinal="smallint",
    lot_id="uuid",
    points="bigint",
    expires_at="timestamptz",
)
ENDED_HOLDS = Table(
    "holds",
    statement="DELETE FROM holds USING {given} WHERE holds.member_id = given.member_id"
    " AND holds.hold_id = given.hold_id",
    member_id="uuid",
    hold_id="uuid",
)
"""Takes away holds that were captured, released or ran out."""

_BALANCES_OF = f"SELECT member_id, {BALANCE_COLUMNS} FROM balances WHERE member_id = ANY(%s)"
_LOTS_OF = (
    f"SELECT member_id, {_LOT_COLUMNS} FROM lots WHERE member_id = ANY(%s)"
    " AND (pending + available + held > 0 OR lot_id = ANY(%s))"
)

_HOLDS_OF = (
    "SELECT member_id, hold_id, expires_at, lot_id, points FROM holds WHERE member_id = ANY(%s)"
    " ORDER BY expires_at, hold_id, ordinal"
)

_BALANCES_NOW = _BALANCES_OF.replace("%s", "$1::uuid[]")
_LOTS_NOW = _LOTS_OF.replace("%s", "$1::uuid[]", 1).replace("%s", "$2::uuid[]")
_HOLDS_NOW = _HOLDS_OF.replace("%s", "$1::uuid[]")


def balances_of(connection: Connection[TupleRow], member_ids: Iterable[UUID]) -> dict[UUID, Balance]:
    """The stored balance of each member that has one."""
    rows = connection.execute(_BALANCES_OF, (list(member_ids),), prepare=True)
    return {row[0]: Balance(*row[1:]) for row in rows}


def account_statements(member_id: UUID, *, named: Sequence[UUID]) -> list[Statement]:
    """A member's balance, lots and holds in one round trip, to be sent behind what locks the member."""
    owner, others = "{" + str(member_id) + "}", "{" + ",".join(map(str, named)) + "}"
    return [(_BALANCES_NOW, [owner]), (_LOTS_NOW, [owner, others]), (_HOLDS_NOW, [owner])]


def account_of(rows: Sequence[Sequence[TupleRow]]) -> Account:
    """The account that ``account_statements`` brought."""
    balances, lots, holds = rows
    balance = Balance(*balances[0][1:]) if balances else Balance()
    return Account(balance, {row[1]: Lot(*row[1:]) for row in lots}, _holds(holds))


def lots_of(
    connection: Connection[TupleRow], member_ids: Sequence[UUID], *, named: Sequence[UUID] = ()
) -> dict[UUID, dict[UUID, Lot]]:
    """The lots of each member that still hold something, and those that are ``named`` even if empty, by lot id."""
    found: dict[UUID, dict[UUID, Lot]] = {member_id: {} for member_id in member_ids}
    for row in connection.execute(_LOTS_OF, (list(member_ids), list(named)), prepare=True):
        found[row[0]][row[1]] = Lot(*row[1:])
    return found


def holds_of(connection: Connection[TupleRow], member_ids: Sequence[UUID]) -> dict[UUID, dict[UUID, Hold]]:
    """The open holds of each member by their ids, first the one that ends first. Read the lots before them.

    Whatever is seen of a hold was set aside earlier, so a reader that saw the lots first finds the points there.
    """
    rows: dict[UUID, list[TupleRow]] = {member_id: [] for member_id in member_ids}
    for row in connection.execute(_HOLDS_OF, (list(member_ids),), prepare=True):
        rows[row[0]].append(row)
    return {member_id: _holds(found) for member_id, found in rows.items()}


def _holds(rows: Sequence[TupleRow]) -> dict[UUID, Hold]:
    """The holds of one member, each from its rows by lot."""
    holds: dict[UUID, Hold] = {}
    for _, hold_id, expires_at, lot_id, points in rows:
        before = holds[hold_id].taken if hold_id in holds else ()
        holds[hold_id] = Hold(hold_id, expires_at, (*before, (lot_id, points)))
    return holds


def lots_from(connection: Connection[TupleRow], member_id: UUID, sources: Sequence[UUID]) -> list[UUID]:
    """The lots of a member's that came from these purchases, empty or not."""
    rows = connection.execute(
        "SELECT lot_id FROM lots WHERE member_id = %s AND source_type = 'purchase' AND source_id = ANY(%s)",
        (member_id, list(sources)),
        prepare=True,
    )
    return [row[0] for row in rows]


def expired_of(connection: Connection[TupleRow], member_id: UUID, lots: Collection[UUID]) -> int:
    """How many points of these lots have expired, as far as it is written."""
    row = connection.execute(
        "SELECT coalesce(sum(points), 0)::bigint FROM postings"
        " WHERE member_id = %s AND lot_id = ANY(%s) AND to_account = 'expired'",
        (member_id, list(lots)),
        prepare=True,
    ).fetchone()
    return row[0] if row else 0


def postings_for(
    connection: Connection[TupleRow], member_id: UUID, *, cause: tuple[str, UUID]
) -> list[Posting]:
    """What was booked because of one thing (its type and id), in the order in which it was."""
    rows = connection.execute(
        "SELECT p.from_account, p.to_account, p.points, p.lot_id FROM journals j JOIN postings p"
        " ON p.member_id = j.member_id AND p.journal_id = j.journal_id WHERE j.member_id = %s"
        " AND j.cause_type = %s AND j.cause_id = %s ORDER BY j.version, p.ordinal",
        (member_id, *cause),
        prepare=True,
    )
    return [Posting(*row) for row in rows]


BALANCE_OF = (
    "SELECT m.version, "
    + ", ".join("b." + column for column in BALANCE_COLUMNS.split(", "))
    + " FROM members m"
    " LEFT JOIN balances b ON b.member_id = m.member_id WHERE m.member_id = %s AND m.kind = 'person'"
)
"""A member's version with its balance: the one row that every read of a member begins with."""
BALANCE_NOW = BALANCE_OF.replace("%s", "$1")
"""The same for ``Database.look_up``."""

ENTRY_COLUMNS = {
    "journal_id": "j.journal_id",
    "ordinal": "p.ordinal",
    "kind": "j.kind",
    "points": "p.points",
    "from_account": "p.from_account",
    "to_account": "p.to_account",
    "lot_id": "p.lot_id",
    "rule": "p.rule",
    "program_version": "p.program_version",
    "basis": "p.basis",
    "occurred_at": "j.occurred_at",
    "recorded_at": "j.recorded_at",
    "cause_type": "j.cause_type",
    "cause_id": "j.cause_id",
    "store_id": "j.store_id",
    "store_name": "s.name",
    "reference": "j.reference",
    "person_id": "j.person_id",
    "actor_kind": "j.actor_kind",
    "actor_id": "j.actor_id",
    "reverses": "j.reverses",
    "version": "j.version",
    "available_after": "j.available_after",
    "pending_after": "j.pending_after",
    "held_after": "j.held_after",
    "debt_after": "j.debt_after",
    "available_at": "l.available_at",
    "expires_at": "l.expires_at",
    "lot_pending": "l.pending",
    "lot_available": "l.available",
    "lot_held": "l.held",
    "member_id": "j.member_id",
}
ENTRIES = (
    f"SELECT {', '.join(ENTRY_COLUMNS.values())} FROM journals j"
    " JOIN postings p ON p.member_id = j.member_id AND p.journal_id = j.journal_id"
    " LEFT JOIN lots l ON l.member_id = p.member_id AND l.lot_id = p.lot_id"
    " LEFT JOIN stores s ON s.store_id = j.store_id"
)
_PAGE = (
    f"{ENTRIES} WHERE j.member_id = %(member)s AND (j.version, p.ordinal) < (%(version)s, %(ordinal)s)"
    " AND j.version <= %(version)s ORDER BY j.version DESC, p.ordinal DESC LIMIT %(limit)s"
)
_ONE = f"{ENTRIES} WHERE j.journal_id = %s AND p.ordinal = %s"
LATEST = (1 << 62, 0)


def entries_of(
    connection: Connection[TupleRow], member_id: UUID, *, before: tuple[int, int] = LATEST, limit: int
) -> list[dict[str, Any]]:
    """A member's postings as entries, the latest first, that lie before (version, ordinal)."""
    rows = connection.execute(
        _PAGE,
        {"member": member_id, "version": before[0], "ordinal": before[1], "limit": limit},
        prepare=True,
    )
    return [dict(zip(ENTRY_COLUMNS, row, strict=True)) for row in rows]


def entry(connection: Connection[TupleRow], journal_id: UUID, ordinal: int) -> dict[str, Any] | None:
    """One posting as an entry, whoever's it is."""
    row = connection.execute(_ONE, (journal_id, ordinal), prepare=True).fetchone()
    return dict(zip(ENTRY_COLUMNS, row, strict=True)) if row else None

"""The ledger's statements. Balances and lots are read after the member's lock is held, never beside it.

A statement that waits for a lock sees the rows it locks anew, but other rows as they were before it waited; so the
balance is read by a statement of its own, which starts when the lock is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.ledger.rules import Balance, Lot
from loyalty_api.rows import Table

BALANCE_COLUMNS = "available, pending, held, debt, earned, spent, expired, adjusted, next_due_at"
_LOT_COLUMNS = (
    "lot_id, source_type, source_id, earned_at, recorded_at, available_at, expires_at, points, pending, available,"
    " held, sliding_months, program_version"
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

_BALANCES_OF = f"SELECT member_id, {BALANCE_COLUMNS} FROM balances WHERE member_id = ANY(%s)"
_LOTS_OF = (
    f"SELECT member_id, {_LOT_COLUMNS} FROM lots WHERE member_id = ANY(%s) AND pending + available + held > 0"
)


def balances_of(connection: Connection[TupleRow], member_ids: Iterable[UUID]) -> dict[UUID, Balance]:
    """The stored balance of each member that has one."""
    rows = connection.execute(_BALANCES_OF, (list(member_ids),), prepare=True)
    return {row[0]: Balance(*row[1:]) for row in rows}


def lots_of(connection: Connection[TupleRow], member_ids: Sequence[UUID]) -> dict[UUID, dict[UUID, Lot]]:
    """The lots of each member that still hold something, by lot id."""
    found: dict[UUID, dict[UUID, Lot]] = {member_id: {} for member_id in member_ids}
    for row in connection.execute(_LOTS_OF, (list(member_ids),), prepare=True):
        found[row[0]][row[1]] = Lot(*row[1:])
    return found

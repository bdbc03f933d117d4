"""Balances and statements as of an earlier moment, by either clock.

What time has done by now must be booked before anything is read here: then every journal there will ever be about the
time before is there. The sums come from the postings, for the ledger is the truth and running totals know no past.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.errors import Invalid
from loyalty_api.ledger import queries_past as queries
from loyalty_api.ledger.queries_past import AsOf
from loyalty_api.ledger.reading import Shown
from loyalty_api.ledger.rules import Account, Lot
from loyalty_api.ledger.rules_past import account_of

CLOCKS = ("recorded", "occurred")
"""``recorded``: what would have been answered then. ``occurred``: what is known today about then."""


class MomentAhead(Invalid):
    """``as_of`` asks for a moment that has not come yet."""

    code, title = "as_of_ahead", "This moment has not come yet"


def look_back(
    connection: Connection[TupleRow], member_id: UUID, *, moment: datetime, clock: str, now: datetime
) -> AsOf:
    """The earlier moment in a member's ledger; everything after it is read in the same transaction.

    :raises MomentAhead: it lies ahead of ``now``.
    """
    if moment > now:
        raise MomentAhead(f"as_of lies ahead; it is {now.isoformat(timespec='seconds')}.")
    return queries.as_of(connection, member_id, moment=moment, clock=clock)


def shown_as_of(connection: Connection[TupleRow], member_id: UUID, when: AsOf) -> Shown:
    """The account as of then. Time changes nothing of it any more; ``version`` is that of its last journal."""
    account = _account(connection, member_id, when)
    return Shown(member_id, queries.last_version(connection, member_id, when), account)


def _account(connection: Connection[TupleRow], member_id: UUID, when: AsOf) -> Account:
    changes = queries.changes(connection, member_id, when)
    named = sorted({lot_id for lot_id, _, _ in changes if lot_id is not None})
    return account_of(changes, queries.lots(connection, member_id, when, named))


def entries_as_of(
    connection: Connection[TupleRow], member_id: UUID, when: AsOf, *, before: tuple[int, int], limit: int
) -> list[dict[str, Any]]:
    """The statement's entries that count, the latest booked first, each with where its lot's points lay then."""
    rows = queries.entries_of(connection, member_id, when, before=before, limit=limit)
    lots = _account(connection, member_id, when).lots
    return [{**row, **_state(lots.get(row["lot_id"]))} for row in rows]


def _state(lot: Lot | None) -> Mapping[str, Any]:
    if lot is None:
        return {}
    return {
        "available_at": lot.available_at, "expires_at": lot.expires_at, "lot_pending": lot.pending,
        "lot_available": lot.available, "lot_held": lot.held,
    }  # fmt: skip

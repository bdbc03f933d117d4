"""What came back of a purchase, as the purchase itself keeps it: whoever books its points later books what is left.

``outcome["returned"]`` holds, beside the purchase's ``status``: ``lines`` (how far each has come back), ``points``
(taken back so far), ``lapsed`` (of these, how many had expired by themselves), ``given`` (points given back by
redemption), ``refunded`` (minor units by tender, in the order of the payments) and ``list`` (the returns, for the
answer).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.ledger.rules import Movement
from loyalty_api.ledger.rules_returns import own_lots, take_back
from loyalty_api.ledger.service import Book, Cause
from loyalty_api.purchases.booking import book_points
from loyalty_api.rating.rules_returns import points_of, progress_from, revert
from loyalty_api.rows import dump
from loyalty_api.rulekit.decision import Decision

# What came back is booked with an id counted up from that of the points, past those of their lots.
_RETURNED = 1 << 16


def status_of(row: Mapping[str, Any]) -> str:
    """recorded, partly_returned, returned or voided, by what came back of it."""
    status: str = row["outcome"].get("returned", {}).get("status", "recorded")
    return status


def taken_back(row: Mapping[str, Any]) -> int:
    """How many of a purchase's points were taken back."""
    points: int = row["outcome"].get("returned", {}).get("points", 0)
    return points


def corrections_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What corrected rules have made of a purchase, in the order of the corrections."""
    found: list[dict[str, Any]] = row["outcome"].get("corrected", {}).get("list", [])
    return found


def keep(connection: Connection[TupleRow], row: Mapping[str, Any], returned: Mapping[str, Any]) -> None:
    """Keep with a purchase what has come back of it; the caller holds its member, or the purchase itself."""
    connection.execute(
        "UPDATE purchases SET status = %s, outcome = jsonb_set(outcome, '{returned}', %s::jsonb)"
        " WHERE member_id = %s AND purchase_id = %s",
        (returned["status"], dump(returned), row["member_id"], row["purchase_id"]),
    )


def book_late(
    connection: Connection[TupleRow],
    book: Book,
    row: dict[str, Any],
    decision: Decision | None,
    *,
    first_id: UUID,
    cause: Cause,
    now: datetime,
) -> None:
    """Book what a purchase earns that is credited only now, less what came back; ids count up from ``first_id``."""
    if decision is None or not decision.points():
        return
    book_points(book, decision, first_id=first_id, occurred_at=row["occurred_at"], cause=cause, now=now)
    _book_returned(
        connection, book, row, decision, journal_id=ids.nth(first_id, _RETURNED), cause=cause, now=now
    )
    book.settle(first_id=first_id, now=now)


def _book_returned(
    connection: Connection[TupleRow],
    book: Book,
    row: dict[str, Any],
    decision: Decision,
    *,
    journal_id: UUID,
    cause: Cause,
    now: datetime,
) -> None:
    """Take back what a purchase that is credited only now has given to lines that were returned before.

    The book holds its points already. A return that this settles is not voided any more.
    """
    returned = row["outcome"].get("returned")
    if not returned:
        return
    points = points_of(revert(decision, {}, progress_from(returned["lines"])))
    own = [lot.lot_id for lot in own_lots(book.account.lots.values(), {row["purchase_id"]})]
    taken = take_back(book.account, points, own=own, lapsed=book.expired_of(connection, own), reach="debt")
    if taken.postings:
        movement = Movement("return", row["occurred_at"], taken.postings)
        book.record(movement, journal_id=journal_id, cause=cause, now=now, collect=False)
    settled = [{**entry, "settled": True} for entry in returned["list"]]
    row["outcome"]["returned"] = {**returned, "points": points, "lapsed": taken.lapsed, "list": settled}

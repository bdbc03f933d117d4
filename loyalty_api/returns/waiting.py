"""Returns that came before their purchase (R29): done when it comes, given up when it never does (R42)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import LoyaltyError
from loyalty_api.purchases.desk import Desk, Who
from loyalty_api.returns import queries
from loyalty_api.returns.opening import open_purchase
from loyalty_api.returns.policy import Policy, policy_of
from loyalty_api.returns.service import undo_purchase, wanted_in, write

SYSTEM = Who("system", "system")


def apply_waiting(session: Session, desk: Desk, *, purchase_id: UUID, now: datetime) -> int:
    """Do the returns that waited for this purchase, in the order in which they came; how many."""
    connection = driver(session)
    waiting = queries.awaiting(connection, purchase_id)
    return sum(_apply_one(session, desk, return_id, purchase_id, now) for return_id in waiting)


def apply_due(session: Session, desk: Desk, *, now: datetime, limit: int) -> int:
    """Do what waits although it need not: for a job that runs every so often. How many returns it saw to.

    A return and its purchase that come at the same moment may not see each other. And a return whose purchase has
    not come for as long as receipts are taken (``purchases.late_days``) waits no more: nothing is taken back (R42).
    """
    connection = driver(session)
    done = sum(
        _apply_one(session, desk, return_id, purchase_id, now)
        for return_id, purchase_id in queries.overdue(connection, limit=limit)
    )
    late_days = policy_of(desk.programs.at(connection, now)).late_days
    if late_days is not None:
        before = now - timedelta(days=late_days)
        for return_id in queries.waited_since(connection, before=before, limit=max(0, limit - done)):
            done += _give_up(session, return_id, now)
    return done


def _apply_one(session: Session, desk: Desk, return_id: UUID, purchase_id: UUID, now: datetime) -> bool:
    """Do one return that waited; False when somebody has just done it. What it cannot do is named in it (R1)."""
    connection = driver(session)
    # The member comes first, as everywhere, so that nobody waits in a circle.
    opened = open_purchase(session, purchase_id)
    row = queries.lock_waiting(connection, return_id)
    if row is None:
        return False
    queries.remove(connection, row)
    queries.stop_waiting(connection, return_id)
    try:
        undo_purchase(
            session, desk, row, purchase_id=purchase_id, wanted=wanted_in(row["body"]), who=SYSTEM, now=now,
            opened=opened,
        )  # fmt: skip
    except LoyaltyError as error:
        if error.status >= 500:
            raise
        row["outcome"]["discrepancies"].append({"code": error.code})
        row |= {"member_id": opened.row["member_id"], "purchase_id": purchase_id}
        write(session, row, [], [], book=opened.book, policy=Policy(), who=SYSTEM, now=now)
    return True


def _give_up(session: Session, return_id: UUID, now: datetime) -> bool:
    connection = driver(session)
    row = queries.lock_waiting(connection, return_id)
    if row is None:
        return False
    queries.remove(connection, row)
    queries.stop_waiting(connection, return_id)
    write(session, row, [], [], book=None, policy=Policy(), who=SYSTEM, now=now)
    return True

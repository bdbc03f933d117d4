"""Points that wait for something to happen to their purchase: it was delivered, the tasting was attended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import Conflict
from loyalty_api.ledger.rules import Balance, Lot, Movement, Posting
from loyalty_api.ledger.service import Cause, lock_book, write_book
from loyalty_api.program.rules_lots import ANY_EVENT
from loyalty_api.purchases.desk import Who
from loyalty_api.purchases.rated import Row


class PurchaseWithoutMember(Conflict):
    """The purchase is nobody's yet, so there are no points that wait for anything."""

    code, title, action = "purchase_without_member", "Nobody has claimed this purchase yet", "proceed_without"


@dataclass(frozen=True, slots=True)
class Released:
    """How many points became available, and the balance after it."""

    points: int
    balance: Balance
    version: int


def release(
    session: Session, *, purchase: Row, event: str, first_id: UUID, who: Who, now: datetime
) -> Released:
    """``event`` has happened to ``purchase``: its points that waited for it, or for any, are available from ``now``.

    Told twice, it does nothing the second time. ``first_id`` is what the ids of its journals are counted from.

    :raises PurchaseWithoutMember: nobody has claimed it yet.
    """
    if purchase["match"] not in ("identified", "claimed"):
        raise PurchaseWithoutMember("Tell it again once the purchase has its member.")
    _, book = lock_book(session, member_id=purchase["member_id"], named=[])
    book.settle(first_id=first_id, now=now)
    lots = [lot for lot in book.account.lots.values() if _waits(lot, purchase["purchase_id"], event)]
    if lots:
        cause = Cause(
            "release", purchase["purchase_id"], purchase["store_id"], purchase["reference"],
            purchase["person_id"], who.kind, who.client_id,
        )  # fmt: skip
        arriving = [replace(lot, available_at=now) for lot in lots]
        book.record(
            Movement("activate", now, _awake(lots)),
            journal_id=first_id,
            cause=cause,
            now=now,
            arriving=arriving,
        )
    write_book(driver(session), book)
    return Released(sum(lot.pending for lot in lots), book.balance, book.version_after)


def _waits(lot: Lot, purchase_id: UUID, event: str) -> bool:
    """Whether points of the purchase's wait for this event. Older lots wait for any, and do not say so."""
    awaits = lot.awaits or (ANY_EVENT if lot.available_at is None else None)
    return lot.source_id == purchase_id and lot.pending > 0 and awaits in (event, ANY_EVENT)


def _awake(lots: Sequence[Lot]) -> tuple[Posting, ...]:
    return tuple([Posting("pending", "available", lot.pending, lot.lot_id) for lot in lots])

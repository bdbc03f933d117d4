"""A purchase opened for a return: its member's book or the purchase itself held, and read after that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import NotFound, Unavailable
from loyalty_api.ledger import queries as ledger
from loyalty_api.ledger.service import Book, lock_book
from loyalty_api.purchases import queries as purchases
from loyalty_api.purchases.service import PurchaseUnknown
from loyalty_api.rating.rules_returns import Sold, progress_from
from loyalty_api.returns import queries
from loyalty_api.returns.rules import Bought, spent_on
from loyalty_api.returns.rules_discounts import bearing
from loyalty_api.rulekit.stored import decision_from_json

Row = dict[str, Any]
_NOBODYS = ("anonymous", "unknown_identifier")


@dataclass(frozen=True, slots=True)
class Opened:
    """A purchase that is ours until the transaction ends; ``book`` is its member's, None when it is nobody's."""

    row: Row
    book: Book | None
    bought: Bought
    skus: Mapping[str, str | None]

    @property
    def returned(self) -> Mapping[str, Any]:
        """What came back of it before."""
        found: Mapping[str, Any] = self.row["outcome"].get("returned", {})
        return found

    @property
    def lapsed_by_correction(self) -> int:
        """How many of its points that had expired by themselves a correction has counted as taken back."""
        found: int = self.row["outcome"].get("corrected", {}).get("lapsed", 0)
        return found


def open_purchase(session: Session, purchase_id: UUID) -> Opened:
    """Hold a purchase and read it.

    :raises PurchaseUnknown: there is no such purchase.
    :raises Unavailable: it changes hands all the time; come again.
    """
    connection = driver(session)
    for _ in range(3):
        held = purchases.find(connection, purchase_id)
        if held is None:
            raise PurchaseUnknown
        book = _hold(session, connection, held)
        row = purchases.find(connection, purchase_id)
        # Someone may have claimed it while we waited: then it lies under that member by now.
        if row is not None and row["member_id"] == held["member_id"]:
            return opened(connection, row, book)
    raise Unavailable("The purchase changed hands just now.", retry_after=1)


def _hold(session: Session, connection: Connection[TupleRow], held: Row) -> Book | None:
    member_id, purchase_id = held["member_id"], held["purchase_id"]
    if held["match"] in _NOBODYS:
        queries.lock_purchase(connection, member_id, purchase_id)
        return None
    return open_book(session, member_id, [held])


def open_book(session: Session, member_id: UUID, bought: Sequence[Row]) -> Book | None:
    """A member's book with the lots that these purchases gave, even if empty.

    None when the member is not one any more: then nothing can move.
    """
    connection = driver(session)
    named = ledger.lots_from(connection, member_id, [row["purchase_id"] for row in bought])
    try:
        return lock_book(session, member_id=member_id, named=named)[1]
    except NotFound:
        return None


def opened(connection: Connection[TupleRow], row: Row, book: Book | None) -> Opened:
    """A purchase that is held already, read as a return looks at it."""
    lines = purchases.lines_of(connection, row["member_id"], row["purchase_id"])
    sold = tuple(Sold(line["line_id"], line["quantity"], line["unit"], line["paid"]) for line in lines)
    payments = row["receipt"].get("payments", ())
    returned = row["outcome"].get("returned", {})
    money = [payment["amount"] for payment in payments if payment["kind"] != "points"]
    refunded = returned.get("refunded") or [0] * len(money)
    spent = spent_on(sold, row["outcome"].get("redemptions", ()), payments)
    decision = decision_from_json(row["decision"]) if row["decision"] else None
    stood = {line_id: sum(one.amount for one in used) for line_id, used in spent.items()}
    worth, borne = bearing(sold, decision, stood)
    bought = Bought(
        worth,
        spent,
        decision,
        progress_from(returned.get("lines", {})),
        tuple(max(0, amount - back) for amount, back in zip(money, refunded, strict=True)),
        borne,
    )
    return Opened(row, book, bought, {line["line_id"]: line["sku"] for line in lines})

"""The till's use cases: price a basket, record a sale, find it again, explain it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.errors import Fault, Invalid, NotFound
from loyalty_api.members.identifiers import blind_of
from loyalty_api.purchases import queries, rules
from loyalty_api.purchases.booking import basket_document
from loyalty_api.purchases.copies import Outcome
from loyalty_api.purchases.desk import Desk, Reported, Who
from loyalty_api.purchases.rated import Row
from loyalty_api.purchases.recording import record
from loyalty_api.quotes import held_by, read_quote
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.stored import basket_from_json
from loyalty_api.vault import Vault


class PurchaseUnknown(NotFound):
    """There is no purchase with this id, or it is not the caller's to see."""

    code, title = "purchase_unknown", "There is no such purchase"


def reported(body: Mapping[str, Any], *, vault: Vault, purchase_id: UUID) -> Reported:
    """A validated receipt as it is recorded. What was scanned stays in here as a blind index only.

    :raises Invalid: ``member_id`` is not one.
    """
    quote = read_quote(vault, body.get("quote_id"))
    return Reported(
        body,
        purchase_id,
        mark_of(vault, body),
        blind_in(body, vault),
        member_in(body),
        quote,
        held_by(vault, body["quote_id"], lane=(body["store"], body["terminal"])) if quote else None,
    )


def mark_of(vault: Vault, body: Mapping[str, Any]) -> bytes:
    """A keyed hash of a receipt's content, to tell a copy from another receipt under the same number."""
    return vault.blind("receipt", sha256(rules.content(body)).hexdigest())


def basket_of(connection: Connection[TupleRow], row: Row) -> Basket:
    """The basket of a purchase as it was sold."""
    lines = queries.lines_of(connection, row["member_id"], row["purchase_id"])
    return basket_from_json(basket_document(row, lines))


def blind_in(body: Mapping[str, Any], vault: Vault) -> queries.Blind | None:
    """The blind index of what was scanned, or None when nothing was or nobody could have it."""
    identifier = body["identifier"]
    if identifier is None:
        return None
    # What cannot be an identifier of its kind is one that nobody has: the sale stands all the same (R1).
    blind = blind_of(vault, kind=identifier["kind"], value=identifier["value"])
    return (identifier["kind"], blind) if blind else None


def member_in(body: Mapping[str, Any]) -> UUID | None:
    """The member that a body names by id.

    :raises Invalid: it names something else.
    """
    text = body["member_id"]
    if text is None:
        return None
    member_id = ids.read("mbr", text)
    if member_id is None:
        raise Invalid(
            "This is not a member_id.", errors=[Fault("/member_id", "invalid_value", "Not a member_id.")]
        )
    return member_id


def purchase(session: Session, desk: Desk, *, report: Reported, who: Who, now: datetime) -> Outcome:
    """Record one purchase, or give the first answer again.

    :raises ReceiptMismatch: another sale has this receipt's number.
    :raises StoreUnknown: the store is not one of the program's.
    :raises CurrencyMismatch: the program has another currency.
    :raises MemberMismatch: identifier and member_id disagree.
    """
    outcome = record(session, desk, [report], who=who, now=now)[0]
    if outcome.error is not None:
        raise outcome.error
    return outcome


def find(session: Session, *, purchase_id: UUID) -> Row:
    """A purchase by its id.

    :raises PurchaseUnknown: there is none.
    """
    row = queries.find(driver(session), purchase_id)
    if row is None:
        raise PurchaseUnknown
    return row


PLACE = (datetime, UUID)
"""What a cursor into a member's history holds: when, and which."""


def place_before(values: list[Any] | None) -> tuple[datetime, UUID] | None:
    """The place in a member's history that a cursor names."""
    return (values[0], values[1]) if values else None


def day_of(session: Session, *, store: str, terminal: str, business_date: date) -> tuple[int, int]:
    """How many sales of a lane and a business date are recorded, and what they came to; voided ones left out."""
    row = (
        driver(session)
        .execute(
            "SELECT count(*), coalesce(sum(p.total), 0)::bigint FROM receipts r JOIN locators l"
            " ON l.id = r.purchase_id JOIN purchases p ON p.member_id = l.member_id AND p.purchase_id = l.id"
            " WHERE r.store_id = %s AND r.business_date = %s AND r.terminal = %s AND p.status <> 'voided'",
            (store, business_date, terminal),
        )
        .fetchone()
    )
    return (row[0], row[1]) if row else (0, 0)

"""Goods come back: with their receipt, before their purchase, or without a receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver
from loyalty_api.errors import NotFound, Unavailable
from loyalty_api.ledger.service import Book, Cause
from loyalty_api.members.rules import walk_in_id
from loyalty_api.members.service import walk_in_account
from loyalty_api.purchases.copies import ReceiptMismatch
from loyalty_api.purchases.desk import Desk, Who
from loyalty_api.purchases.recording import CurrencyMismatch
from loyalty_api.purchases.rules import MOST_AHEAD
from loyalty_api.purchases.service import PurchaseUnknown, blind_in
from loyalty_api.rating.rules_returns import Wanted
from loyalty_api.returns import gifts, queries, rules, unlinked
from loyalty_api.returns.applying import apply
from loyalty_api.returns.free_items import condition_lost, coupons_lost
from loyalty_api.returns.moving import Part
from loyalty_api.returns.opening import Opened, open_purchase
from loyalty_api.returns.policy import Policy, policy_of
from loyalty_api.stores import service as stores
from loyalty_api.tiers import service as tiers
from loyalty_api.vault import Vault

Row = dict[str, Any]


class ReturnUnknown(NotFound):
    """There is no return with this id, or it is not the caller's to see."""

    code, title = "return_unknown", "There is no such return"


@dataclass(frozen=True, slots=True)
class Reported:
    """One return as it arrived: its validated body, the id it gets if it is new, and the hash of its content."""

    body: Mapping[str, Any]
    return_id: UUID
    mark: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """A return's row; ``replayed``: it was there before."""

    row: Row
    replayed: bool = False


def reported(body: Mapping[str, Any], *, vault: Vault, return_id: UUID) -> Reported:
    """A validated return as it is recorded."""
    return Reported(body, return_id, vault.blind("return", sha256(rules.content(body)).hexdigest()))


def bring_back(session: Session, desk: Desk, *, report: Reported, who: Who, now: datetime) -> Outcome:
    """Record a return, or give the first answer again.

    A commit is a fact (R1): what cannot be done about points is named in the answer.

    :raises ReceiptMismatch: another return has this receipt's number.
    :raises StoreUnknown: the store is not one of the program's.
    :raises PurchaseUnknown: there is no purchase with the id that is named.
    :raises ReturnExceedsPurchase: more comes back than is left.
    :raises ReturnUnreadable: a line is not the purchase's, or comes back only whole.
    :raises CurrencyMismatch: the purchase was in another currency.
    """
    connection, body = driver(session), report.body
    key = rules.receipt_key(body)
    if not queries.take_receipt(connection, key, return_id=report.return_id, content=report.mark):
        return _known(connection, key, report)
    stores.get(session, store_id=body["store"])
    row = new_row(body, return_id=report.return_id, who=who, now=now)
    if body["occurred_at"] - now > MOST_AHEAD:
        row["outcome"]["discrepancies"].append({"code": "clock_ahead"})
    original = body["original"]
    if original is None:
        _without_receipt(session, desk, row, body, who, now)
        return Outcome(row)
    purchase_id = purchase_named(connection, original)
    if purchase_id is None:
        _wait(session, row, rules.receipt_key(original), now)
        return Outcome(row)
    undo_purchase(session, desk, row, purchase_id=purchase_id, wanted=wanted_in(body), who=who, now=now)
    return Outcome(row)


def _known(connection: Connection[TupleRow], key: rules.ReceiptKey, report: Reported) -> Outcome:
    found = queries.known(connection, key)
    row = queries.find(connection, found[1]) if found else None
    if found is None or row is None:
        raise Unavailable("The first copy of this return was refused just now.")
    if found[0] != report.mark:
        raise ReceiptMismatch("Another return was recorded under this receipt's number.")
    return Outcome(row, replayed=True)


def purchase_named(connection: Connection[TupleRow], original: Mapping[str, Any]) -> UUID | None:
    """The purchase that an ``original`` names; None when its receipt is not here yet.

    :raises PurchaseUnknown: it is named by an id that is none of ours.
    """
    if original.get("purchase_id") is None:
        return queries.purchase_under(connection, rules.receipt_key(original))
    purchase_id = ids.read("pur", original["purchase_id"])
    if purchase_id is None:
        raise PurchaseUnknown
    return purchase_id


def wanted_in(body: Mapping[str, Any]) -> list[Wanted] | None:
    """What a return's lines ask for; None: all that is left."""
    lines = body.get("lines")
    if lines is None:
        return None
    return [Wanted(line["line_id"], line.get("quantity"), line.get("amount")) for line in lines]


def new_row(body: Mapping[str, Any], *, return_id: UUID, who: Who, now: datetime) -> Row:
    """A return's row before anything is known of it: it waits, under its store's walk-in account."""
    named = ("lines", "original", "receipt", "metadata", "offline", "currency")
    return {
        "member_id": walk_in_id(body["store"]),
        "return_id": return_id,
        "store_id": body["store"],
        "terminal": body.get("terminal"),
        "business_date": body.get("business_date"),
        "reference": body.get("reference"),
        "kind": body["kind"],
        "status": "waiting",
        "reason": body.get("reason"),
        "exchange_reference": body.get("exchange_reference"),
        "occurred_at": body["occurred_at"],
        "recorded_at": now,
        "currency": body.get("currency"),
        "purchase_id": None,
        "client_id": who.client_id,
        "cashier": body.get("cashier"),
        "points_taken_back": 0,
        "points_given_back": 0,
        "refundable": 0,
        "body": {name: body[name] for name in named if body.get(name)},
        "outcome": {"discrepancies": []},
    }


def _wait(session: Session, row: Row, original: rules.ReceiptKey, now: datetime) -> None:
    """Keep a return until its purchase comes (R29)."""
    walk_in_account(session, store_id=row["store_id"], now=now)
    queries.add(driver(session), row, [])
    queries.await_purchase(driver(session), original, return_id=row["return_id"], now=now)


def undo_purchase(
    session: Session,
    desk: Desk,
    row: Row,
    *,
    purchase_id: UUID,
    wanted: Sequence[Wanted] | None,
    who: Who,
    now: datetime,
    opened: Opened | None = None,
) -> None:
    """Take back what a purchase gave to what comes back of it; ``row`` is the return's, and is written.

    The errors are those of ``bring_back``.
    """
    connection = driver(session)
    opened = opened or open_purchase(session, purchase_id)
    if row["currency"] not in (None, opened.row["currency"]):
        raise CurrencyMismatch(f"The purchase was in {opened.row['currency']}.")
    policy = policy_at(connection, desk, row, now)
    back = rules.bring_back(opened.bought, wanted, tender_order=policy.tender_order)
    row["outcome"]["discrepancies"] += condition_lost(connection, desk, opened, back)
    row |= {
        "member_id": opened.row["member_id"],
        "currency": opened.row["currency"],
        "purchase_id": purchase_id,
    }
    lost = coupons_lost(connection, desk, opened, back, void=row["kind"] == "void")
    part = gifts.bring_back(session, desk, row, Part(opened, back, lost), policy, now)
    write(session, row, [part], [], book=opened.book, policy=policy, who=who, now=now)


def policy_at(connection: Connection[TupleRow], desk: Desk, row: Row, now: datetime) -> Policy:
    """What the program says of returns when this one happened; a void reaches as far as it must."""
    policy = policy_of(desk.programs.at(connection, min(row["occurred_at"], now)))
    policy = replace(policy, tiers=tiers.timeline(desk.programs, connection, now))
    return policy.for_void() if row["kind"] == "void" else policy


def write(
    session: Session,
    row: Row,
    parts: Sequence[Part],
    loose: Sequence[Any],
    *,
    book: Book | None,
    policy: Policy,
    who: Who,
    now: datetime,
) -> None:
    """Book and write a return, and tell of it."""
    cause = Cause(
        "return", row["return_id"], row["store_id"], row["reference"], None, who.kind, who.client_id
    )
    apply(
        session, row, parts=parts, loose=loose, book=book, policy=policy, cause=cause, now=now
    )  # fmt: skip
    if book is not None:
        points = {"taken_back": row["points_taken_back"], "given_back": row["points_given_back"]}
        kind = "purchase_voided" if row["kind"] == "void" else "return_recorded"
        subject = ids.show("ret", row["return_id"])
        events.record(
            session, member_id=row["member_id"], kind=kind, subject=subject,
            occurred_at=row["occurred_at"], now=now, body=points,
        )  # fmt: skip


def _without_receipt(
    session: Session, desk: Desk, row: Row, body: Mapping[str, Any], who: Who, now: datetime
) -> None:
    """Goods without a receipt (R30): recorded; with a member, what they may have earned is taken back."""
    connection = driver(session)
    policy = policy_at(connection, desk, row, now)
    if policy.currency and row["currency"] not in (None, policy.currency):
        raise CurrencyMismatch(f"The program's currency is {policy.currency}.")
    row["currency"] = row["currency"] or policy.currency
    found = unlinked.match(
        session,
        body.get("lines") or (),
        blind=blind_in(body, desk.vault),
        at=row["occurred_at"],
        policy=policy,
    )
    if found.book is not None:
        row["member_id"] = found.book.member_id
    else:
        walk_in_account(session, store_id=row["store_id"], now=now)
    row["outcome"]["discrepancies"] += found.discrepancies
    parts = []
    for part in found.parts:
        lost = coupons_lost(connection, desk, part.opened, part.back, void=False)
        parts.append(gifts.bring_back(session, desk, row, replace(part, lost=lost), policy, now))
    write(session, row, parts, found.loose, book=found.book, policy=policy, who=who, now=now)


def find(session: Session, *, return_id: UUID) -> Row:
    """A return by its id.

    :raises ReturnUnknown: there is none.
    """
    row = queries.find(driver(session), return_id)
    if row is None:
        raise ReturnUnknown
    return row


def day_of(session: Session, *, store: str, terminal: str, business_date: date) -> int:
    """How many returns of a lane and a business date are recorded; voided ones left out."""
    return queries.day_of(driver(session), store, terminal, business_date)

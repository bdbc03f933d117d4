"""Voids: a sale that is undone, and a return that is undone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.coupons.service import give_again as give_coupons_again
from loyalty_api.coupons.service import take_again as take_coupons_again
from loyalty_api.db import driver
from loyalty_api.errors import Conflict, NotFound, Unavailable
from loyalty_api.gifts.service import give_again as give_gifts_again
from loyalty_api.ledger import queries as ledger
from loyalty_api.ledger.rules import Lot
from loyalty_api.ledger.rules_returns import undo
from loyalty_api.ledger.service import Book, Cause, lock_book, write_book
from loyalty_api.purchases import queries as purchases
from loyalty_api.purchases import returned as kept
from loyalty_api.purchases.desk import Desk, Who
from loyalty_api.purchases.limiting import claims_in, together
from loyalty_api.purchases.service import PurchaseUnknown
from loyalty_api.rating.rules_returns import ALL, progress_from
from loyalty_api.redemptions.service import take_again_in
from loyalty_api.returns import gifts, queries, rules
from loyalty_api.returns.applying import balance_after
from loyalty_api.returns.counting import count_again as level_again
from loyalty_api.returns.coupons import issued_of
from loyalty_api.returns.free_items import coupons_lost
from loyalty_api.returns.limits import count_again
from loyalty_api.returns.moving import Part
from loyalty_api.returns.opening import open_purchase
from loyalty_api.returns.service import (
    Row,
    find,
    new_row,
    policy_at,
    purchase_named,
    undo_purchase,
    write,
)
from loyalty_api.tiers import service as tiers

_JOURNAL, _SPARE = 1, 2


class AlreadyVoided(Conflict):
    """The purchase or the return was voided before."""

    code, title = "already_voided", "It was voided before"


class ReturnBuiltUpon(Conflict):
    """Something that came later rests on this return: another return or a void of its purchase, or a claim (R39)."""

    code, title = "return_built_upon", "Something later rests on this return"


def void_purchase(
    session: Session,
    desk: Desk,
    *,
    original: Mapping[str, Any],
    reason: str,
    void_id: UUID,
    who: Who,
    now: datetime,
) -> Row:
    """Undo a sale: everything of it that is not back yet comes back, whatever the program lets members keep (R41).

    The row that says so is a return of kind ``void``.

    :raises PurchaseUnknown: there is no such purchase.
    :raises AlreadyVoided: it was voided before.
    """
    connection = driver(session)
    purchase_id = purchase_named(connection, original)
    if purchase_id is None:
        raise PurchaseUnknown
    opened = open_purchase(session, purchase_id)
    if opened.row["status"] == "voided":
        raise AlreadyVoided
    body = {
        "store": opened.row["store_id"], "terminal": opened.row["terminal"], "kind": "void", "reason": reason,
        "occurred_at": now,
    }  # fmt: skip
    row = new_row(body, return_id=void_id, who=who, now=now)
    if opened.returned.get("status") == "returned":
        nothing = rules.Back(after=opened.bought.before, whole=True)
        row |= {"member_id": opened.row["member_id"], "purchase_id": purchase_id}
        row["currency"] = opened.row["currency"]
        policy = policy_at(connection, desk, row, now)
        lost = coupons_lost(connection, desk, opened, nothing, void=True)
        part = gifts.bring_back(session, desk, row, Part(opened, nothing, lost), policy, now)
        write(session, row, [part], [], book=opened.book, policy=policy, who=who, now=now)
        return row
    undo_purchase(
        session, desk, row, purchase_id=purchase_id, wanted=None, who=who, now=now, opened=opened
    )  # fmt: skip
    return row


def store_of(session: Session, original: Mapping[str, Any]) -> str:
    """The store of the sale that is to be undone: only there it may be.

    :raises PurchaseUnknown: there is no such purchase.
    """
    if original.get("store") is not None:
        store: str = original["store"]
        return store
    purchase_id = purchase_named(driver(session), original)
    row = purchases.find(driver(session), purchase_id) if purchase_id else None
    if row is None:
        raise PurchaseUnknown
    found: str = row["store_id"]
    return found


def void_return(
    session: Session, desk: Desk, *, return_id: UUID, reason: str, void_id: UUID, who: Who, now: datetime
) -> Row:
    """Undo a return: a mirrored journal, and its purchase is where it was before (R39).

    :raises ReturnUnknown: there is no such return.
    :raises AlreadyVoided: it was voided before.
    :raises ReturnBuiltUpon: a later return, a void or a claim of its purchase rests on it.
    """
    connection = driver(session)
    row = find(session, return_id=return_id)
    book = _hold(session, row)
    row = find(session, return_id=return_id)
    if row["status"] == "voided":
        raise AlreadyVoided
    if row["status"] == "waiting":
        queries.stop_waiting(connection, return_id)
    if row["kind"] == "void":
        raise ReturnBuiltUpon("A voided sale stays so: ring it up again.")
    for part in row["outcome"].get("parts", ()):
        _put_back(session, row, part, now)
    if book is not None:
        level_again(connection, row, book, tiers.timeline(desk.programs, connection, now), now)
        _book(session, desk, row, book, void_id, who, now)
        row["outcome"]["balance"] = balance_after(book)
    row["outcome"]["void"] = {"reason": reason, "by": who.client_id, "at": now}
    queries.mark_voided(connection, row)
    return {**row, "status": "voided"}


def _hold(session: Session, row: Row) -> Book | None:
    """Hold what the return touched: the member's book with the lots its journal names, or the purchase itself."""
    connection = driver(session)
    if row["status"] == "waiting":
        if queries.lock_waiting(connection, row["return_id"]) is None:
            raise Unavailable("The return is being applied this moment.", retry_after=1)
        return None
    booked = ledger.postings_for(connection, row["member_id"], cause=("return", row["return_id"]))
    named = [posting.lot_id for posting in booked if posting.lot_id]
    try:
        return lock_book(session, member_id=row["member_id"], named=named)[1]
    except NotFound:
        for part in row["outcome"].get("parts", ()):
            open_purchase(session, ids.read("pur", part["purchase_id"]) or row["return_id"])
        return None


def _put_back(session: Session, row: Row, part: Mapping[str, Any], now: datetime) -> None:
    """Put a purchase back where it was before the return.

    :raises ReturnBuiltUpon: it is somewhere else by now.
    """
    connection = driver(session)
    held = purchases.find(connection, ids.read("pur", part["purchase_id"]) or row["return_id"])
    if held is None:
        raise PurchaseUnknown
    returned = held["outcome"]["returned"]
    claims = claims_in(part.get("counted", ()))
    shown = ids.show("ret", row["return_id"])
    standing = [entry for entry in returned["list"] if entry["status"] != "voided"]
    if standing[-1]["return_id"] != shown or standing[-1].get("settled"):
        raise ReturnBuiltUpon
    mine = standing[-1]
    lines = {**returned["lines"], **part["lines"]}
    lines = {line_id: progress for line_id, progress in lines.items() if progress}
    given = {g["redemption_id"]: g["points"] for g in part["given"]}
    for redemption, points in given.items():
        redemption_id = ids.read("red", redemption)
        if redemption_id is not None:
            take_again_in(
                connection, member_id=held["member_id"], redemption_id=redemption_id, points=points, now=now
            )
    if held["outcome"].get("coupons"):
        take_coupons_again(
            session,
            member_id=held["member_id"],
            purchase_id=held["purchase_id"],
            because=row["return_id"],
            now=now,
        )
    if issued := issued_of(held):
        give_coupons_again(connection, issued, because=row["return_id"])
    if (held["decision"] or {}).get("gifts"):
        give_gifts_again(
            session, member_id=held["member_id"], purchase_id=held["purchase_id"], because=row["return_id"], now=now
        )  # fmt: skip
    count_again(session, held["member_id"], claims)
    whole = lines and all(p.part == ALL for p in progress_from(lines).values()) and len(standing) > 1
    kept.keep(
        connection,
        held,
        {
            "status": "returned" if whole and len(lines) == held["line_count"]
            else "partly_returned" if lines else "recorded",
            "lines": lines,
            "points": returned["points"] - mine["points_taken_back"],
            "lapsed": returned["lapsed"] - part["lapsed"],
            "given": {r: points - given.get(r, 0) for r, points in returned["given"].items()},
            "refunded": [a - b for a, b in zip(returned["refunded"], part["refund"], strict=True)],
            "list": [{**e, "status": "voided"} if e is mine else e for e in returned["list"]],
            "counted": together(returned.get("counted", ()), claims, sign=-1),
        },
    )  # fmt: skip


def _book(session: Session, desk: Desk, row: Row, book: Book, void_id: UUID, who: Who, now: datetime) -> None:
    connection = driver(session)
    postings = ledger.postings_for(connection, row["member_id"], cause=("return", row["return_id"]))
    book.settle(first_id=void_id, now=now)
    settings = policy_at(connection, desk, {**row, "occurred_at": now}, now).settings
    grace = settings.grace_ends(now) if settings else now
    lots = [book.account.lots[posting.lot_id] for posting in postings if posting.lot_id]
    ends = [lot.expires_at for lot in lots]
    expires = None if None in ends else max((end for end in ends if end), default=None)
    spare = Lot(
        ids.nth(void_id, _SPARE), "return", row["return_id"], now, now, now,
        max(expires, grace) if expires else None, 0,
    )  # fmt: skip
    if postings:
        undone = undo(
            book.account, postings, spare=spare, occurred_at=now, now=now, grace_ends=grace
        )  # fmt: skip
        cause = Cause(
            "return_void", row["return_id"], row["store_id"], row["reference"], None, who.kind, who.client_id
        )
        journal_id = ids.nth(void_id, _JOURNAL)
        book.record(
            undone.movement, journal_id=journal_id, cause=cause, now=now, arriving=undone.lots, collect=False
        )
    write_book(connection, book)
    events.record(
        session, member_id=row["member_id"], kind="return_voided", subject=ids.show("ret", row["return_id"]),
        occurred_at=now, now=now, body={"points": row["points_taken_back"]},
    )  # fmt: skip

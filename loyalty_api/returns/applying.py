"""Doing a return: what comes back of each purchase, one journal of points, and what is kept of it all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.ledger.rules import Lot
from loyalty_api.ledger.service import Book, Cause, write_book
from loyalty_api.purchases import returned as kept
from loyalty_api.purchases.limiting import stored, together
from loyalty_api.returns import queries
from loyalty_api.returns.counting import count_less
from loyalty_api.returns.coupons import bring_back
from loyalty_api.returns.limits import count_back
from loyalty_api.returns.moving import Given, Loose, Moved, Part, book_return
from loyalty_api.returns.policy import Policy
from loyalty_api.returns.rules import shortfall, tenders
from loyalty_api.rulekit.rounding import spread

Row = dict[str, Any]
_MISSING = ("condition_lost", "gift_used")
"""Discrepancies of things that were given for what has come back, and are not there."""


def apply(
    session: Session,
    row: Row,
    *,
    parts: Sequence[Part],
    loose: Sequence[Loose],
    book: Book | None,
    policy: Policy,
    cause: Cause,
    now: datetime,
) -> None:
    """Book and write a return, whose ``row`` gets its outcome; the members or purchases it touches are held.

    Without a ``book`` it is recorded and nothing moves.
    """
    connection = driver(session)
    bring_back(session, row, parts, policy, now)
    moved = book_return(connection, row, parts, loose, book, policy, cause, now) if book else Moved()
    lines = _lines(parts, loose, moved)
    refunds = [tenders(part.opened.bought.left_by_tender, part.back.refundable) for part in parts]
    _complete(row, parts, lines, refunds, moved, policy)
    back = count_back(session, row["member_id"], parts, moved.taken)
    for part, claims in zip(row["outcome"]["parts"], back, strict=True):
        if claims:
            part["counted"] = stored(claims)
    if book:
        count_less(connection, row, parts, book, policy.tiers, now)
        row["outcome"]["balance"] = balance_after(book)
        write_book(connection, book)
    queries.add(connection, row, [_line_row(row, n, line) for n, line in enumerate(lines)])
    for part, refund, claims in zip(parts, refunds, back, strict=True):
        returned = _returned(row, part, lines, refund, moved)
        counted = together(part.opened.returned.get("counted", ()), claims)
        kept.keep(connection, part.opened.row, {**returned, "counted": counted} if counted else returned)


def _lines(parts: Sequence[Part], loose: Sequence[Loose], moved: Moved) -> list[Row]:
    """The return's lines; what was taken and given back in all is shared out by what each should have brought."""
    found: list[Row] = [
        {
            "purchase_id": part.purchase_id,
            "line_id": line.line_id,
            "sku": part.opened.skus[line.line_id],
            "quantity": line.quantity,
            "value": line.value,
            "money": line.money,
            "points_part": line.points_part,
            "points_taken_back": line.points_to_take,
            "points_given_back": sum(points for _, points in line.to_give),
            "left": line.left,
        }
        for part in parts
        for line in part.back.lines
    ]
    found += [
        {
            "purchase_id": None, "line_id": line.line_id, "sku": line.sku, "quantity": line.quantity,
            "value": line.value, "money": line.value, "points_part": 0, "points_taken_back": line.points,
            "points_given_back": 0, "left": None,
        }
        for line in loose
    ]  # fmt: skip
    for name, total in (("points_taken_back", moved.taken.points), ("points_given_back", moved.given.total)):
        shares = [line[name] for line in found]
        actual = spread(total, shares) if sum(shares) else shares
        for line, points in zip(found, actual, strict=True):
            line[name] = points
    return found


def _complete(
    row: Row,
    parts: Sequence[Part],
    lines: Sequence[Row],
    refunds: Sequence[Sequence[int]],
    moved: Moved,
    policy: Policy,
) -> None:
    """Fill the return's row in with what was done."""
    taken, given = moved.taken, moved.given
    refundable = sum(line["money"] for line in lines)
    owes = shortfall(taken.kept, policy.price)
    outcome = row["outcome"]
    items = sum(odd["amount"] for odd in outcome["discrepancies"] if odd["code"] in _MISSING)
    outcome |= {
        "policy": policy.reach,
        "lines": [{**line, "purchase_id": _shown(line["purchase_id"])} for line in lines],
        "points": {
            "taken_back": taken.points,
            "from_pending": taken.pending,
            "from_available": taken.available,
            "to_debt": taken.debt,
            "expired": taken.lapsed,
            "given_back": given.total,
            "given_back_expires": _first_expiry(given, parts),
        },
        "money": {"refundable": refundable, "tenders": _tenders(parts, refunds), "shortfall": owes + items},
        "discounts": [
            {"rule": rule, "amount": amount} for part in parts for rule, amount in part.back.discounts
        ],
        "parts": [_before(part, refund, moved) for part, refund in zip(parts, refunds, strict=True)],
    }
    if taken.kept:
        outcome["discrepancies"].append({"code": "points_kept", "points": taken.kept, "shortfall": owes})
    if not taken.points and not taken.kept and not given.total:
        outcome["discrepancies"].append({"code": "nothing_to_take_back"})
    row |= {
        "status": "applied",
        "points_taken_back": taken.points,
        "points_given_back": given.total,
        "refundable": refundable,
    }


def _shown(purchase_id: UUID | None) -> str | None:
    return ids.show("pur", purchase_id) if purchase_id else None


def _first_expiry(given: Given, parts: Sequence[Part]) -> datetime | None:
    """When the first of the points that went back expires."""
    lots: dict[UUID, Lot] = {}
    for part in parts:
        lots |= part.opened.book.account.lots if part.opened.book else {}
    lots |= {lot.lot_id: lot for lot in given.lots}
    named = [lots[posting.lot_id] for posting in given.postings if posting.lot_id]
    return min((lot.expires_at for lot in named if lot.expires_at), default=None)


def _tenders(parts: Sequence[Part], refunds: Sequence[Sequence[int]]) -> list[Row]:
    found: dict[str, int] = {}
    for part, refund in zip(parts, refunds, strict=True):
        payments = [p for p in part.opened.row["receipt"].get("payments", ()) if p["kind"] != "points"]
        for payment, amount in zip(payments, refund, strict=True):
            found[payment["kind"]] = found.get(payment["kind"], 0) + amount
    return [{"kind": kind, "amount": amount} for kind, amount in found.items() if amount]


def _before(part: Part, refund: Sequence[int], moved: Moved) -> Row:
    """What voiding the return needs to put its purchase back where it was, and what had been taken before it."""
    before = part.opened.bought.before
    return {
        "purchase_id": _shown(part.purchase_id),
        "points_before": part.opened.returned.get("points", 0),
        "lines": {
            line.line_id: before[line.line_id].stored() if line.line_id in before else None
            for line in part.back.lines
        },
        "lapsed": moved.lapsed.get(part.purchase_id, 0),
        "refund": list(refund),
        "given": [
            {"redemption_id": redemption, "points": points}
            for (purchase_id, redemption), points in moved.given.points.items()
            if purchase_id == part.purchase_id
        ],
    }


def _returned(
    row: Row, part: Part, lines: Sequence[Row], refund: Sequence[int], moved: Moved
) -> dict[str, Any]:
    """What the purchase keeps of everything that came back of it so far, this return included."""
    earlier = part.opened.returned
    mine = [line for line in lines if line["purchase_id"] == part.purchase_id]
    taken = sum(line["points_taken_back"] for line in mine)
    given = {
        red: points for (purchase, red), points in moved.given.points.items() if purchase == part.purchase_id
    }
    refunded = earlier.get("refunded") or [0] * len(refund)
    voided = row["kind"] == "void"
    return {
        "status": "voided" if voided else "returned" if part.back.whole else "partly_returned",
        "lines": {line_id: progress.stored() for line_id, progress in (part.back.after or {}).items()},
        "points": earlier.get("points", 0) + taken,
        "lapsed": earlier.get("lapsed", 0) + moved.lapsed.get(part.purchase_id, 0),
        "given": _added(earlier.get("given", {}), given),
        "refunded": [a + b for a, b in zip(refunded, refund, strict=True)],
        "list": [*earlier.get("list", ()), _entry(row, mine, taken)],
    }


def _added(earlier: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {key: earlier.get(key, 0) + more.get(key, 0) for key in {**earlier, **more}}


def _entry(row: Row, lines: Sequence[Row], taken: int) -> Row:
    """The return in its purchase's answer."""
    return {
        "return_id": ids.show("ret", row["return_id"]),
        "kind": row["kind"],
        "status": "applied",
        "occurred_at": row["occurred_at"],
        "store": row["store_id"],
        "reference": row["reference"],
        "points_taken_back": taken,
        "points_given_back": sum(line["points_given_back"] for line in lines),
        "refundable": sum(line["money"] for line in lines),
    }


def balance_after(book: Book) -> Row:
    """The member's points once the book is written, as an answer shows them."""
    balance = book.balance
    return {
        "available": balance.available, "pending": balance.pending, "held": balance.held,
        "debt": balance.debt, "version": book.version_after,
    }  # fmt: skip


def _line_row(row: Row, number: int, line: Row) -> Row:
    kept_of_line = {name: value for name, value in line.items() if name != "left"}
    return {
        "member_id": row["member_id"],
        "return_id": row["return_id"],
        "line_no": number,
        **kept_of_line,
    }

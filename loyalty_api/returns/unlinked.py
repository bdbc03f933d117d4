"""Goods without a receipt: whose they may have been, as far as the program wants to know (R30).

``latest_match`` looks for the newest purchases of the same product in the window and takes back what they gave for it;
what it does not find, and everything under ``base_rate``, is taken back at the base rule's rate on what the till gave
for the goods. ``nothing`` takes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.ledger.service import Book
from loyalty_api.purchases import queries as purchases
from loyalty_api.purchases import queries_claims as identifiers
from loyalty_api.purchases.queries import Blind
from loyalty_api.rating.rules_returns import ALL, NOTHING, Wanted
from loyalty_api.returns import queries, rules
from loyalty_api.returns.moving import Loose, Part
from loyalty_api.returns.opening import Opened, open_book, opened
from loyalty_api.returns.policy import Policy
from loyalty_api.rulekit.rounding import divide

Row = dict[str, Any]


@dataclass(slots=True)
class Found:
    """What a return without a receipt comes to: parts of purchases, and goods of none that we know."""

    book: Book | None = None
    parts: list[Part] = field(default_factory=list)
    loose: list[Loose] = field(default_factory=list)
    discrepancies: list[Row] = field(default_factory=list)


def match(
    session: Session, lines: Sequence[Mapping[str, Any]], *, blind: Blind | None, at: datetime, policy: Policy
) -> Found:
    """Whose the goods were and what they may have earned. The member's book is open, or there is none."""
    owner = identifiers.owner_of(driver(session), blind) if blind else None
    if owner is None:
        unknown = [{"code": "unknown_identifier"}] if blind else []
        return Found(loose=[_loose(line, None) for line in lines], discrepancies=unknown)
    looking = policy.unlinked == "latest_match"
    candidates = _candidates(session, owner, lines, at, policy) if looking else {}
    book = open_book(session, owner, list(candidates.values()))
    found = Found(book=book)
    held = [opened(driver(session), row, book) for row in _again(session, candidates)] if book else []
    wanted: dict[UUID, dict[str, Wanted]] = {}
    for line in lines:
        left = _take(line, held, wanted) if looking else _asked(line)
        if left:
            found.loose.append(_loose({**line, **left}, policy))
    for each in held:
        asked = wanted.get(each.row["purchase_id"])
        if asked:
            back = rules.bring_back(each.bought, list(asked.values()), tender_order=policy.tender_order)
            found.parts.append(Part(each, back))
    return found


def _candidates(
    session: Session, owner: UUID, lines: Sequence[Mapping[str, Any]], at: datetime, policy: Policy
) -> dict[UUID, Row]:
    """The purchases that may be meant, the newest first."""
    connection, since = driver(session), at - timedelta(days=policy.window_days)
    found: dict[UUID, Row] = {}
    for sku in {line["sku"] for line in lines if line.get("sku")}:
        for purchase_id in queries.bought_by(connection, owner, sku, since=since, until=at):
            row = purchases.find(connection, purchase_id)
            if row is not None:
                found[purchase_id] = row
    return dict(sorted(found.items(), key=lambda item: (item[1]["occurred_at"], item[0]), reverse=True))


def _again(session: Session, candidates: Mapping[UUID, Row]) -> list[Row]:
    """The purchases as they are now that their member is held."""
    rows = [purchases.find(driver(session), purchase_id) for purchase_id in candidates]
    return [row for row in rows if row is not None]


def _asked(line: Mapping[str, Any]) -> Row:
    return {"quantity": line.get("quantity", 1), "amount": line.get("amount", 0)}


def _take(
    line: Mapping[str, Any], held: Sequence[Opened], wanted: dict[UUID, dict[str, Wanted]]
) -> Row | None:
    """Find a line's goods among purchases, the newest first; what was not found of it, or None."""
    asked = _asked(line)
    quantity = asked["quantity"]
    for each in held:
        mine = wanted.setdefault(each.row["purchase_id"], {})
        for sold in each.bought.lines:
            before = each.bought.before.get(sold.line_id, NOTHING)
            free = sold.units - before.units
            if each.skus[sold.line_id] != line.get("sku") or sold.line_id in mine or before.part == ALL:
                continue
            one = sold.units == 1 and sold.quantity != 1
            part = min(quantity, sold.quantity * free if one else free)
            if part <= 0 or (one and part != sold.quantity) or sold.paid < 0:
                continue
            mine[sold.line_id] = Wanted(sold.line_id, part)
            quantity -= part
    if quantity <= 0:
        return None
    return {"quantity": quantity, "amount": asked["amount"] * quantity // asked["quantity"]}


def _loose(line: Mapping[str, Any], policy: Policy | None) -> Loose:
    """Goods of no purchase that we know, with the points of the base rate when the program wants them."""
    value = line.get("amount") or 0
    rate = policy.base if policy and policy.unlinked != "nothing" else None
    points = rate.points * divide(value, rate.per, rate.round) if rate else 0
    return Loose(line["line_id"], line.get("sku"), line.get("quantity", 1), value, points)

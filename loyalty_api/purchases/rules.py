"""What a receipt says: the basket to rate, what is odd about it, and when it is rated. Pure.

A commit is a fact (R1): nothing here refuses a receipt. What does not add up is a discrepancy, and what the till
charged is the truth (R2, R3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from loyalty_api.products.rules import Product
from loyalty_api.rulekit.basket import NO_PATH, Basket, Line, LineDiscount, Payment, category_path
from loyalty_api.values import dataclass

MOST_AHEAD = timedelta(minutes=5)
# What may differ between a receipt and the queued copy of it that a till sends again (R4).
TRANSPORT = frozenset(("offline", "cashier", "quote_id", "metadata", "receipt"))
_NEGATIVE_TYPES = frozenset(("deposit_return", "correction"))

ReceiptKey = tuple[str, str, date, str]
Discrepancy = dict[str, Any]


def receipt_key(body: Mapping[str, Any]) -> ReceiptKey:
    """What makes a receipt unique for ever: store, terminal, business date and reference."""
    return body["store"], body["terminal"], body["business_date"], body["reference"]


def content(body: Mapping[str, Any]) -> bytes:
    """The receipt's content as canonical bytes: equal for a copy that only travelled differently (R4).

    Times are compared as instants, so that a copy may carry another offset.
    """
    kept = {name: value for name, value in body.items() if name not in TRANSPORT}
    kept["occurred_at"] = body["occurred_at"].astimezone(UTC)
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)


def basket_of(body: Mapping[str, Any], products: Mapping[str, Product], *, time_zone: str | None) -> Basket:
    """The basket that is rated: lines with what the master knows of their products.

    Rules select by the master, so a till cannot move a product into a category that earns more; a line speaks for
    itself only where the master is silent. What the law looks at is the other way round: a line's own
    ``legal_class`` and ``type`` stand, for they can only be known in the store.
    """
    return Basket(
        body["store"],
        body["currency"],
        tuple([_line(line, products.get(line.get("sku", ""))) for line in body["lines"]]),
        tuple([Payment(p["kind"], p["amount"], p.get("redemption_id")) for p in body.get("payments", ())]),
        body["kind"],
        body["channel"],
        body["tax_included"],
        time_zone,
        "settled",
        tuple(body.get("coupons", ())),
    )


def _line(line: Mapping[str, Any], product: Product | None) -> Line:
    get = line.get
    discounts = get("discounts")
    kind = line["type"]
    category: tuple[str, ...] = NO_PATH
    department = brand = None
    legal_class, unit = get("legal_class"), get("unit")
    if product is not None:
        category, department, brand = product.category, product.department, product.brand
        legal_class = legal_class or product.legal_class
        unit = unit or product.unit
        kind = product.type if kind == "goods" else kind
    return Line(
        line["line_id"],
        line["amount"],
        get("sku"),
        line["quantity"],
        unit or "each",
        kind,
        tuple([_discount(d) for d in discounts]) if discounts else (),
        category or category_path(get("category")),
        department or get("department"),
        brand or get("brand"),
        legal_class,
        get("tax_rate"),
        get("cost"),
        tags=product.tags if product is not None else (),
    )


def _discount(document: Mapping[str, Any]) -> LineDiscount:
    get = document.get
    return LineDiscount(
        document["source"],
        document["amount"],
        get("kind"),
        get("promotion_id"),
        get("basket_wide", False),
    )


def sums(body: Mapping[str, Any], paid: int) -> list[Discrepancy]:
    """Where a receipt does not add up: lines against total (R3), payments against total and rounding (R12)."""
    found: list[Discrepancy] = []
    if paid != body["total"]:
        found.append({"code": "total_differs", "of": "lines", "expected": paid, "received": body["total"]})
    payments = body.get("payments")
    due = body["total"] + body["rounding"]
    if payments and sum([payment["amount"] for payment in payments]) != due:
        received = sum(payment["amount"] for payment in payments)
        found.append({"code": "total_differs", "of": "payments", "expected": due, "received": received})
    return found


def goods_back(lines: Sequence[Line]) -> list[Discrepancy]:
    """Goods that come back as a negative line: accepted, worth nothing, and to be sent as a return (R17)."""
    ids = [line.line_id for line in lines if line.amount < 0 and line.type not in _NEGATIVE_TYPES]
    return [{"code": "use_returns", "lines": ids}] if ids else []


@dataclass(frozen=True, slots=True)
class Timing:
    """When a receipt is rated, and what is odd about its time. ``rated_at`` None: kept, rated after review."""

    rated_at: datetime | None
    discrepancies: tuple[Discrepancy, ...] = ()


def timing(occurred_at: datetime, *, now: datetime, late_days: int | None) -> Timing:
    """When to rate a receipt (R51): at its own time, but a clock far ahead is not believed.

    A time more than 5 minutes ahead is rated at ``now``; one older than ``late_days`` (None: no limit) is kept and
    rated after review.
    """
    if occurred_at - now > MOST_AHEAD:
        return Timing(now, ({"code": "clock_ahead"},))
    if late_days is not None and now - occurred_at > timedelta(days=late_days):
        return Timing(None, ({"code": "too_late", "days": late_days},))
    return Timing(min(occurred_at, now))


def refusals(*, status: str | None, unknown_identifier: bool) -> list[Discrepancy]:
    """What of the member kept a purchase from earning, for the till to show (R27)."""
    found: list[Discrepancy] = []
    if status in ("blocked", "closed", "erased"):
        found.append({"code": f"member_{status}"})
    if unknown_identifier:
        found.append({"code": "unknown_identifier"})
    return found

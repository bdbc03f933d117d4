"""Baskets as plain dicts and lists, the form in which a purchase keeps them.

Members at their default are left out, so that a stored line costs only what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_api.rulekit.basket import NO_PATH, Basket, Line, LineDiscount, Payment
from loyalty_api.rulekit.decision import ENGINE
from loyalty_api.rulekit.stored_engine import Document, ensure_known, said


def discount_from_json(document: Mapping[str, Any]) -> LineDiscount:
    """A discount from ``{source, amount, kind?, promotion_id?, basket_wide?}``."""
    return LineDiscount(**document)


def line_from_json(document: Mapping[str, Any]) -> Line:
    """A line from ``{line_id, amount, …}``, named as in ``Line``; lists stand for tuples."""
    get = document.get
    discounts, category = get("discounts"), get("category")
    return Line(
        document["line_id"],
        document["amount"],
        get("sku"),
        get("quantity", 1),
        get("unit", "each"),
        get("type", "goods"),
        tuple([LineDiscount(**discount) for discount in discounts]) if discounts else (),
        tuple(category) if category else NO_PATH,
        get("department"),
        get("brand"),
        get("legal_class"),
        get("tax_rate"),
        get("cost"),
        tuple(get("tags") or ()),
    )


def basket_from_json(document: Mapping[str, Any]) -> Basket:
    """The basket that ``basket_to_json`` wrote. Raises ``UnknownEngine``."""
    ensure_known(document)
    get = document.get
    return Basket(
        document["store"],
        document["currency"],
        tuple([line_from_json(line) for line in document["lines"]]),
        tuple([Payment(**payment) for payment in get("payments", ())]),
        get("kind", "sale"),
        get("channel", "store"),
        get("tax_included", True),
        get("time_zone"),
        get("pricing", "settled"),
        tuple(get("coupons", ())),
    )


def line_to_json(line: Line) -> Document:
    """A line as a dict, members at their default left out."""
    document = said(
        line_id=line.line_id,
        amount=line.amount,
        sku=line.sku,
        discounts=[_discount_to_json(discount) for discount in line.discounts],
        category=list(line.category),
        department=line.department,
        brand=line.brand,
        legal_class=line.legal_class,
        tax_rate=line.tax_rate,
        cost=line.cost,
        tags=list(line.tags),
    )
    if line.quantity != 1:
        document["quantity"] = line.quantity
    if line.unit != "each":
        document["unit"] = line.unit
    if line.type != "goods":
        document["type"] = line.type
    return document


def _discount_to_json(discount: LineDiscount) -> Document:
    return said(
        source=discount.source,
        amount=discount.amount,
        kind=discount.kind,
        promotion_id=discount.promotion_id,
        basket_wide=discount.basket_wide or None,
    )


def basket_to_json(basket: Basket) -> Document:
    """``{e, store, currency, lines: […], …}``, members at their default left out."""
    document = said(
        store=basket.store,
        currency=basket.currency,
        payments=[
            said(kind=payment.kind, amount=payment.amount, redemption_id=payment.redemption_id)
            for payment in basket.payments
        ],
        kind=None if basket.kind == "sale" else basket.kind,
        channel=None if basket.channel == "store" else basket.channel,
        tax_included=None if basket.tax_included else False,
        time_zone=basket.time_zone,
        pricing=None if basket.pricing == "settled" else basket.pricing,
        coupons=list(basket.coupons),
    )
    return {"e": ENGINE, **document, "lines": [line_to_json(line) for line in basket.lines]}

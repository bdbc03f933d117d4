"""A till that prices baskets, charges what it was quoted, and takes goods back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.support.shop import Reply, Shop, line, receipt


def off(rule: str, **more: Any) -> dict[str, Any]:
    """A promotion that takes 10 % off one product, which has the name of its rule."""
    return {
        "id": rule,
        "where": {"sku": [rule]},
        "benefit": {"percent": {"off": "10", "on": "lines"}},
        **more,
    }


def asked(body: dict[str, Any]) -> dict[str, Any]:
    """The basket of a receipt, as a quote is asked for it: without what is known once it is paid."""
    paid = ("business_date", "reference", "total", "payments")
    return {name: value for name, value in body.items() if name not in paid}


def of(amount: int, sku: str, number: int = 1, quantity: int = 1, **more: Any) -> dict[str, Any]:
    """A line of so many pieces that cost ``amount`` together."""
    return line(amount, sku=sku, line_id=str(number), quantity=quantity, **more)


def quote(shop: Shop, *lines: dict[str, Any], card: str | None = "PROMO", **more: Any) -> Reply:
    """What the lines cost, with all that the answer can say."""
    body = asked(receipt(*lines, card=card, **more))
    reply = shop.till.post("/v1/quotes", {"include": ["reasons", "near_misses"], **body}, key=None)
    assert reply.status == 200, reply.body
    return reply


def buy(shop: Shop, quoted: Reply, *lines: dict[str, Any], named: bool = True, **more: Any) -> Reply:
    """Charge what was quoted."""
    off = {one["line_id"]: one["discounts"] for one in quoted["lines"]}
    charged = [{**one, "discounts": [*one.get("discounts", ()), *off[one["line_id"]]]} for one in lines]
    body = receipt(*charged, card=more.pop("card", "PROMO"), **more)
    reply = shop.till.post(
        "/v1/purchases", {**body, "quote_id": quoted["quote_id"] if named else None}, key=None
    )
    assert reply.status == 201, reply.body
    return reply


def back(shop: Shop, bought: Reply, *lines: dict[str, Any], at: datetime | None = None) -> Reply:
    """These lines of a purchase, or all that is left of it."""
    body = {
        k: v
        for k, v in receipt(at=at).items()
        if k in ("store", "terminal", "business_date", "reference", "occurred_at")
    }
    said = {"lines": list(lines)} if lines else {}
    reply = shop.till.post(f"/v1/purchases/{bought['purchase_id']}/returns", {**body, **said}, key=None)
    assert reply.status == 201, reply.body
    return reply

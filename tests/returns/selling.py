"""Sales and what comes back of them, in a line."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from tests.support.shop import Reply, Shop, receipt

_numbers = itertools.count(1)


def sell(shop: Shop, *lines: dict[str, Any], **more: Any) -> tuple[dict[str, Any], Reply]:
    """A sale at the till of ``str_1``: the receipt and its answer."""
    body = receipt(*lines, **more)
    sold = shop.till.post("/v1/purchases", body, key=None)
    assert sold.status == 201, sold.body
    return body, sold


def paper(sale: dict[str, Any]) -> dict[str, Any]:
    """What the paper receipt shows of a sale."""
    return {name: sale[name] for name in ("store", "terminal", "business_date", "reference")}


def goods(
    original: dict[str, Any] | None, *lines: dict[str, Any], at: datetime | None = None, **more: Any
) -> dict[str, Any]:
    """Goods that come back to ``str_2``, under a number of their own; without lines everything does."""
    moment = at or datetime.now(UTC)
    body: dict[str, Any] = {
        "store": "str_2", "terminal": "9", "business_date": moment.date().isoformat(),
        "reference": f"R{next(_numbers):06d}", "occurred_at": moment.isoformat(), "original": original, **more,
    }  # fmt: skip
    return {**body, "lines": list(lines)} if lines else body


def bring(shop: Shop, body: dict[str, Any]) -> Reply:
    """What the till of ``str_2`` is told of a return."""
    return shop.caller("terminal", store="str_2").post("/v1/returns", body, key=None)


def figures(shop: Shop, member: str) -> tuple[int, int, int]:
    """A member's points: available, pending, owed."""
    balance = shop.balance(member)
    return balance["available"], balance["pending"], balance["debt"]

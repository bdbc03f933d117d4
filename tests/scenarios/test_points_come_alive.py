"""Earn, wait out the window, hold, capture, return half, return the rest, and change one's mind about that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.purchases.racing import breaches
from tests.redemptions.till import hold, opened
from tests.support.shop import Shop, line, receipt


def test_points_come_alive(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, till = fresh_shop, fresh_shop.till
    today = opened(shop, monkeypatch, available={"after_days": 14}, expire={"months": 12})
    member = shop.enrol("ALIVE")

    def figures() -> tuple[int, int, int, int]:
        balance = shop.balance(member)
        return balance["available"], balance["pending"], balance["held"], balance["debt"]

    till.post("/v1/purchases", receipt(line(30000), card="ALIVE", at=today.now), key=None)
    assert figures() == (0, 300, 0, 0)
    assert hold(till, member, 2000).code == "below_minimum"

    today.pass_by(days=14)
    assert figures() == (300, 0, 0, 0)

    held = hold(till, member, 2000)
    assert (held["points"], figures()) == (200, (100, 0, 200, 0))
    sale = receipt(
        line(4000, quantity=2), line(3000, line_id="2"), card="ALIVE", at=today.now,
        payments=[
            {"kind": "points", "amount": 2000, "redemption_id": held["redemption_id"]},
            {"kind": "card", "amount": 5000},
        ],
    )  # fmt: skip
    sold = till.post("/v1/purchases", sale, key=None)
    assert (sold["points"]["earned"], sold["points"]["spent"]) == (50, 200)
    assert figures() == (100, 50, 0, 0)

    today.pass_by(days=1)
    half = bring(shop, sale, today.now, [{"line_id": "1", "quantity": 1}])
    assert half["lines"][0]["value"] == half["money"]["refundable"] + half["lines"][0]["points_part"]
    assert (half["points"]["taken_back"], half["points"]["given_back"]) == (14, 57)
    assert figures() == (157, 36, 0, 0)
    assert redemption(shop, held)["status"] == "partly_reversed"

    rest = bring(shop, sale, today.now)
    assert figures() == (300, 0, 0, 0)
    assert half["money"]["refundable"] + rest["money"]["refundable"] == 5000
    assert half["points"]["given_back"] + rest["points"]["given_back"] == 200
    assert redemption(shop, held)["status"] == "reversed"
    assert redemption(shop, held)["reversed"] == {"points": 200, "amount": 2000}

    undone = till.post(f"/v1/returns/{rest['return_id']}/void", {"reason": "the wrong bag"})
    assert undone.status in (200, 201)
    assert figures() == (157, 36, 0, 0)
    assert redemption(shop, held)["status"] == "partly_reversed"
    assert breaches(shop) == []


def bring(shop: Shop, sale: dict[str, Any], at: Any, lines: list[dict[str, Any]] | None = None) -> Any:
    """Take goods of a sale back in the same store; all that is left when no lines are named."""
    paper = {name: sale[name] for name in ("store", "terminal", "business_date", "reference")}
    number = receipt()["reference"]
    body = {
        "original": paper, "store": "str_1", "terminal": "1", "business_date": at.date().isoformat(),
        "reference": f"R{number}", "occurred_at": at.isoformat(), **({"lines": lines} if lines else {}),
    }  # fmt: skip
    came = shop.till.post("/v1/returns", body, key=None)
    assert (came.status, came["status"]) == (201, "applied"), came.raw
    return came


def redemption(shop: Shop, held: Any) -> Any:
    return shop.till.get(f"/v1/redemptions/{held['redemption_id']}")

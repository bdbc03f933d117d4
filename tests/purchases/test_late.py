"""Receipts that come too late are kept, and rated when a person has looked (R51)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.shop import BASIC, Shop, line, receipt

THIRTY_DAYS = {**BASIC, "purchases": {"late_days": 30}}


def test_a_late_receipt_is_kept_and_earns_after_review(fresh_shop: Shop) -> None:
    fresh_shop.publish(THIRTY_DAYS, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    member = fresh_shop.enrol("OLDIE")
    late = receipt(line(500, sku="apple"), card="OLDIE", at=datetime.now(UTC) - timedelta(days=40))
    sold = fresh_shop.till.post("/v1/purchases", late, key=None)
    assert sold.status == 201
    assert {"code": "too_late", "days": 30} in sold["discrepancies"]
    assert fresh_shop.balance(member)["available"] == 0
    path = f"/v1/purchases/{sold['purchase_id']}"
    assert "reviewed" in fresh_shop.office.get(f"{path}/explanation")["text"]

    rated = fresh_shop.office.post(f"{path}/review", {"note": "The line was down."})
    assert rated["points"]["earned"] == 10
    assert fresh_shop.balance(member)["available"] == 10
    again = fresh_shop.office.post(f"{path}/review", {})
    assert (again.status, again.code) == (409, "nothing_to_review")
    assert fresh_shop.till.post("/v1/purchases", late, key=None)["points"]["earned"] == 10


def test_what_is_on_time_needs_no_review(shop: Shop) -> None:
    shop.enrol("PUNCTUAL")
    sold = shop.till.post("/v1/purchases", receipt(card="PUNCTUAL"), key=None)
    refused = shop.office.post(f"/v1/purchases/{sold['purchase_id']}/review", {})
    assert (refused.status, refused.code) == (409, "nothing_to_review")

"""Goods without a receipt (R30): whose they may have been, as far as the program wants to know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.purchases.racing import breaches
from tests.returns.selling import bring, figures, goods, sell
from tests.support.documents import with_lots
from tests.support.shop import Reply, Shop, line

DAY = timedelta(days=1)


def by(card: str) -> dict[str, Any]:
    return {"identifier": {"kind": "card", "value": card}}


def kept(shop: Shop, sold: Reply) -> str:
    status: str = shop.till.get(f"/v1/purchases/{sold['purchase_id']}")["status"]
    return status


def test_the_newest_purchase_of_the_product_is_meant(shop: Shop) -> None:
    member, now = shop.enrol("LOOSE1"), datetime.now(UTC)
    _, old = sell(shop, line(3000, quantity=3), card="LOOSE1", at=now - 20 * DAY)
    _, new = sell(shop, line(2000, quantity=1), card="LOOSE1", at=now - 10 * DAY)
    _, other = sell(shop, line(500, sku="apple"), card="LOOSE1", at=now - DAY)
    back = bring(shop, goods(None, {"line_id": "a", "sku": "bread", "quantity": 2}, **by("LOOSE1")))
    assert (back.status, back["purchase_id"]) == (201, None)
    assert [(row["purchase_id"], row["quantity"]) for row in back["lines"]] == [
        (new["purchase_id"], 1),
        (old["purchase_id"], 1),
    ]
    assert back["points"]["taken_back"] == 20 + 10
    assert (kept(shop, new), kept(shop, old), kept(shop, other)) == (
        "returned",
        "partly_returned",
        "recorded",
    )
    assert figures(shop, member) == (20 + 10, 0, 0)
    undone = shop.office.post(f"/v1/returns/{back['return_id']}/void", {"reason": "wrong"})
    assert undone["status"] == "voided"
    assert (kept(shop, new), kept(shop, old)) == ("recorded", "recorded")
    assert figures(shop, member) == (60, 0, 0)
    assert breaches(shop) == []


def test_what_nobody_bought_is_taken_at_the_base_rate(shop: Shop) -> None:
    member = shop.enrol("LOOSE2")
    sell(shop, line(5000, sku="apple"), card="LOOSE2")
    before, _, _ = figures(shop, member)
    back = bring(
        shop, goods(None, {"line_id": "a", "sku": "bread", "quantity": 1, "amount": 1950}, **by("LOOSE2"))
    )
    assert (back["points"]["taken_back"], back["money"]["refundable"]) == (19, 1950)
    assert figures(shop, member) == (before - 19, 0, 0)
    assert breaches(shop) == []


@pytest.mark.parametrize(("unlinked", "taken"), [("nothing", 0), ("base_rate", 15), ("latest_match", 20)])
def test_the_program_says_what_goods_without_a_receipt_take(
    fresh_shop: Shop, unlinked: str, taken: int
) -> None:
    shop = fresh_shop
    terms = with_lots(returns={"unlinked": unlinked})
    shop.publish(terms, effective_from=datetime.now(UTC) - DAY)
    member = shop.enrol("LOOSE3")
    sell(shop, line(2000), card="LOOSE3")
    back = bring(
        shop, goods(None, {"line_id": "a", "sku": "bread", "quantity": 1, "amount": 1500}, **by("LOOSE3"))
    )
    assert back["points"]["taken_back"] == taken
    assert figures(shop, member) == (20 - taken, 0, 0)
    assert breaches(shop) == []


def test_outside_the_window_nothing_is_found_and_without_a_value_nothing_is_taken(shop: Shop) -> None:
    member, now = shop.enrol("LOOSE4"), datetime.now(UTC)
    sell(shop, line(2000), card="LOOSE4", at=now - 400 * DAY)
    back = bring(shop, goods(None, {"line_id": "a", "sku": "bread"}, **by("LOOSE4")))
    assert {"code": "nothing_to_take_back"} in back["discrepancies"]
    assert figures(shop, member) == (20, 0, 0)


def test_without_a_member_it_is_recorded_and_nothing_moves(shop: Shop) -> None:
    nobody = bring(shop, goods(None, {"line_id": "a", "sku": "bread", "amount": 500}))
    assert (nobody.status, nobody["balance"], nobody["points"]["taken_back"]) == (201, None, 0)
    stranger = bring(shop, goods(None, {"line_id": "a", "sku": "bread", "amount": 500}, **by("LOOSE-NOBODY")))
    assert {"code": "unknown_identifier"} in stranger["discrepancies"]
    assert breaches(shop) == []

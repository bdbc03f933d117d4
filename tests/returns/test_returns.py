"""Goods come back with their receipt (R29 to R37), as a till meets it."""

from __future__ import annotations

from tests.purchases.racing import breaches
from tests.returns.selling import bring, figures, goods, paper, sell
from tests.support.shop import Shop, line


def test_a_line_comes_back_by_unit_in_another_store_and_takes_its_points_along(shop: Shop) -> None:
    member = shop.enrol("RET1")
    sale, sold = sell(shop, line(5000, quantity=2), line(1000, line_id="2", sku="apple"), card="RET1")
    assert sold["points"]["earned"] == 70
    back = bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}))
    assert back.status == 201, back.body
    assert back["status"] == "applied"
    assert back["lines"] == [
        {
            "purchase_id": sold["purchase_id"], "line_id": "1", "sku": "bread", "quantity": 1, "value": 2500,
            "money": 2500, "points_part": 0, "points_taken_back": 25, "points_given_back": 0, "left": 1,
        }
    ]  # fmt: skip
    assert back["points"]["from_available"] == 25
    assert back["money"] == {
        "refundable": 2500,
        "tenders": [{"kind": "cash", "amount": 2500}],
        "shortfall": 0,
    }
    assert back["balance"]["available"] == 45
    assert figures(shop, member) == (45, 0, 0)
    kept = shop.till.get(f"/v1/purchases/{sold['purchase_id']}")
    assert kept["status"] == "partly_returned"
    assert kept["returns"][0]["return_id"] == back["return_id"]
    rest = bring(shop, goods({"purchase_id": sold["purchase_id"]}))
    assert [row["points_taken_back"] for row in rest["lines"]] == [25, 20]
    assert shop.till.get(f"/v1/purchases/{sold['purchase_id']}")["status"] == "returned"
    assert figures(shop, member) == (0, 0, 0)
    again = bring(shop, goods(paper(sale)))
    assert (again.status, again.code) == (409, "return_exceeds_purchase")
    assert breaches(shop) == []

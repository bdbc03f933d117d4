"""A till's day: it opens, prices, sells, loses its answer, trains a newcomer, and is right at closing time."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.purchases.racing import breaches
from tests.support.shop import Shop, line, receipt


def test_a_tills_day(fresh_shop: Shop) -> None:
    shop, till = fresh_shop, fresh_shop.till
    member = shop.enrol("9400000000017", profile={"given_name": "Kari", "family_name": "Nordmann"})
    card = {"identifier": {"kind": "card", "value": "9400000000017", "entry": "scanned"}}

    # The customer's card is scanned: the cashier sees who it is, and not more than that.
    found = till.post("/v1/members/lookup", card)
    assert found["member_id"] == member
    assert "Nordmann" not in str(found.body)

    # The basket is priced while it grows; nothing is kept of it.
    apples, bread = line(640, sku="apple", line_id="1"), line(3390, line_id="2")
    basket = {
        "store": "str_1", "terminal": "1", "occurred_at": datetime.now(UTC).isoformat(), "currency": "USD", **card,
    }  # fmt: skip
    first = till.post("/v1/quotes", {**basket, "lines": [apples]}, key=None)
    whole = till.post("/v1/quotes", {**basket, "lines": [apples, bread]}, key=None)
    assert (first["points"]["total"], whole["points"]["total"]) == (12, 46)
    assert whole["member"]["available"] == 0

    # The customer pays. The answer is lost on its way; the till sends the same receipt until it has one.
    sale = receipt(apples, bread, **card, quote_id=whole["quote_id"])
    till.post("/v1/purchases", sale, key=None)
    sold = till.post("/v1/purchases", {**sale, "offline": True}, key=None)
    assert sold.headers["Idempotent-Replayed"] == "true"
    assert sold["points"] == {
        "base": 40, "bonus": 6, "earned": 46, "pending": 0, "spent": 0, "quoted": 46,
        "available_at": sold["occurred_at"], "expires_at": None,
    }  # fmt: skip
    assert [row["text"] for row in sold["receipt_lines"]]
    assert sold["balance"]["available"] == 46

    # Someone without a card gets a receipt that can be claimed; a newcomer practises on the till.
    stranger = till.post("/v1/purchases", receipt(line(2500)), key=None)
    assert stranger["claim_code"] in str(stranger["receipt_lines"])
    practice = till.post("/v1/purchases", receipt(line(99_900), kind="training", **card), key=None)
    assert practice.body == {"status": "ignored"}

    # At closing time the books say what the till says.
    totals = shop.office.get("/v1/program/totals").body
    assert (totals["members"], totals["purchases"], totals["lines"]) == (1, 2, 3)
    assert (totals["paid_minor"], totals["points_issued"]) == (640 + 3390 + 2500, 46)
    assert shop.balance(member)["available"] == 46
    assert breaches(shop) == []

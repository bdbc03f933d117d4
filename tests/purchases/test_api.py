"""The till's rules (R1 to R28), as a till meets them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from tests.support.shop import Shop, line, receipt


def test_a_sale_earns_by_the_rules_and_the_balance_is_there_at_once(shop: Shop) -> None:
    member = shop.enrol("CARD1")
    sold = shop.till.post(
        "/v1/purchases", receipt(line(550, sku="apple"), line(1275, line_id="2"), card="CARD1"), key=None
    )
    assert sold.status == 201
    assert sold["points"]["base"] == 18
    assert sold["points"]["bonus"] == 5
    assert shop.balance(member)["available"] == 23


def test_the_same_receipt_again_is_answered_alike_to_the_byte_and_has_no_second_effect(shop: Shop) -> None:
    member = shop.enrol("CARD2")
    body = receipt(card="CARD2")
    first = shop.till.post("/v1/purchases", body, key=None)
    again = shop.till.post("/v1/purchases", body, key=None)
    assert again.status == 201
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.raw == first.raw
    assert shop.balance(member)["available"] == 10


def test_a_queued_copy_that_only_travelled_differently_is_the_same_receipt(shop: Shop) -> None:
    body = receipt()
    shop.till.post("/v1/purchases", body, key=None)
    copy = {**body, "offline": True, "cashier": "c-9", "metadata": {"try": "2"}}
    assert shop.till.post("/v1/purchases", copy, key=None).status == 201


def test_another_sale_under_the_same_number_is_never_taken_for_a_copy(shop: Shop) -> None:
    body = receipt()
    shop.till.post("/v1/purchases", body, key=None)
    other = {**body, "lines": [line(999)], "total": 999, "payments": [{"kind": "cash", "amount": 999}]}
    refused = shop.till.post("/v1/purchases", other, key=None)
    assert (refused.status, refused.code) == (409, "receipt_mismatch")


def test_the_same_number_on_the_next_day_is_another_receipt(shop: Shop) -> None:
    body = receipt()
    shop.till.post("/v1/purchases", body, key=None)
    next_day = date.fromisoformat(body["business_date"]) + timedelta(days=1)
    tomorrow = {**body, "business_date": next_day.isoformat()}
    first = shop.till.post("/v1/purchases", body, key=None)
    second = shop.till.post("/v1/purchases", tomorrow, key=None)
    assert first["purchase_id"] != second["purchase_id"]


def test_a_key_that_comes_with_another_body_is_refused(shop: Shop) -> None:
    assert shop.till.post("/v1/purchases", receipt(), key="k-1").status == 201
    refused = shop.till.post("/v1/purchases", receipt(), key="k-1")
    assert (refused.status, refused.code) == (422, "idempotency_key_reused")


def test_a_training_receipt_leaves_nothing_behind(shop: Shop) -> None:
    body = receipt(kind="training")
    assert shop.till.post("/v1/purchases", body, key=None).body == {"status": "ignored"}
    assert shop.till.post("/v1/purchases", {**body, "kind": "sale"}, key=None).status == 201


def test_what_does_not_add_up_is_a_discrepancy_and_not_a_refusal(shop: Shop) -> None:
    body = {**receipt(line(1000)), "total": 900, "payments": [{"kind": "cash", "amount": 800}]}
    kept = shop.till.post("/v1/purchases", body, key=None)
    assert kept.status == 201
    assert kept["discrepancies"] == [
        {"code": "total_differs", "expected": 1000, "of": "lines", "received": 900},
        {"code": "total_differs", "expected": 900, "of": "payments", "received": 800},
    ]


def test_a_blocked_member_buys_and_earns_nothing(shop: Shop) -> None:
    member = shop.enrol("CARD3")
    shop.office.post(f"/v1/members/{member}/block", {"reason": "fraud_suspected"})
    sold = shop.till.post("/v1/purchases", receipt(card="CARD3"), key=None)
    assert sold.status == 201
    assert sold["points"]["earned"] == 0
    assert {"code": "member_blocked"} in sold["discrepancies"]
    assert sold["messages"]


def test_a_clock_far_ahead_is_rated_at_the_time_of_recording(shop: Shop) -> None:
    shop.enrol("CARD4")
    ahead = receipt(card="CARD4", at=datetime.now(UTC) + timedelta(days=2))
    sold = shop.till.post("/v1/purchases", ahead, key=None)
    assert sold.status == 201
    assert {"code": "clock_ahead"} in sold["discrepancies"]
    assert sold["points"]["earned"] == 10


def test_goods_on_a_negative_line_are_kept_and_pointed_at_returns(shop: Shop) -> None:
    member = shop.enrol("CARD5")
    sold = shop.till.post("/v1/purchases", receipt(line(-500), card="CARD5"), key=None)
    assert sold.status == 201
    assert sold["points"]["earned"] == 0
    assert {"code": "use_returns", "lines": ["1"]} in sold["discrepancies"]
    assert shop.balance(member)["available"] == 0


def test_dirt_of_every_kind_has_an_answer(shop: Shop) -> None:
    shop.enrol("CARD6")
    dirty = receipt(
        line(0, line_id="zero value"),
        line(100, line_id="zero quantity", quantity=0),
        line(2000, line_id="fuel", quantity=89_638, unit="ml", sku="petrol"),
        line(
            100,
            line_id="coupon above the line",
            discounts=[{"source": "till", "kind": "coupon", "amount": 150}],
        ),
        line(-30, line_id="bottle slip", type="deposit_return"),
        line(499, line_id="nobody knows this", sku="unknown-sku"),
        card="CARD6",
    )
    sold = shop.till.post("/v1/purchases", dirty, key=None)
    assert sold.status == 201
    assert sold["discrepancies"] == []
    assert sold["points"]["earned"] == (0 + 100 + 2000 - 50 - 30 + 499) // 100


def test_a_till_speaks_for_its_own_store_only(shop: Shop) -> None:
    other = shop.till.post("/v1/purchases", receipt(store="str_2"), key=None)
    assert (other.status, other.code) == (403, "store_not_allowed")


def test_a_till_cannot_see_another_stores_purchase(shop: Shop) -> None:
    sold = shop.caller("terminal", store="str_2").post("/v1/purchases", receipt(store="str_2"), key=None)
    assert shop.till.get(f"/v1/purchases/{sold['purchase_id']}").status == 404


def test_another_currency_is_refused(shop: Shop) -> None:
    refused = shop.till.post("/v1/purchases", receipt(currency="SEK"), key=None)
    assert (refused.status, refused.code) == (422, "currency_mismatch")
    assert shop.till.post("/v1/purchases", receipt(), key=None).status == 201


def test_a_refused_receipt_may_come_again_mended(shop: Shop) -> None:
    body = receipt(currency="SEK")
    shop.till.post("/v1/purchases", body, key=None)
    assert shop.till.post("/v1/purchases", {**body, "currency": "USD"}, key=None).status == 201


def test_identifier_and_member_id_must_name_one_member(shop: Shop) -> None:
    shop.enrol("CARD7")
    other = shop.enrol("CARD8")
    refused = shop.till.post("/v1/purchases", receipt(card="CARD7", member_id=other), key=None)
    assert (refused.status, refused.code) == (422, "identifier_mismatch")


def test_a_till_cannot_move_a_product_into_a_department_that_earns_more(shop: Shop) -> None:
    shop.enrol("CARD9")
    sold = shop.till.post("/v1/purchases", receipt(line(1000, department="PRODUCE"), card="CARD9"), key=None)
    assert sold["points"]["bonus"] == 0


def test_a_line_speaks_for_itself_where_the_master_is_silent(shop: Shop) -> None:
    shop.enrol("CARD10")
    own = receipt(line(1000, sku="farm-stand", department="PRODUCE"), card="CARD10")
    assert shop.till.post("/v1/purchases", own, key=None)["points"]["bonus"] == 10


def test_a_quote_promises_what_the_purchase_then_gives_and_leaves_nothing_behind(shop: Shop) -> None:
    member = shop.enrol("CARD11")
    body = receipt(line(1900), line(90, line_id="2", sku="apple"), card="CARD11")
    basket = {k: v for k, v in body.items() if k not in ("business_date", "reference", "total", "payments")}
    quote = shop.till.post("/v1/quotes", {**basket, "include": ["reasons", "near_misses"]}, key=None)
    assert quote["points"]["total"] == 19
    assert [miss["missing"] for miss in quote["near_misses"]] == [{"amount": 10}]
    assert shop.balance(member)["version"] == 1
    sold = shop.till.post("/v1/purchases", {**body, "quote_id": quote["quote_id"]}, key=None)
    assert sold["points"]["quoted"] == sold["points"]["earned"] == 19


def test_a_quote_that_nobody_made_does_not_hinder_a_sale(shop: Shop) -> None:
    for made_up in ("quo_", "quo_AAAA", "quo_ünïcödé", "x"):
        assert shop.till.post("/v1/purchases", receipt(quote_id=made_up), key=None).status == 201

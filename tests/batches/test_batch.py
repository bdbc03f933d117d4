"""Items of several kinds in one file, in their order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.purchases.racing import breaches, settled
from tests.redemptions.till import hold, opened, rich
from tests.returns.selling import figures, goods, paper
from tests.support.shop import Shop, line, receipt


def item(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "body": body}


def home(sale: dict[str, Any], *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A return to the store of the sale."""
    return goods(paper(sale), *lines, store="str_1", terminal="1", **more)


def test_a_file_of_all_kinds_is_recorded_in_its_order(shop: Shop) -> None:
    member = shop.enrol("BATCH1")
    sales = [receipt(line(2000, quantity=2), card="BATCH1", terminal="b1") for _ in range(3)]
    late = receipt(line(1000), card="BATCH1", terminal="b1")
    half = home(sales[0], {"line_id": "1", "quantity": 1})
    file = [
        item("purchase", sales[0]),
        item("purchase", sales[1]),
        item("return", half),
        item("return", home(late)),
        item("purchase", late),
        item("void", {"original": paper(sales[1]), "reason": "wrong price"}),
        item("purchase", sales[2]),
    ]
    first = shop.till.upload("POST", "/v1/batch", file).lines
    assert [(result["type"], result["status"], result["points"]) for result in first] == [
        ("purchase", "created", 20),
        ("purchase", "created", 20),
        ("return", "created", -10),
        ("return", "waiting", 0),
        ("purchase", "created", 10),
        ("void", "created", -20),
        ("purchase", "created", 20),
    ]
    assert first[2]["reference"] == half["reference"]
    again = shop.till.upload("POST", "/v1/batch", file).lines
    assert {result["status"] for result in again} == {"duplicate"}
    settled(shop)
    assert figures(shop, member) == (10 + 20, 0, 0)
    assert breaches(shop) == []


def test_what_a_till_counted_is_compared_with_what_is_here(shop: Shop) -> None:
    sales = [receipt(line(1000), terminal="t1") for _ in range(3)]
    back = goods(paper(sales[0]), store="str_1", terminal="t1")
    file = [item("purchase", sale) for sale in sales] + [item("return", back)]
    shop.till.upload("POST", "/v1/batch", file)
    day = {"store": "str_1", "terminal": "t1", "business_date": sales[0]["business_date"]}
    asked = [
        item("totals", {**day, "purchases": 3, "returns": 1, "total": 3000}),
        item("totals", {**day, "purchases": 4, "returns": 1, "total": 4000}),
        item("totals", {**day, "purchases": 3}),
        item("totals", {**day, "store": "str_2", "purchases": 0}),
    ]
    found = shop.till.upload("POST", "/v1/batch", asked).lines
    assert [result["status"] for result in found] == ["matches", "differs", "matches", "rejected"]
    assert found[1]["differences"] == {
        "purchases": {"sent": 4, "recorded": 3}, "total": {"sent": 4000, "recorded": 3000},
    }  # fmt: skip
    assert found[3]["code"] == "store_not_allowed"


def test_one_bad_item_does_not_stop_the_others(shop: Shop) -> None:
    sale = receipt(line(1000), terminal="b2")
    file = [
        item("purchase", sale),
        item("return", home(sale, {"line_id": "1", "quantity": 9})),
        item("return", home(sale, {"line_id": "7"})),
        item("return", {"reference": "torn"}),
        item("void", {"original": {**paper(sale), "reference": "no such"}, "reason": "x"}),
        item("void", {"original": {"purchase_id": "pur_00000000000000000000000000"}, "reason": "x"}),
        {"type": "return", **home(sale)},
        item("gift", {}),
        item("return", home(sale)),
    ]
    found = shop.till.upload("POST", "/v1/batch", file).lines
    assert [(result["status"], result["code"]) for result in found] == [
        ("created", None),
        ("rejected", "return_exceeds_purchase"),
        ("rejected", "validation_failed"),
        ("rejected", "validation_failed"),
        ("rejected", "purchase_unknown"),
        ("rejected", "purchase_unknown"),
        ("rejected", "item_type_unknown"),
        ("rejected", "item_type_unknown"),
        ("created", None),
    ]
    nameless = shop.till.upload("POST", "/v1/batch", [item("", {})]).lines
    assert (nameless[0]["type"], nameless[0]["code"]) == ("unknown", "item_type_unknown")
    kinds = {reject["type"] for reject in shop.office.get("/v1/rejects")["data"]}
    assert kinds >= {"return", "void", "gift"}
    assert breaches(shop) == []


def test_an_item_that_cannot_be_stored_as_it_is_stops_neither_the_batch_nor_the_list(shop: Shop) -> None:
    sale = receipt(line(1000), terminal="nul")
    deep = b'{"type":"purchase","body":' + b"[" * 300 + b"]" * 300 + b"}"
    file = [item("\x00", {}), item("purchase", {"a\x00b": 1}), deep, item("purchase", sale)]
    results = shop.till.upload("POST", "/v1/batch", file).lines
    assert [result["status"] for result in results] == ["rejected", "rejected", "rejected", "created"]
    listed = shop.office.get("/v1/rejects?limit=3")["data"]
    assert [reject["type"] for reject in listed] == ["unknown", "purchase", "\N{REPLACEMENT CHARACTER}"]
    assert listed[0]["item"].strip() == deep.decode()
    assert listed[1]["item"]["body"] == {"a\x00b": 1}


def test_a_client_that_may_not_take_goods_back_may_not_in_a_batch(shop: Shop) -> None:
    sale = receipt(line(1000))
    seller = shop.caller("terminal", scopes=("purchases:write",))
    found = seller.upload("POST", "/v1/batch", [item("purchase", sale), item("return", home(sale))]).lines
    assert [(result["status"], result["code"]) for result in found] == [
        ("created", None),
        ("rejected", "insufficient_scope"),
    ]


def test_a_hold_that_a_till_gave_up_while_it_was_alone_is_let_go(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = opened(fresh_shop, monkeypatch)
    member = rich(fresh_shop, today, 500, "BATCH9")
    held = hold(fresh_shop.till, member, 1000)
    given_up = {
        "type": "release", "redemption_id": held["redemption_id"], "occurred_at": today.now.isoformat(),
    }  # fmt: skip
    unknown = {**given_up, "redemption_id": "red_00000000000000000000000000"}
    elsewhere = fresh_shop.caller("terminal", store="str_2")
    assert [one["code"] for one in elsewhere.upload("POST", "/v1/batch", [given_up]).lines] == [
        "redemption_unknown"
    ]
    told = fresh_shop.till.upload(
        "POST", "/v1/batch", [given_up, given_up, unknown, {"type": "release"}]
    ).lines
    assert [(one["status"], one["code"]) for one in told] == [
        ("created", None),
        ("duplicate", None),
        ("rejected", "redemption_unknown"),
        ("rejected", "validation_failed"),
    ]
    assert fresh_shop.balance(member)["available"] == 500
    assert breaches(fresh_shop) == []

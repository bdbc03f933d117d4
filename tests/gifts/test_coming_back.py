"""Gifts of what comes back: taken back while they wait, named when they are missing, given again when it is undone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gifts.shop import buy, named, with_gifts
from tests.purchases.racing import breaches
from tests.returns import selling as returns
from tests.support.shop import Shop, line


@pytest.fixture(scope="module")
def gifts(shop: Shop) -> Shop:
    return with_gifts(shop)


def bring(shop: Shop, purchase: Any, *lines: dict[str, Any]) -> Any:
    """What ``lines`` name of a purchase comes back; without lines everything does."""
    reply = returns.bring(shop, returns.goods({"purchase_id": purchase["purchase_id"]}, *lines))
    assert reply.status == 201, reply.body
    return reply


def void(shop: Shop, purchase: Any) -> Any:
    return shop.till.post(f"/v1/purchases/{purchase['purchase_id']}/void", {"reason": "cashier_error"})


def state(shop: Shop, member: str, gift: str) -> str:
    return str(shop.office.get(f"/v1/members/{member}/gifts/{gift}")["state"])


def bought(shop: Shop, tag: str, *lines: Any) -> tuple[str, Any, str]:
    card, member = named(shop, tag)
    purchase = buy(shop, card, *lines)
    return member, purchase, purchase["gifts"][0]["gift_id"]


def test_a_gift_that_waits_goes_with_its_purchase_and_its_piece_is_there_again(gifts: Shop) -> None:
    found = [bought(gifts, "few") for _ in range(3)]
    assert not buy(gifts, named(gifts, "few")[0])["gifts"]
    member, purchase, gift = found[0]
    assert [one["status"] for one in void(gifts, purchase)["gifts"]] == ["taken_back"]
    assert state(gifts, member, gift) == "taken_back"
    assert gifts.till.post(f"/v1/gifts/{gift}/hand-over", {"store": "str_1"}).code == "gift_taken_back"
    assert buy(gifts, named(gifts, "few")[0])["gifts"]


def test_what_was_handed_over_is_missing_and_named_once(gifts: Shop) -> None:
    _, purchase, gift = bought(gifts, "flower", line(500), line(700, sku="apple", line_id="2"))
    gifts.till.post(f"/v1/gifts/{gift}/hand-over", {"store": "str_1"})
    kept = bring(gifts, purchase, {"line_id": "1"})
    assert ([one["status"] for one in kept["gifts"]], kept["money"]["shortfall"]) == (["kept"], 0)
    whole = bring(gifts, purchase, {"line_id": "2"})
    assert ([one["status"] for one in whole["gifts"]], whole["money"]["shortfall"]) == (["used"], 200)
    assert {"code": "gift_used", "rule": "flower", "amount": 200} in whole["discrepancies"]
    assert not void(gifts, purchase).body.get("gifts")


def test_a_part_return_takes_a_gift_whose_condition_is_lost(gifts: Shop) -> None:
    member, purchase, gift = bought(
        gifts, "chair", line(6000), line(900, sku="apple", line_id="2", quantity=0)
    )
    assert state(gifts, member, gift) == "handed_over"
    member, purchase, gift = bought(gifts, "chair", line(6000), line(3000, line_id="2"))
    assert [one["status"] for one in bring(gifts, purchase, {"line_id": "2"})["gifts"]] == ["kept"]
    back = bring(gifts, purchase, {"line_id": "1", "amount": 2000})
    assert [one["status"] for one in back["gifts"]] == ["taken_back"]
    gifts.caller("terminal", store="str_2").post(
        f"/v1/returns/{back['return_id']}/void", {"reason": "cashier_error"}
    )
    assert state(gifts, member, gift) == "granted"


def test_visits_that_were_undone_do_not_count(gifts: Shop) -> None:
    card, _ = named(gifts, "visits")
    for _ in range(4):
        void(gifts, buy(gifts, card))
    assert [len(buy(gifts, card)["gifts"]) for _ in range(3)] == [0, 0, 1]


def test_everything_still_adds_up(gifts: Shop) -> None:
    assert breaches(gifts) == []

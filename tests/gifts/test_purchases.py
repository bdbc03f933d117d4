"""Gifts that purchases bring: granted with the purchase, told at the till, kept as a surprise for the app."""

from __future__ import annotations

import pytest

from loyalty_api import ids
from loyalty_api.db import driver
from tests.gifts.shop import buy, named, with_gifts
from tests.support.shop import Shop, line, receipt


@pytest.fixture(scope="module")
def gifts(shop: Shop) -> Shop:
    return with_gifts(shop)


def rows(shop: Shop, member_id: str) -> list[tuple]:
    sql = "SELECT rule, kind, state, cause_type FROM gifts WHERE member_id = %s ORDER BY gift_id"
    with shop.database.unit_of_work() as session:
        return driver(session).execute(sql, (ids.read("mbr", member_id),)).fetchall()


def test_a_free_item_that_lies_in_the_basket_is_handed_over_with_it(gifts: Shop) -> None:
    card, member = named(gifts, "chair")
    given = buy(gifts, card, line(6000), line(0, sku="apple", line_id="2"))["gifts"]
    assert [(one["rule"], one["state"], one["sku"], one["quantity"]) for one in given] == [
        ("cushion", "handed_over", "apple", 1)
    ]
    assert rows(gifts, member) == [("cushion", "free_item", "handed_over", "purchase")]


def test_the_cashier_is_asked_to_hand_over_what_does_not(gifts: Shop) -> None:
    card, _ = named(gifts, "chair")
    reply = buy(gifts, card, line(6000), receipt={"language": "nb"})
    assert reply["messages"] == [{"audience": "cashier", "text": "Gi kunden en gave: Pute."}]
    assert {"text": "En gave til deg", "value": "Pute", "align": "left", "style": "normal"} in reply[
        "receipt_lines"
    ]
    assert not buy(gifts, named(gifts, "chair")[0], line(4000))["gifts"]


def test_every_third_visit_is_a_surprise_to_open(gifts: Shop) -> None:
    card, member = named(gifts, "visits")
    found = [buy(gifts, card)["gifts"] for _ in range(4)]
    assert [len(given) for given in found] == [0, 0, 1, 0]
    (given,) = found[2]
    assert (given["rule"], given["kind"], given["state"], given["name"]) == (
        "third",
        "points",
        "granted",
        None,
    )
    assert rows(gifts, member) == [("third", "points", "granted", "purchase")]


def test_tobacco_is_no_gift_and_a_cap_holds(gifts: Shop) -> None:
    card, _ = named(gifts, "flower")
    assert [one["rule"] for one in buy(gifts, card)["gifts"]] == ["flower"]
    assert not buy(gifts, card)["gifts"]


def test_nothing_is_drawn_without_a_draw_and_staff_get_nothing(gifts: Shop) -> None:
    card, _ = named(gifts, "draw", "points")
    assert [one["rule"] for one in buy(gifts, card)["gifts"]] == ["cheque"]
    card, _ = named(gifts, "points")
    assert not buy(gifts, card, kind="staff")["gifts"]


def test_a_repeated_receipt_brings_no_second_gift(gifts: Shop) -> None:
    card, member = named(gifts, "points")
    body = receipt(card=card)
    first, again = (gifts.till.post("/v1/purchases", body, key=None) for _ in range(2))
    assert (first.status, again.status) == (201, 201)
    assert first["gifts"] == again["gifts"]
    assert len(rows(gifts, member)) == 1


def test_what_happened_is_told_in_the_outbox(gifts: Shop) -> None:
    card, member = named(gifts, "points")
    buy(gifts, card)
    sql = "SELECT kind FROM events WHERE member_id = %s AND kind LIKE 'gift%%'"
    with gifts.database.unit_of_work() as session:
        told = driver(session).execute(sql, (ids.read("mbr", member),)).fetchall()
    assert told == [("gift_granted",)]


def test_a_quote_tells_of_the_free_item_and_of_no_surprise(gifts: Shop) -> None:
    card, member = named(gifts, "chair", "points", "draw")
    body = receipt(line(6000), line(0, sku="apple", line_id="2"), card=card)
    names = ("store", "terminal", "occurred_at", "currency", "lines", "identifier")
    quoted = gifts.till.post("/v1/quotes", {name: body[name] for name in names}, key=None)
    expected = {"rule": "cushion", "name": "Cushion", "sku": "apple", "quantity": 1, "lines": ["2"]}
    assert (quoted["gifts"], rows(gifts, member)) == ([expected], [])

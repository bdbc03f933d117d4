"""Draws at the till: one for a member, a gift and a day, and no second chance however it is tried."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from loyalty_api import ids
from tests.draws.days import NOW, buy, day, drawn, enrol, lucky, open_draws
from tests.purchases.racing import at_once, breaches, insisting
from tests.returns.selling import paper
from tests.support.shop import Shop, line, receipt


@pytest.fixture(scope="module")
def lane(shop: Shop) -> Shop:
    """A shop where half of all draws win."""
    open_draws(shop, lucky(), lucky("scarce", trigger={"chance": {"one_in": 1}}, stock=3, stores=["str_2"]))
    return shop


def of(shop: Shop, member: str, gift: str = "lucky") -> list[tuple[int, bool]]:
    """The days, from today, of a member's draws, and whether they won."""
    mine: UUID | None = ids.read("mbr", member)
    return [((one["day"] - day(0)).days, one["won"]) for one in drawn(shop, gift) if one["member_id"] == mine]


def test_ringing_again_is_no_second_chance(lane: Shop) -> None:
    member = enrol(lane, "8800001")
    sale = receipt(line(1000), card="8800001", at=NOW)
    assert lane.till.post("/v1/purchases", sale, key=None).status == 201
    (first,) = of(lane, member)
    for number in range(3):
        assert lane.till.post("/v1/voids", {"original": paper(sale), "reason": "again"}).status == 201
        sale = receipt(line(1000), card="8800001", at=NOW, reference=f"again-{number}")
        assert lane.till.post("/v1/purchases", sale, key=None).status == 201
    assert of(lane, member) == [first]


def test_a_quote_draws_nothing(lane: Shop) -> None:
    member = enrol(lane, "8800002")
    asked = ("store", "terminal", "currency", "lines", "identifier", "occurred_at")
    body = {name: value for name, value in receipt(card="8800002", at=NOW).items() if name in asked}
    assert lane.till.post("/v1/quotes", body).status == 200
    assert of(lane, member) == []


def test_nobody_draws_without_being_a_member(lane: Shop) -> None:
    before = len(drawn(lane))
    assert buy(lane, None).status == 201
    assert buy(lane, "8800999").status == 201
    assert len(drawn(lane)) == before


def test_a_late_receipt_draws_on_the_day_it_happened_until_the_seed_is_out(lane: Shop) -> None:
    member = enrol(lane, "8800003")
    for back in (1, 2, 6, 1):
        assert buy(lane, "8800003", at=NOW - timedelta(days=back)).status == 201
    assert [when for when, _ in of(lane, member)] == [-1, -2]


def test_who_joined_when_the_seed_was_made_does_not_draw_by_it(lane: Shop) -> None:
    member = enrol(lane, "8800004", days_ago=0)
    assert buy(lane, "8800004").status == 201
    assert of(lane, member) == []


def test_of_many_receipts_at_once_one_draws(lane: Shop) -> None:
    member = enrol(lane, "8800005")
    sales = [receipt(line(1000), card="8800005", at=NOW) for _ in range(8)]
    at_once(*[insisting(lane.till, "/v1/purchases", sale, key=None) for sale in sales])
    assert [when for when, _ in of(lane, member)] == [0]


def test_in_a_batch_the_first_receipt_of_a_day_draws(lane: Shop) -> None:
    member = enrol(lane, "8800006")
    items = [
        {"type": "purchase", "body": receipt(line(1000), card="8800006", at=NOW - timedelta(days=back))}
        for back in (2, 2, 1, 0, 0)
    ]
    sent = lane.till.upload("POST", "/v1/batch", items)
    assert [one["status"] for one in sent.lines[:5]] == ["created"] * 5
    assert sorted(when for when, _ in of(lane, member)) == [-2, -1, 0]


def test_a_stock_is_drawn_until_it_is_gone_and_never_further(lane: Shop) -> None:
    cards = [f"88001{n:02}" for n in range(12)]
    for card in cards:
        enrol(lane, card)
    till = lane.caller("terminal", store="str_2")
    sales = [receipt(line(1000), card=card, at=NOW, store="str_2") for card in cards]
    at_once(*[insisting(till, "/v1/purchases", sale, key=None) for sale in sales])
    assert sum(one["won"] for one in drawn(lane, "scarce")) == len(drawn(lane, "scarce")) == 3
    assert breaches(lane) == []

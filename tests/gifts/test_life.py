"""The life of a gift: hidden, opened, claimed, handed over exactly once; or its time is over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty_api import ids, jobs
from loyalty_api.db import driver
from tests.gifts.shop import buy, named, with_gifts
from tests.purchases.racing import at_once, insisting
from tests.support.shop import Shop


@pytest.fixture(scope="module")
def gifts(shop: Shop) -> Shop:
    return with_gifts(shop)


def given(shop: Shop, tag: str) -> tuple[str, str]:
    """A member with this tag who has bought something; its id and that of its gift."""
    card, member = named(shop, tag)
    (gift,) = buy(shop, card)["gifts"]
    return member, gift["gift_id"]


def run(shop: Shop, sql: str, *params: Any) -> Any:
    with shop.database.unit_of_work() as session:
        found = driver(session).execute(sql, params)
        return found.fetchall() if found.description else None


def hand_over(shop: Shop, gift: str) -> Any:
    return shop.till.post(f"/v1/gifts/{gift}/hand-over", {"store": "str_1"})


def test_a_gift_of_points_is_a_surprise_until_it_is_opened_and_booked_when_it_is_claimed(gifts: Shop) -> None:
    member, gift = given(gifts, "points")
    app, before = gifts.member(member), gifts.balance(member)["available"]
    (hidden,) = app.get("/v1/me/gifts").body["data"]
    assert (hidden["state"], hidden["title"], hidden["points"], hidden["why"]) == (
        "granted",
        "A gift for you",
        None,
        None,
    )
    for _ in range(2):
        opened = app.post(f"/v1/me/gifts/{gift}/open")
        assert (opened["state"], opened["title"]) == ("shown", "70 points for you")
    assert gifts.balance(member)["available"] == before
    for _ in range(2):
        assert app.post(f"/v1/me/gifts/{gift}/claim")["state"] == "handed_over"
    assert gifts.balance(member)["available"] == before + 70
    (entry, *_) = app.get("/v1/me/entries").body["data"]
    assert (entry["points"], entry["source"]["type"], entry["source"]["id"]) == (70, "gift", gift)
    told = app.get(f"/v1/me/entries/{entry['entry_id']}/explanation", Accept_Language="nb").body
    assert told["steps"][0]["value"] == "Den hører til det du kjøpte."
    (item, *_) = app.get("/v1/me/activity").body["data"]
    assert (item["kind"], item["points"], item["activity_id"]) == ("gift", 70, gift)


def test_goods_wait_at_the_counter_and_are_handed_over_once(gifts: Shop) -> None:
    member, gift = given(gifts, "flower")
    app = gifts.member(member)
    assert app.post(f"/v1/me/gifts/{gift}/claim")["state"] == "claimed"
    handed = hand_over(gifts, gift)
    assert (handed["state"], handed["store"], handed["title"]) == ("handed_over", "str_1", "A flower")
    assert hand_over(gifts, gift).code == "gift_handed_over"
    elsewhere = gifts.caller("terminal", store="str_2").post(
        f"/v1/gifts/{gift}/hand-over", {"store": "str_1"}
    )
    assert elsewhere.code == "store_not_allowed"


def test_of_sixty_four_hands_one_gives_the_gift(gifts: Shop) -> None:
    _, gift = given(gifts, "flower")
    work = [insisting(gifts.till, f"/v1/gifts/{gift}/hand-over", {"store": "str_1"}) for _ in range(64)]
    found = [reply.code or reply["state"] for reply in at_once(*work)]
    assert sorted(found) == ["gift_handed_over"] * 63 + ["handed_over"]
    assert run(
        gifts, "SELECT count(*) FROM events WHERE kind = 'gift_handed_over' AND subject = %s", gift
    ) == [(1,)]


def test_points_that_a_member_claims_while_a_till_hands_them_over_are_booked_once(gifts: Shop) -> None:
    member, gift = given(gifts, "points")
    app, before = gifts.member(member), gifts.balance(member)["available"]
    claims = [insisting(app, f"/v1/me/gifts/{gift}/claim") for _ in range(6)]
    hands = [insisting(gifts.till, f"/v1/gifts/{gift}/hand-over", {"store": "str_1"}) for _ in range(6)]
    at_once(*claims, *hands)
    assert gifts.balance(member)["available"] == before + 70


def test_a_message_is_there_once_it_is_opened(gifts: Shop) -> None:
    member, gift = given(gifts, "message")
    opened = gifts.member(member).post(f"/v1/me/gifts/{gift}/open", Accept_Language="nb")
    assert (opened["state"], opened["title"]) == ("handed_over", "Takk!")
    assert opened["why"] == {"text": "Den hører til det du kjøpte.", "steps": []}


def test_a_gift_of_a_coupon_is_the_members_own_once_it_is_claimed(gifts: Shop) -> None:
    member, gift = given(gifts, "coupon")
    claimed = [gifts.member(member).post(f"/v1/me/gifts/{gift}/claim") for _ in range(2)]
    (coupon,) = gifts.member(member).get("/v1/me/coupons").body["data"]
    assert [one["coupon_id"] for one in claimed] == [coupon["coupon_id"]] * 2
    assert (coupon["name"], coupon["state"], coupon["uses_left"]) == ("THANKS", "issued", 1)


def test_a_gift_that_nobody_took_is_over(gifts: Shop) -> None:
    member, gift = given(gifts, "flower")
    run(
        gifts,
        "UPDATE gifts SET expires_at = now() - interval '1 second' WHERE gift_id = %s",
        ids.read("gft", gift),
    )
    app = gifts.member(member)
    assert app.post(f"/v1/me/gifts/{gift}/open").code == "gift_expired"
    assert hand_over(gifts, gift).code == "gift_expired"
    assert app.get(f"/v1/me/gifts/{gift}")["state"] == "expired"


def test_time_ends_gifts_gives_their_stock_back_and_calls_the_others_to_mind(gifts: Shop) -> None:
    member, gift = given(gifts, "few")
    later = named(gifts, "few")[0]
    kept = buy(gifts, later)["gifts"][0]["gift_id"]
    assert gifts.member(member).get("/v1/me/summary")["gifts"] == {"unopened": 1}
    taken = "SELECT taken FROM rule_limits WHERE key = 'few:stock'"
    assert run(gifts, taken) == [(2,)]
    run(gifts, "UPDATE gifts SET expires_at = now() WHERE gift_id = %s", ids.read("gft", gift))
    run(gifts, "UPDATE gifts SET remind_at = now() WHERE gift_id = %s", ids.read("gft", kept))
    for _ in range(2):
        jobs.release_holds(gifts.database, now=datetime.now(UTC))
    told = run(
        gifts,
        "SELECT kind FROM events WHERE subject = ANY(%s) AND kind <> 'gift_granted' ORDER BY 1",
        [gift, kept],
    )
    assert told == [("gift_expired",), ("gift_expiring",)]
    assert run(gifts, taken) == [(1,)]
    assert gifts.member(member).get("/v1/me/summary")["gifts"] == {"unopened": 0}


def test_what_is_anothers_is_not_there(gifts: Shop) -> None:
    _, gift = given(gifts, "flower")
    stranger = named(gifts)[1]
    assert gifts.member(stranger).post(f"/v1/me/gifts/{gift}/open").code == "gift_unknown"
    assert gifts.office.get(f"/v1/members/{stranger}/gifts/{gift}").code == "gift_unknown"
    assert hand_over(gifts, ids.show("gft", ids.new())).code == "gift_unknown"

"""Stories of points that are used: at the till, at the counter with a code, and by nobody."""

from __future__ import annotations

import pytest

from tests.purchases.racing import breaches
from tests.redemptions.till import earn, hold, opened, rich, step
from tests.support.shop import Shop


def test_points_are_earned_held_captured_and_given_back(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = fresh_shop
    today = opened(shop, monkeypatch, available={"after_days": 14}, expire={"days": 90})
    member, card = shop.enrol("9800000000001"), "9800000000001"
    app = shop.member(member)

    # The points of the first purchase are on their way, so none of them can be used.
    earn(shop, today, 400, card)
    assert hold(shop.till, member, 5000).code == "below_minimum"

    # Two weeks later they can. The app shows what the till holds, with its countdown.
    today.pass_by(days=14)
    held = hold(shop.till, member, 2500)
    assert (held["points"], held["amount"]) == (200, 2000)
    [shown] = app.get("/v1/me/redemptions")["data"]
    assert (shown["status"], shown["expires_at"]) == ("held", held["expires_at"])

    # The sale is paid; the statement says so in the member's language.
    step(shop.till, held, "capture")
    entries = app.get("/v1/me/entries", Accept_Language="nb")["data"]
    assert [entry["title"] for entry in entries[:2]] == ["Poeng brukt, Store 1", "Poeng satt av, Store 1"]
    assert app.get("/v1/me/balance")["lifetime"]["spent"] == 200
    [used] = app.get("/v1/me/activity?kind=redemption")["data"]
    assert (used["state"], used["points"], used["money"]["amount"]) == ("captured", -200, 2000)

    # The goods come back a month later, and so do the points, to die on the day they always would have.
    today.pass_by(days=30)
    back = step(shop.till, held, "reverse", reason="goods_came_back")
    assert back["balance"]["available"] == 400
    items = app.get("/v1/me/activity")["data"]
    assert [(item["kind"], item["state"], item["points"]) for item in items] == [
        ("redemption", "reversed", 0), ("purchase", "available", 400),
    ]  # fmt: skip
    assert {lot["expires_at"] for lot in back["lots"]} == {"2031-08-04T00:00:00Z"}
    today.on("2031-08-04T00:00:00+00:00")
    assert shop.balance(member)["lifetime"] == {"earned": 400, "spent": 0, "expired": 400, "adjusted": 0}
    told = [event["kind"] for event in shop.office.get("/v1/events?limit=200")["data"]]
    assert [kind for kind in told if kind.startswith(("points_", "redemption_"))] == [
        "points_activated", "points_held", "points_redeemed", "redemption_reversed",
    ]  # fmt: skip
    assert breaches(shop) == []


def test_a_coffee_is_fetched_with_a_code(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, today = fresh_shop, opened(fresh_shop, monkeypatch)
    member = rich(shop, today, 250, "9800000000002")
    app, friend = shop.member(member), shop.member(shop.enrol())
    coffee = shop.office.post(
        "/v1/rewards", {"kind": "product", "name": {"en": "Coffee"}, "price": {"points": 100}, "stock": 1}
    )["reward_id"]

    # The member redeems it on the way to the shop; the friend sees that it has run out.
    held = app.post("/v1/me/redemptions", {"for": "reward", "reward_id": coffee})
    [seen] = friend.get("/v1/me/rewards")["data"]
    assert [reason["code"] for reason in seen["reasons"]] == ["reward_out_of_stock", "insufficient_points"]

    # At the counter the code is read out; it is good once.
    inspected = shop.till.post("/v1/codes/inspect", {"code": held["code"], "store": "str_1"}, key=None)
    assert (inspected["usable"], inspected["reward"]["name"]) == (True, "Coffee")
    assert shop.till.post("/v1/codes/use", {"code": held["code"], "store": "str_1"}).status == 200
    assert shop.till.post("/v1/codes/use", {"code": held["code"], "store": "str_1"}).code == "code_used"
    assert app.get(f"/v1/me/redemptions/{held['redemption_id']}")["status"] == "captured"
    assert breaches(shop) == []


def test_a_hold_that_everyone_forgot_returns_by_itself(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, today = fresh_shop, opened(fresh_shop, monkeypatch)
    member = rich(shop, today, 300, "9800000000003")
    held = hold(shop.till, member, 3000)
    screen = shop.member(member).get("/v1/me/summary")
    assert (screen["balance"]["available"], screen["valid_until"]) == (0, held["expires_at"])
    today.pass_by(minutes=15)
    screen = shop.member(member).get("/v1/me/summary", If_None_Match=screen.headers["ETag"])
    assert (screen.status, screen["balance"]["available"], screen["balance"]["held"]) == (200, 300, 0)
    assert hold(shop.till, member, 3000)["points"] == 300
    assert breaches(shop) == []

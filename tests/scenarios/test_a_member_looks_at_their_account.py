"""A member opens the app: the first screen in one call, a history that explains itself, and the way to more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.purchases.racing import breaches
from tests.support.calendar import Calendar
from tests.support.documents import with_lots
from tests.support.shop import Shop, line, receipt


def test_a_member_looks_at_their_account(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, today = fresh_shop, Calendar(monkeypatch, datetime(2031, 5, 5, 10, tzinfo=UTC))
    rate = {"points": 100, "amount": 1000, "step": 100, "minimum": 100}
    terms = with_lots(available={"after_days": 14}, expire={"days": 90}, redeem={"rate": rate})
    shop.publish(terms, effective_from=today.now - timedelta(days=400))
    member = shop.enrol("9400000000024")
    app = shop.member(member)

    # A newcomer: nothing yet, and a card to show.
    screen = app.get("/v1/me/summary")
    assert screen["card"] == {"format": "code128", "value": "9400000000024", "valid_until": None}
    assert (screen["balance"]["available"], screen["pending_next"], screen["valid_until"]) == (0, None, None)
    assert app.get("/v1/me/activity")["data"] == []

    # The first purchase: its points follow, and the screen says when.
    sold = shop.till.post(
        "/v1/purchases", receipt(line(20_050, sku="apple"), card="9400000000024", at=today.now), key=None
    )
    screen = app.get("/v1/me/summary", If_None_Match=screen.headers["ETag"])
    assert screen["pending_next"] == {"points": 400, "available_at": "2031-05-19T00:00:00Z"}
    assert len(screen.raw) <= 8192
    [item] = app.get("/v1/me/activity")["data"]
    assert (item["state"], item["points"], item["title"]) == ("pending", 400, "Purchase, Store 1")

    # Two weeks later the same item has changed its state; no second one has appeared.
    today.pass_by(days=14)
    screen = app.get("/v1/me/summary", If_None_Match=screen.headers["ETag"])
    assert screen["balance"]["worth"] == {"points": 400, "amount": 4000, "currency": "USD"}
    assert screen["expiring_next"] == {
        "points": 400, "expires_at": "2031-08-04T00:00:00Z", "last_day": "2031-08-03",
    }  # fmt: skip
    [item] = app.get("/v1/me/activity")["data"]
    assert item["state"] == "available"

    # Why 400? Each entry tells, in the member's language.
    earned = [entry for entry in app.get("/v1/me/entries")["data"] if entry["kind"] == "earn"]
    assert sorted(entry["points"] for entry in earned) == [200, 200]
    why = app.get(f"/v1/me/entries/{earned[0]['entry_id']}/explanation", Accept_Language="nb")
    assert "200 poeng" in why["text"]
    assert shop.office.get(f"/v1/purchases/{sold['purchase_id']}/explanation")["steps"]

    # A receipt found in a pocket is claimed; a friend cannot claim it after that, nor see anything here.
    pocket = shop.till.post("/v1/purchases", receipt(line(3000), at=today.now), key=None)
    assert app.post("/v1/me/claims", {"claim_code": pocket["claim_code"]})["state"] == "credited"
    friend = shop.member(shop.enrol())
    assert friend.post("/v1/me/claims", {"claim_code": pocket["claim_code"]})["state"] == "already_claimed"
    assert friend.get(f"/v1/members/{member}/balance").status in (403, 404)
    assert friend.get(f"/v1/me/entries/{earned[0]['entry_id']}/explanation").status == 404

    # In August the first points die unused: an item of its own says so, and the balance agrees.
    today.on("2031-08-04T00:00:00+00:00")
    items = app.get("/v1/me/activity")["data"]
    assert [(item["kind"], item["points"]) for item in items] == [
        ("expiry", -400), ("purchase", 30), ("purchase", 400),
    ]  # fmt: skip
    assert app.get("/v1/me/balance")["lifetime"] == {"earned": 430, "spent": 0, "expired": 400, "adjusted": 0}
    assert breaches(shop) == []

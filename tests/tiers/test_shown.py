"""The level wherever a member is shown, and what is for some levels only."""

from __future__ import annotations

from tests.support.calendar import Calendar
from tests.support.shop import Shop
from tests.tiers.till import Counter

OVER = "2028-01-01T00:00:00+01:00"


def test_the_summary_shows_the_level_and_never_one_that_time_has_taken(
    fresh_shop: Shop, calendar: Calendar
) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    app = fresh_shop.member(member)
    assert app.get("/v1/me/summary")["tier"]["next"] == {
        "code": "silver", "missing": 50_000, "since": "2025-12-31T23:00:00Z", "by": "2026-12-31T23:00:00Z",
    }  # fmt: skip
    shop.sells("K-1001", 100_000, at="2026-03-01T12:00+01:00")
    seen = app.get("/v1/me/summary")
    assert (seen["tier"]["code"], seen["tier"]["until"]) == ("gold", "2027-12-31T23:00:00Z")
    assert seen["valid_until"] == "2026-12-31T23:00:00Z"
    etag = seen.headers["ETag"]
    assert app.get("/v1/me/summary", If_None_Match=etag).status == 304
    calendar.on("2027-01-01T00:00+01:00")
    again = app.get("/v1/me/summary", If_None_Match=etag)
    assert (again.status, again["tier"]["progress"]["value"]) == (200, 0)
    assert again["valid_until"] == "2027-12-31T23:00:00Z"
    calendar.on(OVER)
    assert app.get("/v1/me/summary")["tier"]["code"] is None


def test_a_purchase_that_earns_nothing_moves_the_version_with_the_level(
    fresh_shop: Shop, calendar: Calendar
) -> None:
    shop = Counter(fresh_shop, calendar, metric="visits", levels=[{"id": "guest", "threshold": 1}])
    member = shop.enrol("K-1001")
    before = fresh_shop.member(member).get("/v1/me/summary")
    sale = shop.sells("K-1001", 50, at="2026-03-01T12:00+01:00")
    assert (sale["points"]["earned"], sale["tier"]["code"]) == (0, "guest")
    after = fresh_shop.member(member).get("/v1/me/summary")
    assert after["tier"]["code"] == "guest"
    assert after["version"] == sale["balance"]["version"] > before["version"]
    assert shop.all_is_well()


def test_tills_and_apps_see_the_level(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    shop.sells("K-1001", 100_000, at="2026-03-01T12:00+01:00")
    asked = {"identifier": {"kind": "card", "value": "K-1001", "entry": "scanned"}}
    assert fresh_shop.till.post("/v1/members/lookup", asked, key=None)["tier"] == "gold"
    own = fresh_shop.member(member).get("/v1/me/tier", Accept_Language="nb")
    assert own["level"]["name"] == "Gull"
    assert own["history"][0]["code"] == "gold"
    assert [level["code"] for level in own["levels"]] == ["silver", "gold"]
    assert fresh_shop.office.get("/v1/members/mbr_00000000000000000000000000/tier").status == 404


def test_a_reward_may_be_for_a_level(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    offer = {
        "kind": "product", "name": {"en": "Golden mug"}, "price": {"points": 10},
        "audience": {"tags": [], "tiers": ["gold"]},
    }  # fmt: skip
    reward = fresh_shop.office.post("/v1/rewards", offer)["reward_id"]
    wish = {"member_id": member, "for": "reward", "store": "str_1", "reward_id": reward}
    shop.sells("K-1001", 50_000, at="2026-03-01T12:00+01:00")
    refused = fresh_shop.till.post("/v1/redemptions", wish)
    assert (refused.code, refused["reasons"]) == ("reward_not_available", [{"code": "not_for_this_member"}])
    assert not fresh_shop.member(member).get("/v1/me/rewards")["data"][0]["available"]
    shop.sells("K-1001", 50_000, at="2026-03-02T12:00+01:00")
    assert fresh_shop.member(member).get("/v1/me/rewards")["data"][0]["available"]
    assert fresh_shop.till.post("/v1/redemptions", wish).status == 201

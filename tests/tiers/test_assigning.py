"""Levels that the office gives: a floor for a time, with a reason and a name to it."""

from __future__ import annotations

from tests.support.calendar import Calendar
from tests.support.shop import Shop
from tests.tiers.till import Counter

UNTIL = "2026-06-30T22:00:00Z"


def test_an_assigned_level_holds_until_its_end(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    calendar.on("2026-02-01T12:00+01:00")
    path = f"/v1/members/{member}/tier/assignments"
    given = fresh_shop.office.post(path, {"level": "gold", "until": UNTIL, "reason": "status_match"})
    assert given.status == 201, given.body
    assert (given["level"]["code"], given["until"]) == ("gold", UNTIL)
    assert given["assigned"] == {"code": "gold", "until": UNTIL, "reason": "status_match"}
    assert given["history"][0]["actor"]["kind"] == "admin"
    assert shop.sells("K-1001", 10_000, at="2026-03-01T12:00+01:00")["points"]["earned"] == 150
    shop.sells("K-1001", 50_000, at="2026-03-02T12:00+01:00")
    assert shop.level(member, at="2026-06-30T23:59+02:00") == "gold"
    assert shop.level(member, at="2026-07-01T00:00+02:00") == "silver"
    assert shop.jobs_run("2026-07-01T09:00+02:00") == 1
    assert [reason for *_, reason, _ in shop.told(member)] == ["assigned", "assignment_ended"]
    assert shop.tier(member)["assigned"] is None
    assert shop.all_is_well()


def test_an_assignment_is_taken_back(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    path = f"/v1/members/{member}/tier/assignments"
    fresh_shop.office.post(path, {"level": "silver", "until": UNTIL, "reason": "goodwill"})
    ended = fresh_shop.office.post(f"{path}/end")
    assert (ended.status, ended["level"], ended["assigned"]) == (200, None, None)
    again = fresh_shop.office.post(f"{path}/end")
    assert (again.status, again.code) == (409, "no_tier_assigned")
    assert shop.all_is_well()


def test_an_assignment_below_the_members_own_level_is_kept_and_changes_nothing(
    fresh_shop: Shop, calendar: Calendar
) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    shop.sells("K-1001", 100_000, at="2026-02-01T12:00+01:00")
    path = f"/v1/members/{member}/tier/assignments"
    given = fresh_shop.office.post(path, {"level": "silver", "until": UNTIL, "reason": "complaint"})
    assert given["level"]["code"] == "gold"
    assert [change["reason"] for change in given["history"]] == ["assigned", "reached"]
    assert len(shop.told(member)) == 1
    assert shop.all_is_well()


def test_what_cannot_be_assigned_is_refused(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    path = f"/v1/members/{member}/tier/assignments"
    body = {"level": "gold", "until": UNTIL, "reason": "goodwill"}
    assert fresh_shop.office.post(path, {**body, "level": "platinum"}).code == "tier_level_unknown"
    late = fresh_shop.office.post(path, {**body, "until": "2026-01-01T00:00:00Z"})
    assert (late.status, late["errors"][0]["pointer"]) == (422, "/until")
    assert fresh_shop.till.post(path, body).status == 403
    assert (
        fresh_shop.office.post("/v1/members/mbr_00000000000000000000000000/tier/assignments", body).status
        == 404
    )


def test_a_staff_client_with_the_scope_may_give_levels(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    body = {"level": "gold", "until": UNTIL, "reason": "goodwill"}
    desk = fresh_shop.caller("staff", scopes=("tiers:assign",))
    assert desk.post(f"/v1/members/{member}/tier/assignments", body).status == 201
    reader = fresh_shop.caller("staff", scopes=("members:read",))
    assert reader.post(f"/v1/members/{member}/tier/assignments", body).status == 403

"""Levels begin: what was bought in the period before counts, and every member stands where that brings them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.calendar import Calendar
from tests.support.shop import Shop
from tests.tiers.till import LEVELS, SINCE, Counter, document

BEGIN = datetime(2026, 3, 10, tzinfo=UTC)


def before_levels(fresh_shop: Shop, calendar: Calendar) -> tuple[Counter, dict[str, str]]:
    """A shop without levels in which members have bought: enough for gold, with some brought back, and too little."""
    shop = Counter(fresh_shop, calendar, levels=[])
    members = {card: shop.enrol(card) for card in ("K-1001", "K-1002", "K-1003")}
    shop.sells("K-1001", 70_000, at="2026-02-01T12:00+01:00")
    shop.sells("K-1001", 40_000, at="2026-02-02T12:00+01:00")
    sale = shop.sells("K-1002", 110_000, at="2026-02-03T12:00+01:00")
    shop.takes_back(sale, at="2026-02-04T12:00+01:00", amount=50_000)
    shop.sells("K-1003", 30_000, at="2025-12-30T12:00+01:00")
    shop.sells("K-1003", 30_000, at="2026-02-03T12:00+01:00")
    assert shop.tier(members["K-1001"])["progress"] is None
    return shop, members


def test_what_was_bought_before_counts_as_soon_as_levels_begin(fresh_shop: Shop, calendar: Calendar) -> None:
    shop, members = before_levels(fresh_shop, calendar)
    fresh_shop.publish(document(LEVELS), effective_from=BEGIN)
    at = "2026-03-11T12:00+01:00"
    assert [shop.level(member, at=at) for member in members.values()] == ["gold", "silver", None]
    assert shop.tier(members["K-1003"])["progress"]["value"] == 30_000
    assert fresh_shop.balance(members["K-1001"])["tier"] == {"code": "gold", "until": "2027-12-31T23:00:00Z"}
    sold = shop.sells("K-1001", 1_000, at=at)
    assert (sold["points"]["earned"], sold["tier"]["changed"]) == (15, False)
    assert shop.told(members["K-1001"]) == [(None, "gold", "rules_changed", "2026-03-10T00:00:00Z")]
    assert shop.told(members["K-1002"]) == []
    assert shop.all_is_well()


def test_the_job_finds_everybody_whom_new_levels_raise(fresh_shop: Shop, calendar: Calendar) -> None:
    shop, members = before_levels(fresh_shop, calendar)
    fresh_shop.publish(document(LEVELS), effective_from=BEGIN)
    assert shop.jobs_run("2026-03-12T12:00+01:00") == 2
    assert shop.jobs_run("2026-03-12T12:00+01:00") == 0
    changed = [(None, "silver", "rules_changed", "2026-03-10T00:00:00Z")]
    assert [shop.told(member) for member in members.values()][1:] == [changed, []]
    assert shop.level(members["K-1002"], at="2026-03-13T12:00+01:00") == "silver"
    assert shop.all_is_well()


def test_the_lowest_level_that_asks_for_nothing_is_no_change(fresh_shop: Shop, calendar: Calendar) -> None:
    shop, members = before_levels(fresh_shop, calendar)
    everybody = {"id": "member", "threshold": 0}
    fresh_shop.publish(document([everybody, *LEVELS]), effective_from=BEGIN)
    assert shop.jobs_run("2026-03-12T12:00+01:00") == 2
    seen = shop.tier(members["K-1003"])
    assert (seen["level"]["code"], seen["since"], seen["history"]) == ("member", "2026-03-10T00:00:00Z", [])
    assert shop.told(members["K-1002"]) == [("member", "silver", "rules_changed", "2026-03-10T00:00:00Z")]
    assert shop.all_is_well()


def test_goods_come_back_after_levels_began(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar, levels=[])
    member = shop.enrol("K-1001")
    sale = shop.sells("K-1001", 60_000, at="2026-02-01T12:00+01:00")
    fresh_shop.publish(document(LEVELS), effective_from=BEGIN)
    shop.takes_back(sale, at="2026-03-11T12:00+01:00", amount=20_000)
    assert shop.tier(member)["progress"]["value"] == 40_000
    assert shop.level(member, at="2026-03-11T13:00+01:00") == "silver"
    assert shop.level(member, at="2026-03-12T13:00+01:00") is None
    assert shop.all_is_well()


def test_a_claimed_purchase_counts_before_there_are_levels(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar, levels=[])
    shop.sells("K-1001", 60_000, at="2026-02-01T12:00+01:00")
    member = shop.enrol("K-1001", on="2026-02-02T12:00+01:00")
    fresh_shop.office.get(f"/v1/members/{member}/purchases")
    fresh_shop.publish(document(LEVELS), effective_from=BEGIN)
    calendar.on("2026-02-02T13:00+01:00")
    assert shop.level(member, at="2026-03-11T12:00+01:00") == "silver"
    assert shop.all_is_well()


def test_purchases_that_are_one_visit_count_as_one(fresh_shop: Shop, calendar: Calendar) -> None:
    levels = [{"id": "regular", "threshold": 3}]
    shop = Counter(fresh_shop, calendar, metric="visits", levels=levels)
    spaced = document(levels, metric="visits", benefits_from="this_purchase")
    spaced["earn"] = {**spaced["earn"], "visit_gap_minutes": 60}
    fresh_shop.publish(spaced, effective_from=SINCE.replace(year=2021))
    member = shop.enrol("K-1001")
    first = shop.sells("K-1001", 1_000, at="2026-03-01T12:00+01:00")
    shop.sells("K-1001", 1_000, at="2026-03-01T12:59+01:00")
    shop.sells("K-1001", 1_000, at="2026-03-01T13:58+01:00")
    assert shop.tier(member)["progress"]["value"] == 1
    shop.sells("K-1001", 1_000, at="2026-03-01T14:58+01:00")
    assert shop.tier(member)["progress"]["value"] == 2
    shop.takes_back(first, at="2026-03-01T15:00+01:00")
    assert shop.tier(member)["progress"]["value"] == 1
    assert shop.all_is_well()


def test_a_batch_sees_the_visits_within_itself(fresh_shop: Shop, calendar: Calendar) -> None:
    spaced = document(LEVELS, metric="visits")
    spaced["earn"] = {**spaced["earn"], "visit_gap_minutes": 30}
    shop = Counter(fresh_shop, calendar)
    fresh_shop.publish(spaced, effective_from=SINCE.replace(year=2021))
    member = shop.enrol("K-1001")
    now = calendar.on("2026-03-01T13:00+01:00")
    items = [shop.item("K-1001", 500, at=now - timedelta(minutes=n)) for n in (60, 50, 40, 10, 5)]
    assert fresh_shop.till.upload("POST", "/v1/batch", items).status == 200
    assert shop.tier(member, at="2026-03-01T13:00+01:00")["progress"]["value"] == 2
    assert shop.all_is_well()

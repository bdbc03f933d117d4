"""Goods that come back count less, on the day of their purchase; the level is read anew at the next midnight (R53)."""

from __future__ import annotations

from tests.support.calendar import Calendar
from tests.support.shop import Shop
from tests.tiers.till import Counter


def test_a_level_reached_by_goods_that_came_back_goes_at_midnight(
    fresh_shop: Shop, calendar: Calendar
) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    sale = shop.sells("K-1001", 100_000, at="2026-03-01T12:00+01:00")
    benefit = shop.sells("K-1001", 2_000, at="2026-03-02T09:00+01:00")
    back = shop.takes_back(sale, at="2026-03-02T12:00+01:00", amount=60_000)
    assert back["tier"] == {"code": "gold", "until": "2026-03-02T23:00:00Z", "changed": False}
    assert shop.tier(member)["progress"]["value"] == 42_000
    assert shop.level(member, at="2026-03-02T23:59+01:00") == "gold"
    assert shop.level(member, at="2026-03-03T00:00+01:00") is None
    assert benefit["points"]["earned"] == 30
    assert fresh_shop.balance(member)["available"] == 430
    assert shop.jobs_run("2026-03-03T08:00+01:00") == 1
    assert shop.told(member)[-1] == ("gold", None, "returned", "2026-03-02T23:00:00Z")
    assert shop.all_is_well()


def test_what_is_bought_before_midnight_saves_the_level(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    sale = shop.sells("K-1001", 100_000, at="2026-03-01T12:00+01:00")
    shop.takes_back(sale, at="2026-03-02T12:00+01:00", amount=10_000)
    shop.sells("K-1001", 10_000, at="2026-03-02T15:00+01:00")
    assert shop.jobs_run("2026-03-03T08:00+01:00") == 0
    assert shop.level(member, at="2026-03-03T08:00+01:00") == "gold"
    assert len(shop.told(member)) == 1


def test_an_undone_sale_counts_nothing_and_an_undone_return_counts_again(
    fresh_shop: Shop, calendar: Calendar
) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    sale = shop.sells("K-1001", 60_000, at="2026-03-01T12:00+01:00")
    back = shop.takes_back(sale, at="2026-03-01T13:00+01:00")
    assert shop.tier(member)["progress"]["value"] == 0
    undone = fresh_shop.till.post(f"/v1/returns/{back['return_id']}/void", {"reason": "wrong_receipt"})
    assert undone.status == 201, undone.body
    assert shop.tier(member)["progress"]["value"] == 60_000
    assert shop.level(member, at="2026-03-02T00:00+01:00") == "silver"
    voided = fresh_shop.till.post(f"/v1/purchases/{sale['purchase_id']}/void", {"reason": "wrong_price"})
    assert voided.status in (200, 201), voided.body
    assert shop.tier(member)["progress"]["value"] == 0
    assert shop.level(member, at="2026-03-03T00:00+01:00") is None
    assert shop.all_is_well()


def test_points_of_the_level_come_back_with_the_goods(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    shop.sells("K-1001", 100_000, at="2026-03-01T12:00+01:00")
    sale = shop.sells("K-1001", 10_000, at="2026-03-02T12:00+01:00")
    assert sale["points"]["earned"] == 150
    assert shop.takes_back(sale, at="2026-03-03T12:00+01:00", amount=5_000)["points"]["taken_back"] == 75
    assert shop.takes_back(sale, at="2026-03-03T13:00+01:00")["points"]["taken_back"] == 75
    assert fresh_shop.balance(member)["available"] == 1000
    assert shop.all_is_well()


def test_a_purchase_of_last_year_that_comes_back_lowers_last_year(
    fresh_shop: Shop, calendar: Calendar
) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    sale = shop.sells("K-1001", 100_000, at="2026-12-30T12:00+01:00")
    shop.sells("K-1001", 60_000, at="2027-01-04T12:00+01:00")
    shop.takes_back(sale, at="2027-01-05T12:00+01:00")
    assert shop.tier(member)["progress"]["value"] == 60_000
    assert shop.level(member, at="2027-01-06T00:00+01:00") == "silver"


def test_a_return_may_wait_for_the_periods_end(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar, on_return="at_period_end")
    member = shop.enrol("K-1001")
    sale = shop.sells("K-1001", 100_000, at="2026-03-01T12:00+01:00")
    shop.takes_back(sale, at="2026-03-02T12:00+01:00")
    assert shop.level(member, at="2026-12-31T23:59+01:00") == "gold"
    assert shop.level(member, at="2027-01-01T00:00+01:00") is None

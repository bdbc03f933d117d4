"""Levels are reached by buying: at once, told once, with benefits from the next purchase on."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.purchases.racing import another, at_once, until_answered
from tests.support.calendar import Calendar
from tests.support.shop import Shop, line, receipt
from tests.tiers.till import Counter, document

NOT_IN_A_QUOTE = {"business_date", "reference", "total", "payments"}


def test_the_purchase_that_reaches_a_level_counts_and_the_next_one_has_the_benefit(
    fresh_shop: Shop, calendar: Calendar
) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    first = shop.sells("K-1001", 60_000, at="2026-03-01T12:00+01:00")
    assert first["tier"] == {"code": "silver", "until": "2027-12-31T23:00:00Z", "changed": True}
    second = shop.sells("K-1001", 45_050, at="2026-03-02T12:00+01:00")
    assert (second["tier"]["code"], second["points"]["earned"]) == ("gold", 450)
    third = shop.sells("K-1001", 1_550, at="2026-03-02T12:30+01:00")
    assert third["tier"] == {"code": "gold", "until": "2027-12-31T23:00:00Z", "changed": False}
    assert third["points"]["earned"] == 15 + 7
    assert [(e["rule"], e["granted"], e["points"]) for e in third["effects"]] == [
        ("base", 15, {"1": 15}), ("tier:gold", 7, {"1": 7})
    ]  # fmt: skip
    assert shop.told(member) == [
        (None, "silver", "reached", "2026-03-01T11:00:00Z"),
        ("silver", "gold", "reached", "2026-03-02T11:00:00Z"),
    ]
    assert shop.all_is_well()


def test_benefits_may_begin_with_the_purchase_that_reaches_the_level(
    fresh_shop: Shop, calendar: Calendar
) -> None:
    shop = Counter(fresh_shop, calendar, benefits_from="this_purchase")
    shop.enrol("K-1001")
    body = receipt(line(100_000), card="K-1001", at=calendar.on("2026-03-01T12:00+01:00"))
    asked = {name: value for name, value in body.items() if name not in NOT_IN_A_QUOTE}
    quoted = fresh_shop.till.post("/v1/quotes", asked, key=None)
    assert quoted["points"]["total"] == 1500
    assert quoted["member"]["tier"] is None
    assert shop.sells("K-1001", 100_000, at="2026-03-01T12:00+01:00")["points"]["earned"] == 1500
    assert shop.sells("K-1001", 40_000, at="2026-03-02T12:00+01:00")["points"]["earned"] == 600
    assert shop.all_is_well()


def test_a_level_explains_itself(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    shop.sells("K-1001", 100_000, at="2026-03-01T12:00+01:00")
    sale = shop.sells("K-1001", 1_550, at="2026-03-02T12:00+01:00")
    path = f"/v1/purchases/{sale['purchase_id']}/explanation"
    said = fresh_shop.office.get(path, Accept_Language="en")["steps"]
    assert {
        "label": "Gold",
        "value": "0.5 times 15 points on top = 7 points",
    } in said
    said = fresh_shop.office.get(path, Accept_Language="nb")["steps"]
    value = "0,5 ganger 15 poeng i tillegg = 7 poeng"
    assert {"label": "Gull", "value": value} in said
    entries = fresh_shop.office.get(f"/v1/members/{member}/entries")["data"]
    assert any(entry["rule"]["id"] == "tier:gold" for entry in entries)


def test_what_may_not_earn_does_not_count(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    at = "2026-03-01T12:00+01:00"
    shop.sells("K-1001", 80_000, at=at, kind="staff")
    calendar.on(at)
    cigars = receipt(line(70_000, sku="cigar"), line(20_000, line_id="2"), card="K-1001", at=calendar.now)
    fresh_shop.till.post("/v1/purchases", cigars, key=None)
    assert shop.tier(member)["progress"]["value"] == 20_000
    assert shop.tier(member)["level"] is None


def test_points_and_visits_may_be_what_counts(fresh_shop: Shop, calendar: Calendar) -> None:
    levels = [{"id": "regular", "threshold": 3}]
    shop = Counter(fresh_shop, calendar, metric="visits", levels=levels)
    member = shop.enrol("K-1001")
    changed = [
        shop.sells("K-1001", 500, at=f"2026-03-0{n}T12:00+01:00")["tier"]["changed"] for n in (1, 2, 3, 4)
    ]
    assert changed == [False, False, True, False]
    calendar.on("2026-05-01T00:00+02:00")
    fresh_shop.publish(
        document([{"id": "regular", "threshold": 20}], metric="points"),
        effective_from=datetime(2026, 4, 30, tzinfo=UTC),
    )
    seen = shop.tier(member)
    assert seen["progress"]["metric"] == "points"
    assert (seen["progress"]["value"], seen["level"]["code"]) == (20, "regular")


def test_a_late_receipt_is_rated_by_the_level_of_its_own_time(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    shop.sells("K-1001", 100_000, at="2026-03-01T12:00+01:00")
    before = shop.sells("K-1001", 10_000, at="2026-02-20T12:00+01:00", recorded="2026-03-05T12:00+01:00")
    after = shop.sells("K-1001", 10_000, at="2026-03-02T12:00+01:00", recorded="2026-03-05T12:00+01:00")
    assert [before["points"]["earned"], after["points"]["earned"]] == [100, 150]
    late = shop.sells("K-1001", 1_000, at="2027-12-31T12:00+01:00", recorded="2028-01-02T12:00+01:00")
    assert late["points"]["earned"] == 15
    assert shop.told(member)[-1] == ("gold", None, "period_ended", "2027-12-31T23:00:00Z")
    assert shop.all_is_well()


def test_a_late_receipt_raises_from_when_it_is_recorded(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    sale = shop.sells("K-1001", 100_000, at="2026-12-30T12:00+01:00", recorded="2027-01-10T12:00+01:00")
    assert sale["tier"] == {"code": "gold", "until": "2027-12-31T23:00:00Z", "changed": True}
    assert shop.told(member) == [(None, "gold", "reached", "2027-01-10T11:00:00Z")]
    assert shop.tier(member)["progress"]["value"] == 0


def test_a_receipt_that_was_reviewed_counts_on_its_own_day(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    strict = {**document(), "purchases": {"late_days": 31}}
    fresh_shop.publish(strict, effective_from=datetime(2021, 1, 1, tzinfo=UTC))
    member = shop.enrol("K-1001")
    sale = shop.sells("K-1001", 60_000, at="2026-12-01T12:00+01:00", recorded="2027-02-01T12:00+01:00")
    assert (sale["points"]["earned"], sale["tier"]["code"]) == (0, None)
    rated = fresh_shop.office.post(
        f"/v1/purchases/{sale['purchase_id']}/review", {"note": "The line was down."}
    )
    assert (rated.status, rated["tier"]["code"], rated["tier"]["until"]) == (
        200,
        "silver",
        "2027-12-31T23:00:00Z",
    )
    assert shop.told(member) == [(None, "silver", "reached", "2027-02-01T11:00:00Z")]
    assert shop.tier(member)["progress"]["value"] == 0
    assert shop.all_is_well()


def test_a_batch_counts_every_purchase_of_it(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    members = {card: shop.enrol(card) for card in ("K-1001", "K-1002")}
    now = calendar.on("2026-03-01T12:00+01:00")
    items = [
        {"type": "purchase", "body": receipt(line(9_000), card=card, at=now)}
        for _ in range(12)
        for card in members
    ]
    done = fresh_shop.till.upload("POST", "/v1/batch", items)
    assert {one["status"] for one in done.lines if "status" in one} == {"created"}, done.raw
    for member in members.values():
        assert shop.tier(member)["progress"]["value"] == 108_000
        assert [level for _, level, *_ in shop.told(member)] == ["silver", "gold"]
    assert shop.all_is_well()


def test_a_claimed_purchase_counts_on_its_own_day(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    calendar.on("2026-03-01T12:00+01:00")
    sold = fresh_shop.till.post("/v1/purchases", receipt(line(60_000), at=calendar.now), key=None)
    assert sold["tier"] is None
    calendar.on("2026-03-03T12:00+01:00")
    claimed = fresh_shop.member(member).post("/v1/me/claims", {"claim_code": sold["claim_code"]})
    assert claimed.status in (200, 201, 202), claimed.body
    assert shop.told(member) == [(None, "silver", "reached", "2026-03-03T11:00:00Z")]
    assert fresh_shop.office.get(f"/v1/purchases/{sold['purchase_id']}")["tier"]["code"] == "silver"
    assert shop.all_is_well()


def test_two_purchases_at_once_reach_a_level_once(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    now = calendar.on("2026-03-01T12:00+01:00")
    bodies = [receipt(line(30_000), card="K-1001", at=now) for _ in range(16)]
    tills = [another(fresh_shop.till) for _ in bodies]
    answers = at_once(
        *[lambda t=t, b=b: until_answered(t, b, []) for t, b in zip(tills, bodies, strict=True)]
    )
    assert sorted(answer["tier"]["changed"] for answer in answers) == [False] * 14 + [True] * 2
    assert [level for _, level, *_ in shop.told(member)] == ["silver", "gold"]
    assert shop.tier(member)["progress"]["value"] == 480_000
    assert shop.all_is_well()


def test_a_program_without_levels_says_nothing_of_them(fresh_shop: Shop, calendar: Calendar) -> None:
    calendar.on("2026-03-01T12:00+01:00")
    member = fresh_shop.enrol("K-1001")
    body = receipt(line(60_000), card="K-1001", at=calendar.now)
    assert fresh_shop.till.post("/v1/purchases", body, key=None)["tier"] is None
    seen = fresh_shop.office.get(f"/v1/members/{member}/tier").body
    assert (seen["level"], seen["progress"], seen["levels"], seen["history"]) == (None, None, [], [])
    assert fresh_shop.balance(member)["tier"] is None

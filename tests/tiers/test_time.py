"""What time does to levels: the same whenever it is asked and whenever a job runs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from loyalty_api import jobs
from loyalty_api.tiers import overdue
from tests.support.calendar import Calendar
from tests.support.shop import Shop
from tests.tiers.till import LEVELS, Counter, document

OVER = "2028-01-01T00:00+01:00"


def test_a_period_ends_for_all_who_did_not_keep_the_level(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    lost, kept = shop.enrol("K-1001"), shop.enrol("K-1002")
    shop.sells("K-1001", 100_000, at="2026-03-01T12:00+01:00")
    shop.sells("K-1002", 100_000, at="2026-03-01T12:00+01:00")
    shop.sells("K-1001", 60_000, at="2027-10-01T12:00+02:00")
    shop.sells("K-1002", 100_000, at="2027-10-01T12:00+02:00")
    assert shop.jobs_run("2027-12-31T23:59+01:00") == 0
    assert [shop.level(member, at=OVER) for member in (lost, kept)] == ["silver", "gold"]
    assert shop.jobs_run("2028-01-03T09:30+01:00") == 1
    assert shop.jobs_run("2028-01-03T09:31+01:00") == 0
    assert shop.told(lost)[1:] == [("gold", "silver", "period_ended", "2027-12-31T23:00:00Z")]
    assert len(shop.told(kept)) == 1
    assert shop.all_is_well()


def test_a_job_that_is_stopped_anywhere_is_gone_on_with(
    fresh_shop: Shop, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Counter(fresh_shop, calendar)
    members = [shop.enrol(f"K-10{n:02}") for n in range(9)]
    for n in range(9):
        shop.sells(f"K-10{n:02}", 60_000, at="2026-03-01T12:00+01:00")
    now = calendar.on("2028-02-01T12:00+01:00")
    monkeypatch.setattr(jobs, "MEMBERS_AT_ONCE", 2)
    batches = 0

    def told() -> bool:
        nonlocal batches
        batches += 1
        return batches > 2

    assert jobs.settle_levels(fresh_shop.database, now=now, limit=jobs.Limit(told=told)) == 4
    with pytest.raises(RuntimeError), fresh_shop.database.unit_of_work() as session:
        through = overdue.read_timeline(session, now=now)
        assert overdue.settle_batch(session, walk="due_at", through=through, now=now, limit=3)[0] == 3
        raise RuntimeError
    assert jobs.settle_levels(fresh_shop.database, now=now) == 5
    assert all(len(shop.told(member)) == 2 for member in members)
    assert shop.all_is_well()


def test_a_member_who_is_at_a_till_is_left_to_the_till(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    shop.sells("K-1001", 60_000, at="2026-03-01T12:00+01:00")
    now = calendar.on("2028-02-01T12:00+01:00")
    with fresh_shop.database.unit_of_work() as session:
        session.connection().exec_driver_sql("SELECT 1 FROM members FOR UPDATE")
        assert jobs.settle_levels(fresh_shop.database, now=now) == 0
    sale = shop.sells("K-1001", 1_000, at="2028-02-01T12:00+01:00")
    assert sale["tier"] == {"code": None, "until": None, "changed": False}
    assert jobs.settle_levels(fresh_shop.database, now=now) == 0
    assert len(shop.told(member)) == 2
    assert shop.all_is_well()


def test_lower_thresholds_raise_members_who_do_nothing(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar)
    member = shop.enrol("K-1001")
    shop.sells("K-1001", 30_000, at="2026-03-01T12:00+01:00")
    easier = [{**LEVELS[0], "threshold": 25_000}, LEVELS[1]]
    fresh_shop.publish(document(easier), effective_from=datetime(2026, 4, 1, tzinfo=UTC))
    assert shop.level(member, at="2026-03-31T12:00+02:00") is None
    assert shop.level(member, at="2026-04-01T12:00+02:00") == "silver"
    assert shop.jobs_run("2026-04-05T12:00+02:00") == 1
    assert shop.told(member) == [(None, "silver", "rules_changed", "2026-04-01T00:00:00Z")]
    assert shop.jobs_run("2026-04-05T12:01+02:00") == 0


def test_grace_and_steps(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar, downgrade={"to": "one_step", "grace_days": 30})
    member = shop.enrol("K-1001")
    shop.sells("K-1001", 100_000, at="2026-03-01T12:00+01:00")
    levels = [
        shop.level(member, at=f"{day}T00:00+01:00") for day in ("2028-01-30", "2028-01-31", "2029-01-31")
    ]
    assert levels == ["gold", "silver", None]


def test_history_is_shown_in_pages_written_or_not(fresh_shop: Shop, calendar: Calendar) -> None:
    shop = Counter(fresh_shop, calendar, period={"rolling": 1})
    member = shop.enrol("K-1001")
    for month in (2, 4, 6, 8):
        shop.sells("K-1001", 60_000, at=f"2026-{month:02}-01T12:00+01:00")
    expected = [None, "silver"] * 4
    calendar.on("2026-10-01T12:00+02:00")
    assert [change["code"] for change in shop.tier(member)["history"]] == expected
    first = shop.tier(member, path="?limit=3")
    rest = shop.tier(member, path=f"?limit=50&cursor={first['next_cursor']}")
    assert [change["code"] for change in first["history"] + rest["history"]] == expected
    assert rest["next_cursor"] is None
    before = shop.tier(member)["history"]
    assert shop.jobs_run("2026-10-01T12:00+02:00") == 1
    assert [{**c, "recorded_at": 0} for c in shop.tier(member)["history"]] == [
        {**c, "recorded_at": 0} for c in before
    ]

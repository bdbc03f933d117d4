"""A period's sum earns once, when it is over, whoever is killed; what is found later is settled by the difference."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api import jobs
from loyalty_api.period_bonuses import rules
from loyalty_api.program.rules_lots import LotTerms
from loyalty_api.rating.rules_program import check_document
from tests.docs import markdown
from tests.purchases.racing import at_once, breaches
from tests.support.calendar import Calendar
from tests.support.shop import Reply, Shop
from tests.tiers.till import Counter, document

STEPS = {"steps": [{"from": 20_000, "points": 100}, {"from": 50_000, "points": 300}]}
LATE = 20


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    return Calendar(monkeypatch)


def program(kind: str = "month", **more: Any) -> dict[str, Any]:
    """A point for each whole 1.00, and a bonus on what was bought in a period."""
    base = document([], **more.pop("tiers", {}))
    earn = {**base["earn"], "period_table": {kind: STEPS}}
    return {**base, "earn": earn, "purchases": {"late_days": LATE}, **more}


@pytest.fixture
def counter(fresh_shop: Shop, calendar: Calendar) -> Counter:
    """A shop in Oslo whose months earn, from 2026 on."""
    made = Counter(fresh_shop, calendar, levels=[])
    fresh_shop.publish(program(), effective_from=datetime(2026, 1, 1, tzinfo=UTC))
    return made


def settle(counter: Counter, at: str, **more: Any) -> int:
    return jobs.settle_periods(counter.shop.database, now=counter.calendar.on(at), **more)


def bonus(counter: Counter, member: str) -> Reply:
    reply = counter.shop.office.get(f"/v1/members/{member}/period-bonus")
    assert reply.status == 200, reply.body
    return reply


def entries(counter: Counter, member: str) -> list[dict[str, Any]]:
    found = counter.shop.office.get(f"/v1/members/{member}/entries", Accept_Language="en")["data"]
    return [entry for entry in found if entry["source"]["type"] == "period"]


def test_a_month_is_estimated_while_it_runs_and_settled_once_when_it_is_over(counter: Counter) -> None:
    member = counter.enrol("P-1001")
    counter.sells("P-1001", 15_000, at="2026-02-28T23:30+01:00")
    counter.sells("P-1001", 30_000, at="2026-03-01T00:30+01:00")
    seen = bonus(counter, member)
    assert (seen["period"]["name"], seen["spent"], seen["points"]) == ("2026-03", 30_000, 100)
    assert seen["next"] == {"from": 50_000, "missing": 20_000, "points": 300}
    assert settle(counter, "2026-03-31T23:59+02:00") == 0
    assert settle(counter, "2026-04-01T00:00+02:00") == 1
    assert settle(counter, "2026-04-01T00:10+02:00") == 0
    [entry] = entries(counter, member)
    assert (entry["title"], entry["text"]) == (
        "Bonus for the period",
        "100 points from 200.00 USD, with 300.00 USD",
    )
    assert (entry["points"], entry["occurred_at"]) == (100, "2026-03-31T22:00:00Z")
    assert entry["source"]["reference"] == "2026-03"
    why = counter.shop.office.get(entry["explanation"], Accept_Language="en")
    assert why["text"] == "100 points from the rule Bonus for the period."
    assert [(s["period"], s["spent"], s["points"]) for s in bonus(counter, member)["settled"]] == [
        ("2026-03", 30_000, 100)
    ]
    [item] = counter.shop.member(member).get("/v1/me/activity?kind=period")["data"]
    assert (item["points"], item["state"]) == (100, "booked")
    assert counter.shop.balance(member)["available"] == 150 + 300 + 100
    assert counter.all_is_well()


def test_what_comes_later_is_settled_by_the_difference_until_the_period_closes(counter: Counter) -> None:
    member = counter.enrol("P-1001")
    sale = counter.sells("P-1001", 30_000, at="2026-03-10T12:00+01:00")
    assert settle(counter, "2026-04-01T06:00+02:00") == 1
    counter.sells("P-1001", 25_000, at="2026-03-20T12:00+01:00", recorded="2026-04-02T12:00+02:00")
    assert settle(counter, "2026-04-02T13:00+02:00") == 1
    counter.takes_back(sale, at="2026-04-03T12:00+02:00")
    assert settle(counter, "2026-04-03T13:00+02:00") == 1
    assert [entry["points"] for entry in entries(counter, member)] == [100, 100, 200, 100]
    assert entries(counter, member)[0]["kind"] == "period_back"
    assert bonus(counter, member)["settled"][0]["points"] == 100
    assert settle(counter, "2026-04-20T00:00+02:00") == 0
    counter.sells("P-1001", 90_000, at="2026-03-31T12:00+02:00", recorded="2026-04-20T10:00+02:00")
    assert settle(counter, "2026-04-21T00:00+02:00") == 1
    counter.takes_back(
        counter.sells("P-1001", 1_000, at="2026-04-21T10:00+02:00"), at="2026-04-22T10:00+02:00"
    )
    assert settle(counter, "2026-04-25T00:00+02:00") == 0
    assert bonus(counter, member)["settled"][0]["points"] == 300
    assert counter.all_is_well()


def test_points_that_are_gone_are_owed_or_kept_as_the_program_says(
    fresh_shop: Shop, calendar: Calendar
) -> None:
    counter = Counter(fresh_shop, calendar, levels=[])
    gentle = program(returns={"take_back": "within_balance"}, lots={"expire": {"days": 1}})
    fresh_shop.publish(gentle, effective_from=datetime(2026, 1, 1, tzinfo=UTC))
    member = counter.enrol("P-1001")
    sale = counter.sells("P-1001", 20_000, at="2026-03-10T12:00+01:00")
    assert settle(counter, "2026-04-05T06:00+02:00") == 1
    assert fresh_shop.balance(member)["available"] == 0
    counter.takes_back(sale, at="2026-04-06T12:00+02:00")
    assert settle(counter, "2026-04-06T13:00+02:00") == 1
    assert settle(counter, "2026-04-07T13:00+02:00") == 0
    assert (fresh_shop.balance(member)["available"], fresh_shop.balance(member)["debt"]) == (0, 0)
    assert counter.all_is_well()


def test_it_may_be_killed_anywhere_and_run_many_times_at_once(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MEMBERS_AT_ONCE", 2)
    members = [counter.enrol(f"P-200{n}") for n in range(7)]
    for n in range(7):
        counter.sells(f"P-200{n}", 60_000, at="2026-03-10T12:00+01:00")
    told = iter([False, False, True])
    limit = jobs.Limit(told=lambda: next(told))
    assert settle(counter, "2026-04-01T06:00+02:00", limit=limit) == 4
    now = counter.calendar.now
    runs = at_once(*[lambda: jobs.settle_periods(counter.shop.database, now=now)] * 4)
    while more := jobs.settle_periods(counter.shop.database, now=now):
        runs.append(more)
    assert sum(runs) == 3
    assert {counter.shop.balance(member)["available"] for member in members} == {600 + 300}
    assert counter.all_is_well()


def test_who_is_at_a_till_or_may_not_earn_is_left_for_later(counter: Counter) -> None:
    members = [counter.enrol(f"P-300{n}") for n in range(2)]
    for n in range(2):
        counter.sells(f"P-300{n}", 60_000, at="2026-03-10T12:00+01:00")
    assert counter.shop.office.post(f"/v1/members/{members[1]}/block", {"reason": "misuse"}).status == 200
    with counter.shop.database.unit_of_work() as session:
        session.connection().exec_driver_sql("SELECT 1 FROM members FOR UPDATE")
        assert settle(counter, "2026-04-01T06:00+02:00") == 0
    assert settle(counter, "2026-04-01T06:01+02:00") == 1
    assert counter.shop.office.post(f"/v1/members/{members[1]}/unblock", {"reason": "other"}).status == 200
    assert settle(counter, "2026-04-02T06:01+02:00") == 1
    assert counter.all_is_well()


def test_the_version_in_force_at_the_last_moment_decides(counter: Counter) -> None:
    member = counter.enrol("P-1001")
    counter.sells("P-1001", 60_000, at="2026-01-10T12:00+01:00")
    counter.shop.publish(program("quarter"), effective_from=datetime(2026, 2, 10, tzinfo=UTC))
    assert settle(counter, "2026-07-02T06:00+02:00") == 2
    assert [s["period"] for s in bonus(counter, member)["settled"]] == ["2026-Q1", "2026-01"]
    assert counter.shop.member(member).get("/v1/me/period-bonus")["period"]["name"] == "2026-Q3"
    assert breaches(counter.shop) == []


@given(st.dates(date(1970, 1, 1), date(2199, 12, 31)), st.sampled_from(["month", "quarter", "year"]))
def test_every_day_lies_in_one_period(day: date, kind: str) -> None:
    period = rules.period_of(kind, day)
    assert period.first <= day < period.end
    assert rules.period_of(kind, period.first) == period
    assert rules.period_of(kind, period.end) != period


def test_periods_end_by_the_clock_of_the_program() -> None:
    zone = ZoneInfo("Europe/Oslo")
    table = rules.Table(1, zone, "month", ((1, 1),), 31, "debt", LotTerms())
    due = rules.ended([(datetime(2026, 2, 15, tzinfo=UTC), table)], datetime(2026, 3, 31, 22, tzinfo=UTC))
    assert [each.period.name for each in due] == ["2026-02", "2026-03"]
    before = rules.ended([(datetime(2026, 2, 15, tzinfo=UTC), table)], datetime(2026, 3, 31, 21, tzinfo=UTC))
    assert [each.period.name for each in before] == ["2026-02"]


def test_steps_that_do_not_go_up_are_a_fault() -> None:
    steps = {"steps": [{"from": 5, "points": 1}, {"from": 5, "points": 2}]}
    document = {"currency": "NOK", "time_zone": "Europe/Oslo", "earn": {"period_table": {"month": steps}}}
    assert [fault.pointer for fault in check_document(document)] == ["/earn/period_table/month/steps"]


def test_the_page_is_answered_as_it_says(fresh_shop: Shop, calendar: Calendar) -> None:
    page = markdown.read("docs/program.md")
    [rules_of] = [json.loads(b.text) for b in markdown.blocks(page, "json") if '"period_table"' in b.text]
    counter = Counter(fresh_shop, calendar, levels=[])
    fresh_shop.publish({**rules_of, "currency": "USD"}, effective_from=datetime(2026, 1, 1, tzinfo=UTC))
    member = counter.enrol("P-1001")
    counter.sells("P-1001", 210_000, at="2026-03-20T12:00+01:00")
    _, answered = markdown.blocks(page, "http app", "json answer")[:2]
    reply = fresh_shop.member(member).get("/v1/me/period-bonus")
    assert markdown.differs(json.loads(answered.text), reply.body) == ""

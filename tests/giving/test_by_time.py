"""Gifts that the calendar brings: each once, at whatever hour, to nobody whose day it is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from loyalty_api import ids
from tests.giving.shop import (
    NOW,
    TODAY,
    ago,
    born,
    bought,
    card,
    document,
    execute,
    gifts_of,
    joined,
    occasions,
    run,
)
from tests.purchases.racing import at_once, breaches, settled
from tests.support.shop import Shop


@pytest.fixture(scope="module")
def giving(shop: Shop) -> Iterator[Shop]:
    shop.publish(document(), effective_from=ago(400))
    yield shop
    assert breaches(settled(shop)) == []


def test_a_birthday_brings_one_gift_a_year_however_often_the_job_runs(giving: Shop) -> None:
    member, other = born(giving, TODAY), born(giving, TODAY + timedelta(days=9))
    soon, sour = born(giving, TODAY + timedelta(days=3)), born(giving, TODAY, tags=["sour"])
    assert run(giving).given >= 2
    assert gifts_of(giving, member) == [("cake", "time", f"birthday:{TODAY.year}")]
    assert [rule for rule, *_ in gifts_of(giving, soon)] == ["early"]
    assert (gifts_of(giving, other), gifts_of(giving, sour)) == ([], [])
    assert occasions(giving, sour) == [("cake", f"birthday:{TODAY.year}", "refused", "conditions_not_met")]
    assert run(giving).given == 0
    execute(giving, "DELETE FROM gift_walks")
    execute(giving, "UPDATE gift_occasions SET state = 'waiting', gift_id = NULL, settled_at = NULL")
    run(giving)
    assert len(gifts_of(giving, member)) == 1


def test_who_may_have_none_on_that_day_gets_none(giving: Shop) -> None:
    staff, blocked, unwilling = born(giving, TODAY), born(giving, TODAY), born(giving, TODAY)
    giving.office.post(f"/v1/members/{staff}/identifiers", {"kind": "staff", "value": "kari-1"})
    giving.office.post(f"/v1/members/{blocked}/block", {"reason": "misuse"})
    giving.office.put(f"/v1/members/{unwilling}/gift-choices", {"gifts": False, "profiling": True})
    execute(giving, "DELETE FROM gift_walks")
    run(giving)
    assert [gifts_of(giving, each) for each in (staff, blocked, unwilling)] == [[], [], []]


def test_a_birthday_that_was_told_anew_is_no_second_one(giving: Shop) -> None:
    member = born(giving, TODAY)
    execute(giving, "DELETE FROM gift_walks")
    run(giving)
    tomorrow = NOW + timedelta(days=1)
    app = giving.member(member)
    etag = app.get("/v1/me").headers["ETag"]
    written = tomorrow.date().replace(year=1984).isoformat()
    assert app.patch("/v1/me", {"profile": {"birth_date": written}}, If_Match=etag).status == 200
    run(giving, tomorrow)
    assert [rule for rule, *_ in gifts_of(giving, member)] == ["cake"]


def test_profiles_of_before_are_indexed_and_days_of_rest_made_up_for(giving: Shop) -> None:
    member = born(giving, TODAY + timedelta(days=12))
    execute(giving, "UPDATE member_profiles SET birthday = NULL")
    run(giving)
    run(giving, NOW + timedelta(days=15))
    assert [rule for rule, *_ in gifts_of(giving, member)] == ["cake", "early"]
    execute(giving, "DELETE FROM gift_walks")


def test_an_anniversary_is_kept_and_its_budget_too(giving: Shop) -> None:
    day = TODAY - timedelta(days=40)
    if (day.month, day.day) == (2, 29):
        day -= timedelta(days=1)
    at = NOW.replace(year=day.year - 3, month=day.month, day=day.day)
    members = [joined(giving, at) for _ in range(3)]
    run(giving, ago(40))
    found = [gifts_of(giving, member) for member in members]
    assert sorted(map(len, found)) == [0, 1, 1]
    assert sorted(occasions(giving, member)[0][2:] for member in members) == [
        ("given", None), ("given", None), ("refused", "gifts_used_up"),
    ]  # fmt: skip
    assert found.count([("year", "time", "anniversary:3")]) == 2


def test_silence_is_broken_once_and_not_by_who_came_back(giving: Shop) -> None:
    silent, back, never = card(), card(), giving.enrol(card())
    one, two = giving.enrol(silent), giving.enrol(back)
    bought(giving, silent, ago(70))
    bought(giving, back, ago(70))
    bought(giving, back, ago(45))
    execute(giving, "DELETE FROM gift_walks")
    run(giving, ago(40))
    run(giving, ago(39))
    assert gifts_of(giving, one) == [("back", "time", f"silence:{ago(70).date()}")]
    assert (gifts_of(giving, two), gifts_of(giving, never)) == ([], [])
    bought(giving, silent, ago(33))
    execute(giving, "DELETE FROM gift_walks")
    run(giving, ago(3))
    assert len(gifts_of(giving, one)) == 2


def test_two_workers_give_no_more_than_one(giving: Shop) -> None:
    members = [born(giving, TODAY) for _ in range(12)]
    execute(giving, "DELETE FROM gift_walks")
    at_once(*[lambda: run(giving)] * 4)
    run(giving)
    assert [len(gifts_of(giving, member)) for member in members] == [1] * 12


def test_an_occasion_of_a_rule_that_is_gone_is_refused(giving: Shop) -> None:
    member = giving.enrol(card())
    execute(
        giving,
        "INSERT INTO gift_occasions (member_id, rule, occasion, due_on, noted_at)"
        " VALUES (%s, 'gone', 'x', now(), now())",
        ids.read("mbr", member),
    )
    run(giving)
    assert occasions(giving, member) == [("gone", "x", "refused", "rule_ended")]

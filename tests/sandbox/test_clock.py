"""Business time by hand: it moves forward only, and what becomes due on the way is done before the answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from loyalty_api import clock, jobs
from loyalty_api.sandbox import api
from tests.purchases.racing import breaches
from tests.support.documents import with_lots
from tests.support.sandbox import sandbox_of
from tests.support.shop import Shop, line, receipt

BEGIN = "2017-03-10T12:00:00Z"
AT = datetime(2017, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def sandbox(fresh_shop: Shop) -> Iterator[Shop]:
    """A sandbox that has begun in 2017; points wait 14 days and live for 60; days are Oslo's."""
    with sandbox_of(fresh_shop) as shop:
        terms = with_lots(available={"after_days": 14}, expire={"days": 60}, time_zone="Europe/Oslo")
        shop.publish(terms, effective_from=AT - timedelta(days=30))
        assert shop.office.post("/v1/sandbox/clock", {"now": BEGIN}).status == 200
        yield shop
        assert breaches(shop) == []


def sell(shop: Shop, points: int, card: str) -> None:
    body = receipt(line(points * 100), card=card, at=clock.now())
    assert shop.till.post("/v1/purchases", body, key=None).status == 201


def kinds(shop: Shop) -> list[str]:
    """What the merchant's backend is told of points, the oldest first."""
    events = shop.office.get("/v1/events?limit=200")["data"]
    return [event["kind"] for event in events if event["kind"].startswith("points_")]


def test_time_stands_still_until_it_is_moved(sandbox: Shop) -> None:
    for _ in range(2):
        assert sandbox.office.get("/v1/sandbox/clock").body == {"now": BEGIN}
    member = sandbox.enrol("STILL")
    sell(sandbox, 50, "STILL")
    assert sandbox.balance(member)["as_of"] == BEGIN


def test_points_become_available_and_expire_as_time_is_moved(sandbox: Shop) -> None:
    member = sandbox.enrol("WATCH")
    sell(sandbox, 50, "WATCH")
    moved = sandbox.office.post("/v1/sandbox/clock", {"advance": {"days": 14}})
    assert moved["now"] == "2017-03-24T12:00:00Z"
    assert moved["jobs"] == {
        "activated": 1,
        "expired": 0,
        "released": 0,
        "announced": 0,
        "levels": 0,
        "complete": True,
    }
    assert sandbox.balance(member)["available"] == 50
    moved = sandbox.office.post("/v1/sandbox/clock", {"advance": {"days": 20, "hours": 1}})
    assert moved["jobs"]["announced"] == 1
    moved = sandbox.office.post("/v1/sandbox/clock", {"now": "2017-05-09T22:00:00Z"})
    assert moved["jobs"] == {
        "activated": 0,
        "expired": 1,
        "released": 0,
        "announced": 0,
        "levels": 0,
        "complete": True,
    }
    assert sandbox.balance(member)["lifetime"]["expired"] == 50
    assert kinds(sandbox) == ["points_activated", "points_expiring", "points_expired"]


def test_a_leap_over_everything_tells_of_everything_in_order(sandbox: Shop) -> None:
    sandbox.enrol("LEAP")
    sell(sandbox, 50, "LEAP")
    moved = sandbox.office.post("/v1/sandbox/clock", {"advance": {"days": 400}})
    assert moved["jobs"] == {
        "activated": 1,
        "expired": 1,
        "released": 0,
        "announced": 1,
        "levels": 0,
        "complete": True,
    }
    events = [e for e in sandbox.office.get("/v1/events")["data"] if e["kind"].startswith("points_")]
    assert [(e["kind"], e["occurred_at"]) for e in events] == [
        ("points_expiring", "2017-04-09T22:00:00Z"),
        ("points_activated", "2017-03-23T23:00:00Z"),
        ("points_expired", "2017-05-09T22:00:00Z"),
    ]


def test_it_does_not_move_backwards(sandbox: Shop) -> None:
    sandbox.enrol("BACK")
    refused = sandbox.office.post("/v1/sandbox/clock", {"now": "2017-03-10T11:59:59Z"})
    assert (refused.status, refused.code) == (409, "clock_backwards")
    assert sandbox.office.get("/v1/sandbox/clock").body == {"now": BEGIN}
    assert sandbox.office.post("/v1/sandbox/clock", {"now": BEGIN}).status == 200


def test_before_anything_happened_any_moment_will_do_and_later_none_of_the_past(fresh_shop: Shop) -> None:
    with sandbox_of(fresh_shop) as shop:
        shop.enrol("FIRST")
        refused = shop.office.post("/v1/sandbox/clock", {"now": BEGIN})
        assert refused.code == "clock_backwards"


def test_the_same_move_twice_moves_once(sandbox: Shop) -> None:
    answers = [
        sandbox.office.post("/v1/sandbox/clock", {"advance": {"days": 3}}, key="once") for _ in range(2)
    ]
    assert [answer["now"] for answer in answers] == ["2017-03-13T12:00:00Z"] * 2
    assert sandbox.office.get("/v1/sandbox/clock").body == {"now": "2017-03-13T12:00:00Z"}


@pytest.mark.parametrize("body", [{}, {"now": BEGIN, "advance": {"days": 1}}, {"advance": {"days": -1}}])
def test_a_move_says_where_to(sandbox: Shop, body: dict[str, object]) -> None:
    assert sandbox.office.post("/v1/sandbox/clock", body).status == 422


def test_tokens_live_by_the_machines_time(sandbox: Shop) -> None:
    """The token that moves time by a century is as good afterwards."""
    assert sandbox.office.post("/v1/sandbox/clock", {"advance": {"days": 36_500}}).status == 200
    assert sandbox.office.get("/v1/sandbox/clock").status == 200
    row = sandbox.database.fetch_one("SELECT max(created_at) FROM idempotency_keys", ())
    assert row is not None
    assert abs((row[0] - datetime.now(UTC)).total_seconds()) < 3600, "keys are purged by the machine's time"


def test_outside_a_sandbox_there_is_no_such_clock(fresh_shop: Shop) -> None:
    for reply in (
        fresh_shop.office.get("/v1/sandbox/clock"),
        fresh_shop.office.post("/v1/sandbox/clock", {"advance": {"days": 1}}),
    ):
        assert (reply.status, reply.code) == (403, "sandbox_only")
    assert fresh_shop.office.get("/version")["sandbox"] is False


def test_it_says_that_it_is_one(sandbox: Shop) -> None:
    assert sandbox.office.get("/version")["sandbox"] is True


def test_a_till_may_not_move_time(sandbox: Shop) -> None:
    assert sandbox.till.post("/v1/sandbox/clock", {"advance": {"days": 1}}).code == "insufficient_scope"


def test_time_ends_somewhere(sandbox: Shop) -> None:
    refused = [
        sandbox.office.post("/v1/sandbox/clock", {"advance": {"days": 36_500}}).status for _ in range(2)
    ]
    assert refused == [200, 422]


def test_what_is_too_much_for_one_request_is_left_to_a_worker(
    sandbox: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = sandbox.enrol("MUCH")
    sell(sandbox, 50, "MUCH")
    monkeypatch.setattr(api, "_JOB_SECONDS", 0)
    for _ in range(2):
        moved = sandbox.office.post("/v1/sandbox/clock", {"advance": {"days": 14}})
        assert moved["jobs"]["complete"] is False
    with sandbox.database.snapshot() as connection:
        waiting = connection.execute("SELECT task_name FROM jobs.procrastinate_jobs").fetchall()
    assert sorted(row[0] for row in waiting) == sorted(jobs.JOBS)
    assert sandbox.balance(member)["available"] == 50
    monkeypatch.undo()
    assert sandbox.office.post("/v1/sandbox/clock", {"advance": {}})["jobs"]["activated"] == 1

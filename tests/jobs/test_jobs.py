"""What the jobs do by themselves, as the member and the merchant's backend see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.orm import Session

from loyalty_api import ids, jobs
from loyalty_api.db import driver
from loyalty_api.ledger.rules import Lot
from loyalty_api.ledger.service import lock_book
from tests.ledger.accounts import put_lots, put_members, state_of
from tests.purchases.racing import breaches
from tests.support.calendar import Calendar
from tests.support.documents import with_lots
from tests.support.shop import Reply, Shop, line, receipt

BEGIN = datetime(2031, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    return Calendar(monkeypatch, BEGIN)


def opened(shop: Shop, *, announce: Any = 30, **terms: Any) -> Shop:
    """The shop with these terms."""
    document = with_lots(**terms)
    document["lots"]["announce_days"] = announce
    shop.publish(document, effective_from=BEGIN - timedelta(days=400))
    return shop


def sell(shop: Shop, points: int, *, card: str, at: datetime) -> Reply:
    reply = shop.till.post("/v1/purchases", receipt(line(points * 100), card=card, at=at), key=None)
    assert reply.status == 201, reply.body
    return reply


def told(shop: Shop, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """When events of this kind happened and what they say, the oldest first."""
    events = shop.office.get("/v1/events?limit=200")["data"]
    return [(event["occurred_at"], event["body"]) for event in events if event["kind"] == kind]


@pytest.mark.parametrize(
    ("expire", "over"),
    [
        ({"days": 10}, "2031-03-21T00:00:00Z"),
        ({"months": 1}, "2031-04-11T00:00:00Z"),
        ({"end_of_month": 0}, "2031-04-01T00:00:00Z"),
        ({"end_of_year": 0}, "2032-01-01T00:00:00Z"),
        ({"dates": ["06-30"]}, "2031-07-01T00:00:00Z"),
        ({"inactivity": 2}, "2031-05-11T00:00:00Z"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_every_kind_of_life_ends(fresh_shop: Shop, today: Calendar, expire: Any, over: str) -> None:
    shop = opened(fresh_shop, expire=expire)
    member = shop.enrol("LIFE")
    sell(shop, 50, card="LIFE", at=today.now)
    end = datetime.fromisoformat(over)
    assert jobs.settle(shop.database, now=end - timedelta(microseconds=1)).expired == 0
    assert jobs.settle(shop.database, now=end).expired == 1
    today.on(end)
    seen = shop.balance(member)
    assert (seen["available"], seen["lifetime"]["expired"], seen["expiring"]) == (0, 50, [])
    (event,) = told(shop, "points_expired")
    assert event == (over, {"points": 50})
    assert breaches(shop) == []


def test_activity_keeps_points_alive_and_silence_ends_them(fresh_shop: Shop, today: Calendar) -> None:
    """A life by inactivity slides with each purchase, and the job sees where it slid to."""
    shop = opened(fresh_shop, expire={"inactivity": 2})
    member = shop.enrol("SLIDE")
    sell(shop, 50, card="SLIDE", at=today.now)
    sell(shop, 10, card="SLIDE", at=today.pass_by(days=40))
    assert jobs.settle(shop.database, now=today.pass_by(days=30)).expired == 0
    assert shop.balance(member)["available"] == 60
    assert jobs.settle(shop.database, now=today.pass_by(days=40)).expired == 2
    assert shop.balance(member)["available"] == 0


def test_what_will_expire_is_announced_once(fresh_shop: Shop, today: Calendar) -> None:
    shop = opened(fresh_shop, expire={"end_of_month": 2}, announce=14)
    member = shop.enrol("SOON")
    sell(shop, 50, card="SOON", at=today.now)
    sell(shop, 20, card="SOON", at=today.now)
    assert jobs.announce(shop.database, now=today.now) == 0
    today.on("2031-05-18T00:00:00+00:00")
    assert [jobs.announce(shop.database, now=today.now) for _ in range(2)] == [1, 0]
    ((at, body),) = told(shop, "points_expiring")
    assert (at, body) == ("2031-05-18T00:00:00Z", {"points": 70, "expires_at": "2031-06-01T00:00:00Z"})
    assert shop.balance(member)["expiring"][0] == {**body, "last_day": "2031-05-31"}


def test_a_run_that_comes_late_dates_it_when_it_was_due(fresh_shop: Shop, today: Calendar) -> None:
    shop = opened(fresh_shop, expire={"end_of_month": 2}, announce=14)
    shop.enrol("LATE")
    sell(shop, 50, card="LATE", at=today.now)
    assert jobs.announce(shop.database, now=today.on("2031-05-25T08:00:00+00:00")) == 1
    ((at, _),) = told(shop, "points_expiring")
    assert at == "2031-05-18T00:00:00Z"


def test_what_is_over_is_not_announced_any_more(fresh_shop: Shop, today: Calendar) -> None:
    shop = opened(fresh_shop, expire={"days": 10})
    shop.enrol("GONE")
    sell(shop, 50, card="GONE", at=today.now)
    assert jobs.announce(shop.database, now=today.pass_by(days=20)) == 0


def test_an_expiry_that_moves_is_announced_anew(fresh_shop: Shop, today: Calendar) -> None:
    shop = opened(fresh_shop, expire={"inactivity": 2}, announce=30)
    shop.enrol("MOVES")
    sell(shop, 50, card="MOVES", at=today.now)
    assert jobs.announce(shop.database, now=today.pass_by(days=40)) == 1
    sell(shop, 10, card="MOVES", at=today.now)
    assert jobs.announce(shop.database, now=today.now) == 0
    assert jobs.announce(shop.database, now=today.pass_by(days=40)) == 1
    assert [body["points"] for _, body in told(shop, "points_expiring")] == [50, 60]


def test_an_installation_may_announce_nothing(fresh_shop: Shop, today: Calendar) -> None:
    shop = opened(fresh_shop, expire={"days": 10}, announce=None)
    shop.enrol("QUIET")
    sell(shop, 50, card="QUIET", at=today.now)
    assert jobs.announce(shop.database, now=today.now) == 0


def test_pending_points_that_will_expire_are_announced_too(fresh_shop: Shop, today: Calendar) -> None:
    shop = opened(fresh_shop, available={"after_days": 14}, expire={"days": 20})
    shop.enrol("PENDS")
    sell(shop, 50, card="PENDS", at=today.now)
    assert jobs.announce(shop.database, now=today.now) == 1


def test_points_that_wake_are_told_of_whoever_books_them(fresh_shop: Shop, today: Calendar) -> None:
    """By the job for one member, by a purchase of the other: the same event."""
    shop = opened(fresh_shop, available={"after_days": 14})
    shop.enrol("BYJOB")
    shop.enrol("BYTILL")
    sell(shop, 50, card="BYJOB", at=today.now)
    sell(shop, 50, card="BYTILL", at=today.now)
    today.pass_by(days=15)
    sell(shop, 1, card="BYTILL", at=today.now)
    assert jobs.settle(shop.database, now=today.now).activated == 1
    assert told(shop, "points_activated") == [("2031-03-24T00:00:00Z", {"points": 50})] * 2


def test_nobody_at_a_till_waits_and_nobody_is_forgotten(fresh_shop: Shop, today: Calendar) -> None:
    shop = opened(fresh_shop, expire={"days": 10})
    member = ids.read("mbr", shop.enrol("BUSY"))
    assert member is not None
    sell(shop, 50, card="BUSY", at=today.now)
    now = today.pass_by(days=20)
    with shop.database.unit_of_work() as session:
        lock_book(session, member_id=member)
        assert jobs.settle(shop.database, now=now).expired == 0
        assert jobs.announce(shop.database, now=now) == 0
    assert jobs.settle(shop.database, now=now).expired == 1


def test_one_broken_account_does_not_keep_the_others_waiting(fresh_shop: Shop, today: Calendar) -> None:
    shop = opened(fresh_shop)
    lots: dict[Any, list[Lot]] = {}
    with shop.database.unit_of_work() as session:
        made = put_members(driver(session), 5)
        for member_id in made:
            lot = Lot(
                ids.new(), "purchase", None, BEGIN, BEGIN, BEGIN, BEGIN + timedelta(days=1), 10, available=10
            )
            lots[member_id] = [lot]
        put_lots(driver(session), lots, now=BEGIN)
        driver(session).execute("UPDATE balances SET available = 3 WHERE member_id = %s", (made[2],))
    assert jobs.settle(shop.database, now=BEGIN + timedelta(days=2)).expired == 4
    for member_id in made:
        left = state_of(shop.database, member_id)["lots"][0][0]["available"]
        assert left == (10 if member_id == made[2] else 0)


def test_a_database_that_has_gone_is_not_a_broken_account(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> Any:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(jobs.overdue, "settle_batch", gone)
    with pytest.raises(psycopg.OperationalError):
        jobs.settle(shop.database, now=BEGIN)


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A feature that holds back 450 things."""
    left = [450]

    def release(session: Session, *, now: datetime, limit: int) -> int:
        released = min(left[0], limit)
        left[0] -= released
        return released

    monkeypatch.setattr(jobs, "RELEASES", (release,))
    return left


def test_what_features_hold_back_is_let_go_of_in_batches(shop: Shop, holds: list[int]) -> None:
    assert jobs.release_holds(shop.database, now=BEGIN) == 450
    assert holds == [0]


def test_a_run_ends_when_its_time_is_up_and_says_so(shop: Shop, holds: list[int]) -> None:
    done = jobs.run_all(shop.database, since=BEGIN, now=BEGIN, seconds=0)
    assert (done.released, done.complete) == (0, False)
    assert jobs.run_all(shop.database, since=BEGIN, now=BEGIN).complete


def test_the_balance_tells_what_comes_next(fresh_shop: Shop, today: Calendar) -> None:
    """What expires when counts pending and available points, not held ones, which do not die while held (R48)."""
    shop = opened(fresh_shop, available={"after_days": 14}, expire={"end_of_month": 3})
    member = shop.enrol("SHOWN")
    sell(shop, 50, card="SHOWN", at=today.now)
    sell(shop, 20, card="SHOWN", at=today.pass_by(days=25))
    seen = shop.balance(member)
    assert (seen["available"], seen["pending"]) == (50, 20)
    assert seen["pending_next"] == {"points": 20, "available_at": "2031-04-18T00:00:00Z"}
    assert seen["expiring"] == [
        {"points": 50, "expires_at": "2031-07-01T00:00:00Z", "last_day": "2031-06-30"},
        {"points": 20, "expires_at": "2031-08-01T00:00:00Z", "last_day": "2031-07-31"},
    ]
    hold(shop, member, 30, today.now)
    seen = shop.balance(member)
    assert (seen["available"], seen["held"]) == (20, 30)
    assert [item["points"] for item in seen["expiring"]] == [20, 20]
    assert seen["valid_until"] == "2031-04-18T00:00:00Z"


def hold(shop: Shop, member: str, points: int, now: datetime) -> None:
    """Hold points as a redemption does."""
    from loyalty_api.ledger import rules_spending as spending
    from loyalty_api.ledger.rules import Movement
    from loyalty_api.ledger.service import TIME, write_book

    found = ids.read("mbr", member)
    assert found is not None
    with shop.database.unit_of_work() as session:
        _, book = lock_book(session, member_id=found, named=[])
        book.settle(first_id=ids.new(), now=now)
        postings = spending.take(book.account, points, to="held")
        book.record(Movement("hold", now, postings), journal_id=ids.new(), cause=TIME, now=now)
        write_book(driver(session), book)

"""What time alone does to a member's points, as the member, the till and the office see it (invariant 16)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty_api import ids
from loyalty_api.ledger import service
from tests.purchases.racing import breaches
from tests.support.calendar import Calendar
from tests.support.documents import with_lots
from tests.support.shop import Reply, Shop, line, receipt

BEGIN = datetime(2031, 3, 10, 12, tzinfo=UTC)
OSLO = {"time_zone": "Europe/Oslo"}


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    return Calendar(monkeypatch, BEGIN)


@pytest.fixture
def window(fresh_shop: Shop, today: Calendar) -> Iterator[Shop]:
    """Points wait until a return window of 14 days closes, and live for 60 days; days are Oslo's."""
    terms = with_lots(available={"after_days": 14}, expire={"days": 60}, **OSLO)
    fresh_shop.publish(terms, effective_from=BEGIN - timedelta(days=300))
    yield fresh_shop
    assert breaches(fresh_shop) == []


def sell(shop: Shop, points: int, *, card: str, at: datetime, **more: Any) -> Reply:
    reply = shop.till.post("/v1/purchases", receipt(line(points * 100), card=card, at=at, **more), key=None)
    assert reply.status == 201, reply.body
    return reply


def kinds(shop: Shop, member: str) -> list[tuple[str, int, str]]:
    """A member's statement, the oldest first: kind, points, moment."""
    entries = shop.office.get(f"/v1/members/{member}/entries")["data"]
    return [(entry["kind"], entry["points"], entry["occurred_at"]) for entry in reversed(entries)]


def stored(shop: Shop, member: str) -> int:
    """How many journals are booked."""
    entries = shop.office.get(f"/v1/members/{member}/entries")["data"]
    return len({entry["journal_id"] for entry in entries})


def journals(shop: Shop) -> int:
    row = shop.database.fetch_one("SELECT count(*) FROM journals", ())
    assert row is not None
    return int(row[0])


def test_points_wait_until_the_start_of_the_local_day_after_the_window(window: Shop, today: Calendar) -> None:
    """The clocks go forward in between: days are calendar days (R48, R49)."""
    member = window.enrol("WINDOW")
    sold = sell(window, 50, card="WINDOW", at=today.on("2031-03-20T20:00:00+00:00"))
    assert sold["points"]["pending"] == 50
    assert sold["points"]["available_at"] == "2031-04-02T22:00:00Z"
    assert sold["points"]["expires_at"] == "2031-05-19T22:00:00Z"
    seen = window.balance(member)
    assert (seen["available"], seen["pending"]) == (0, 50)
    assert seen["pending_next"] == {"points": 50, "available_at": "2031-04-02T22:00:00Z"}
    assert seen["valid_until"] == "2031-04-02T22:00:00Z"
    assert seen["expiring"] == [
        {"points": 50, "expires_at": "2031-05-19T22:00:00Z", "last_day": "2031-05-19"}
    ]


def test_a_read_shows_what_time_has_done_though_nobody_has_booked_it(window: Shop, today: Calendar) -> None:
    member = window.enrol("READS")
    sold = sell(window, 50, card="READS", at=today.now)
    before = journals(window)
    today.on(datetime.fromisoformat(sold["points"]["available_at"]) - timedelta(microseconds=1))
    assert window.balance(member)["pending"] == 50
    today.pass_by(microseconds=1)
    awake = window.balance(member)
    assert (awake["available"], awake["pending"], awake["version"]) == (50, 0, 2)
    assert (
        window.till.post("/v1/members/lookup", {"identifier": {"kind": "card", "value": "READS"}}).status
        == 200
    )
    today.on(sold["points"]["expires_at"])
    gone = window.balance(member)
    assert (gone["available"], gone["lifetime"]["expired"], gone["valid_until"]) == (0, 50, None)
    assert journals(window) == before


def test_a_write_books_first_what_was_due_dated_when_it_was_due(window: Shop, today: Calendar) -> None:
    member = window.enrol("WRITES")
    first = sell(window, 50, card="WRITES", at=today.now)
    later = today.pass_by(days=100)
    second = sell(window, 20, card="WRITES", at=later)
    assert kinds(window, member) == [
        ("earn", 50, "2031-03-10T12:00:00Z"),
        ("activate", 50, first["points"]["available_at"]),
        ("expire", 50, first["points"]["expires_at"]),
        ("earn", 20, second["occurred_at"]),
    ]
    assert second["balance"] == {"available": 0, "pending": 20, "held": 0, "debt": 0, "version": 5}


def test_a_statement_books_what_was_due_and_shows_it(window: Shop, today: Calendar) -> None:
    member = window.enrol("STATES")
    sell(window, 50, card="STATES", at=today.now)
    today.pass_by(days=20)
    assert [kind for kind, _, _ in kinds(window, member)] == ["earn", "activate"]
    assert window.balance(member)["version"] == 3
    entries = window.office.get(f"/v1/members/{member}/entries")["data"]
    earned = next(entry for entry in entries if entry["kind"] == "earn")
    assert earned["state"] == "available"
    assert earned["balance_after"] == {"available": 0, "pending": 50, "held": 0, "debt": 0, "version": 2}


def test_no_answer_depends_on_when_time_was_booked(window: Shop, today: Calendar) -> None:
    looked_at, left_alone = window.enrol("LOOKED"), window.enrol("ALONE")
    for days in (0, 3, 10):
        moment = today.on(BEGIN + timedelta(days=days))
        sell(window, 10 + days, card="LOOKED", at=moment)
        sell(window, 10 + days, card="ALONE", at=moment)
    for days in range(11, 90, 7):
        today.on(BEGIN + timedelta(days=days))
        window.office.get(f"/v1/members/{looked_at}/entries")
    seen = [window.balance(member) for member in (looked_at, left_alone)]
    for document in seen:
        del document["member_id"], document["version"]
    assert seen[0] == seen[1]
    assert kinds(window, looked_at) == kinds(window, left_alone)


def test_a_late_receipt_whose_points_have_died_meanwhile_says_so(window: Shop, today: Calendar) -> None:
    member = window.enrol("TOOLATE")
    at = today.now
    today.pass_by(days=90)
    sold = sell(window, 30, card="TOOLATE", at=at)
    assert sold["points"]["earned"] == 30
    assert sold["balance"] == {"available": 0, "pending": 0, "held": 0, "debt": 0, "version": 3}
    assert [(kind, points) for kind, points, _ in kinds(window, member)] == [("earn", 30), ("expire", 30)]
    assert window.balance(member)["lifetime"] == {"earned": 30, "spent": 0, "expired": 30, "adjusted": 0}


def test_a_late_receipt_whose_window_has_closed_is_available_at_once(window: Shop, today: Calendar) -> None:
    window.enrol("LATEOK")
    at = today.now
    today.pass_by(days=20)
    sold = sell(window, 30, card="LATEOK", at=at)
    assert (sold["points"]["pending"], sold["balance"]["available"]) == (0, 30)
    assert sold["expiring_next"] == {"points": 30, "expires_at": sold["points"]["expires_at"]}
    printed = {one["text"]: one["value"] for one in sold["receipt_lines"]}
    assert [value for text, value in printed.items() if text.startswith("Valid until ")] == ["30"]


def test_a_quote_and_a_look_up_count_what_has_woken(window: Shop, today: Calendar) -> None:
    member = window.enrol("QUOTED")
    sell(window, 30, card="QUOTED", at=today.now)
    today.pass_by(days=20)
    body = receipt(card="QUOTED", at=today.now)
    basket = {k: v for k, v in body.items() if k not in ("business_date", "reference", "total", "payments")}
    assert window.till.post("/v1/quotes", basket, key=None)["member"]["available"] == 30
    found = window.till.post("/v1/members/lookup", {"identifier": {"kind": "card", "value": "QUOTED"}})
    assert found["balance"]["available"] == 30
    assert window.balance(member)["version"] == 2


def test_the_app_is_told_304_until_the_moment_something_changes(window: Shop, today: Calendar) -> None:
    member = window.enrol("POLLS")
    sell(window, 30, card="POLLS", at=today.now)
    app = window.member(member)
    for path in ("/v1/me/balance", "/v1/me/summary"):
        today.on(BEGIN)
        seen = app.get(path)
        assert seen.headers["Cache-Control"] == "private, no-cache"
        today.on(datetime.fromisoformat(seen["valid_until"]) - timedelta(seconds=1))
        assert app.get(path, If_None_Match=seen.headers["ETag"]).status == 304
        today.pass_by(seconds=1)
        changed = app.get(path, If_None_Match=seen.headers["ETag"])
        assert (changed.status, changed.headers["ETag"] == seen.headers["ETag"]) == (200, False)


def test_two_changes_within_one_second_are_two_changes(fresh_shop: Shop, today: Calendar) -> None:
    """Where days end to the second, two purchases of one second wake one after the other."""
    terms = with_lots(available={"after_days": 1})
    terms["lots"]["day_end"] = "exact"
    fresh_shop.publish(terms, effective_from=BEGIN - timedelta(days=300))
    member = fresh_shop.enrol("SECOND")
    sell(fresh_shop, 10, card="SECOND", at=today.pass_by(milliseconds=100))
    sell(fresh_shop, 20, card="SECOND", at=today.pass_by(milliseconds=500))
    today.on(BEGIN + timedelta(days=1, milliseconds=50))
    for what in ("balance", "summary"):
        path = f"/v1/members/{member}/{what}"
        today.on(BEGIN + timedelta(days=1, milliseconds=50))
        asleep = fresh_shop.office.get(path)
        today.pass_by(milliseconds=200)
        half = fresh_shop.office.get(path, If_None_Match=asleep.headers["ETag"])
        assert half.status == 200
        assert half.body.get("balance", half.body)["available"] == 10


@pytest.fixture
def alive(fresh_shop: Shop, today: Calendar) -> Iterator[Shop]:
    """Points live for 6 months from the member's last purchase; baskets below 5.00 earn nothing."""
    terms = with_lots(expire={"inactivity": 6})
    terms["earn"]["minimum_basket"] = 500
    fresh_shop.publish(terms, effective_from=BEGIN - timedelta(days=300))
    yield fresh_shop
    assert breaches(fresh_shop) == []


def test_a_purchase_keeps_earlier_points_alive(alive: Shop, today: Calendar) -> None:
    member = alive.enrol("ACTIVE")
    sell(alive, 50, card="ACTIVE", at=today.now)
    assert alive.balance(member)["expiring"][0]["last_day"] == "2031-09-10"
    today.pass_by(days=30)
    sell(alive, 20, card="ACTIVE", at=today.now)
    expiring = alive.balance(member)["expiring"]
    assert [(item["points"], item["last_day"]) for item in expiring] == [(70, "2031-10-09")]
    assert alive.balance(member)["available"] == 70


def test_a_purchase_that_earns_nothing_keeps_points_alive_and_the_app_sees_it(
    alive: Shop, today: Calendar
) -> None:
    member = alive.enrol("ACTIVE2")
    sell(alive, 50, card="ACTIVE2", at=today.now)
    app = alive.member(member)
    before = app.get("/v1/me/summary")
    today.pass_by(days=30)
    assert sell(alive, 1, card="ACTIVE2", at=today.now)["points"]["earned"] == 0
    after = app.get("/v1/me/summary", If_None_Match=before.headers["ETag"])
    assert after.status == 200
    assert after["expiring_next"]["last_day"] == "2031-10-09"


def test_a_receipt_from_earlier_never_shortens_a_life(alive: Shop, today: Calendar) -> None:
    member = alive.enrol("ACTIVE3")
    sell(alive, 50, card="ACTIVE3", at=today.now)
    sell(alive, 20, card="ACTIVE3", at=today.now - timedelta(days=60))
    assert {item["last_day"]: item["points"] for item in alive.balance(member)["expiring"]} == {
        "2031-07-09": 20,
        "2031-09-10": 50,
    }


def test_a_till_whose_clock_is_years_ahead_makes_no_points_immortal(alive: Shop, today: Calendar) -> None:
    member = alive.enrol("ACTIVE4")
    sell(alive, 50, card="ACTIVE4", at=today.now)
    sell(alive, 50, card="ACTIVE4", at=today.now + timedelta(days=3650))
    expiring = alive.balance(member)["expiring"]
    assert [(item["points"], item["last_day"]) for item in expiring] == [(100, "2031-09-10")]


def test_without_activity_points_die_and_later_activity_does_not_wake_them(
    alive: Shop, today: Calendar
) -> None:
    member = alive.enrol("ACTIVE5")
    sell(alive, 50, card="ACTIVE5", at=today.now)
    today.pass_by(days=200)
    sell(alive, 20, card="ACTIVE5", at=today.now)
    seen = alive.balance(member)
    assert (seen["available"], seen["lifetime"]["expired"]) == (20, 50)


def test_rules_may_give_points_with_lives_of_their_own(fresh_shop: Shop, today: Calendar) -> None:
    terms = with_lots(expire={"days": 60})
    terms["earn"]["rules"][1]["lots"] = {"available": {"after_days": 7}, "expire": {"days": 10}}
    fresh_shop.publish(terms, effective_from=BEGIN - timedelta(days=300))
    member = fresh_shop.enrol("TWOLIVES")
    body = receipt(line(1000, sku="apple"), card="TWOLIVES", at=today.now)
    sold = fresh_shop.till.post("/v1/purchases", body, key=None)
    assert (sold["points"]["earned"], sold["points"]["pending"]) == (20, 10)
    assert sold["balance"] == {"available": 10, "pending": 10, "held": 0, "debt": 0, "version": 2}
    today.pass_by(days=30)
    assert fresh_shop.balance(member)["available"] == 10
    assert breaches(fresh_shop) == []


def test_settling_a_member_twice_books_nothing_twice(window: Shop, today: Calendar) -> None:
    member = window.enrol("TWICE")
    sell(window, 30, card="TWICE", at=today.now)
    today.pass_by(days=20)
    for _ in range(2):
        with window.database.unit_of_work() as session:
            found = session.connection().exec_driver_sql("SELECT member_id FROM balances").scalar_one()
            service.settle_member(session, member_id=found, first_id=ids.new(), now=today.now)
    assert stored(window, member) == 2

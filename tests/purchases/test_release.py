"""Points that wait until something has happened to their purchase."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.ledger.rules import Movement, Posting
from loyalty_api.ledger.service import TIME, lock_book, write_book
from tests.purchases.racing import at_once, breaches, insisting
from tests.support.calendar import Calendar
from tests.support.documents import with_lots
from tests.support.shop import Reply, Shop, line, receipt

BEGIN = datetime(2031, 3, 10, 12, tzinfo=UTC)
ON_EVENT = {"on_event": {"name": "delivered", "after_days": 30}}


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    return Calendar(monkeypatch, BEGIN)


@pytest.fixture
def web(fresh_shop: Shop, today: Calendar) -> Iterator[Shop]:
    """Points wait for the delivery, for 30 days at most, and live for 60."""
    terms = with_lots(available=ON_EVENT, expire={"days": 60})
    fresh_shop.publish(terms, effective_from=BEGIN - timedelta(days=300))
    yield fresh_shop
    assert breaches(fresh_shop) == []


def sell(shop: Shop, points: int, *, card: str | None, at: datetime) -> Reply:
    reply = shop.till.post("/v1/purchases", receipt(line(points * 100), card=card, at=at), key=None)
    assert reply.status == 201, reply.body
    return reply


def tell(shop: Shop, purchase: Any, event: str = "delivered") -> Reply:
    return shop.till.post(f"/v1/purchases/{purchase}/release", {"event": event})


def test_the_named_event_makes_points_available(web: Shop, today: Calendar) -> None:
    member = web.enrol("WEBSHOP")
    sold = sell(web, 50, card="WEBSHOP", at=today.now)
    assert sold["points"]["pending"] == 50
    assert sold["points"]["available_at"] == "2031-04-09T00:00:00Z"
    at = today.pass_by(days=3)
    told = tell(web, sold["purchase_id"])
    assert told["points"] == 50
    assert told["balance"] == {"available": 50, "pending": 0, "held": 0, "debt": 0, "version": 3}
    seen = web.balance(member)
    assert (seen["available"], seen["pending"], seen["pending_next"]) == (50, 0, None)
    entry = web.office.get(f"/v1/members/{member}/entries")["data"][0]
    assert (entry["kind"], datetime.fromisoformat(entry["occurred_at"])) == ("activate", at)
    assert entry["source"] == {
        "type": "release", "id": sold["purchase_id"], "store": "str_1", "reference": sold["reference"]
    }  # fmt: skip
    events = web.office.get("/v1/events")["data"]
    assert [event["body"] for event in events if event["kind"] == "points_activated"] == [{"points": 50}]
    why = web.office.get(f"/v1/entries/{entry['entry_id']}/explanation", Accept_Language="nb")
    assert why["text"] == "50 poeng ble brukbare fordi det de ventet på, har skjedd."


def test_another_event_does_not(web: Shop, today: Calendar) -> None:
    web.enrol("OTHER")
    sold = sell(web, 50, card="OTHER", at=today.now)
    told = tell(web, sold["purchase_id"], "packed")
    assert (told.status, told["points"], told["balance"]["pending"]) == (200, 0, 50)


def test_told_twice_it_counts_once(web: Shop, today: Calendar) -> None:
    web.enrol("TWICE")
    sold = sell(web, 50, card="TWICE", at=today.now)
    assert [tell(web, sold["purchase_id"])["points"] for _ in range(2)] == [50, 0]


def test_told_by_many_at_once_it_counts_once(web: Shop, today: Calendar) -> None:
    member = web.enrol("MANY")
    sold = sell(web, 50, card="MANY", at=today.now)
    path = f"/v1/purchases/{sold['purchase_id']}/release"
    told = at_once(*(insisting(web.till, path, {"event": "delivered"}) for _ in range(12)))
    assert sum(reply["points"] for reply in told) == 50
    assert web.balance(member)["available"] == 50


def test_without_the_event_they_wait_for_their_days(web: Shop, today: Calendar) -> None:
    member = web.enrol("SILENT")
    sold = sell(web, 50, card="SILENT", at=today.now)
    today.pass_by(days=30)
    assert web.balance(member)["available"] == 50
    assert tell(web, sold["purchase_id"])["points"] == 0


def test_only_the_points_of_that_purchase(web: Shop, today: Calendar) -> None:
    member = web.enrol("TWOBUYS")
    first = sell(web, 50, card="TWOBUYS", at=today.now)
    sell(web, 20, card="TWOBUYS", at=today.now)
    tell(web, first["purchase_id"])
    seen = web.balance(member)
    assert (seen["available"], seen["pending"]) == (50, 20)


def test_released_points_pay_what_is_owed_first(web: Shop, today: Calendar) -> None:
    """R37."""
    member = web.enrol("OWES")
    sold = sell(web, 50, card="OWES", at=today.now)
    found = ids.read("mbr", member)
    assert found is not None
    with web.database.unit_of_work() as session:
        _, book = lock_book(session, member_id=found, named=[])
        owed = Movement("adjust", today.now, (Posting("debt", "adjusted", 30),))
        book.record(owed, journal_id=ids.new(), cause=TIME, now=today.now)
        write_book(driver(session), book)
    balance = tell(web, sold["purchase_id"])["balance"]
    assert (balance["available"], balance["debt"]) == (20, 0)


def test_a_bare_on_event_waits_for_any_event_and_for_ever(fresh_shop: Shop, today: Calendar) -> None:
    fresh_shop.publish(with_lots(available="on_event"), effective_from=BEGIN - timedelta(days=300))
    member = fresh_shop.enrol("BARE")
    sold = sell(fresh_shop, 50, card="BARE", at=today.now)
    assert sold["points"]["available_at"] is None
    today.pass_by(days=3000)
    assert fresh_shop.balance(member)["pending"] == 50
    assert tell(fresh_shop, sold["purchase_id"], "whatever")["points"] == 50
    assert breaches(fresh_shop) == []


def test_terms_stay_with_the_lot(web: Shop, today: Calendar) -> None:
    """A later version of the program changes nothing of points that were earned before it."""
    member = web.enrol("TERMS")
    sold = sell(web, 50, card="TERMS", at=today.now)
    web.publish(with_lots(), effective_from=today.pass_by(days=1) - timedelta(hours=1))
    assert web.balance(member)["pending"] == 50
    later = sell(web, 20, card="TERMS", at=today.now)
    assert later["balance"] == {"available": 20, "pending": 50, "held": 0, "debt": 0, "version": 3}
    assert tell(web, sold["purchase_id"])["points"] == 50
    assert web.balance(member)["expiring"] == [
        {"points": 50, "expires_at": "2031-05-10T00:00:00Z", "last_day": "2031-05-09"}
    ]


def test_a_purchase_that_is_nobodys_yet_says_so(web: Shop, today: Calendar) -> None:
    sold = sell(web, 50, card=None, at=today.now)
    assert tell(web, sold["purchase_id"]).code == "purchase_without_member"


def test_a_purchase_that_is_not_there_or_another_stores(web: Shop, today: Calendar) -> None:
    web.enrol("ELSE")
    sold = sell(web, 50, card="ELSE", at=today.now)
    assert tell(web, ids.show("pur", ids.new())).code == "purchase_unknown"
    elsewhere = web.caller("terminal", store="str_2")
    refused = elsewhere.post(f"/v1/purchases/{sold['purchase_id']}/release", {"event": "delivered"})
    assert refused.code == "purchase_unknown"


def test_points_that_are_over_are_not_released(fresh_shop: Shop, today: Calendar) -> None:
    terms = with_lots(available={"on_event": {"name": "delivered"}}, expire={"days": 10})
    fresh_shop.publish(terms, effective_from=BEGIN - timedelta(days=300))
    member = fresh_shop.enrol("OVER")
    sold = sell(fresh_shop, 50, card="OVER", at=today.now)
    today.pass_by(days=20)
    assert tell(fresh_shop, sold["purchase_id"])["points"] == 0
    assert fresh_shop.balance(member)["lifetime"]["expired"] == 50
    assert breaches(fresh_shop) == []

"""Redemptions inside somebody else's transaction: captured by a purchase, given back by a return."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.ledger.rules import Movement
from loyalty_api.ledger.service import Book, Cause, lock_book, write_book
from loyalty_api.redemptions import service
from loyalty_api.redemptions.service import Captured, Moment
from tests.purchases.racing import breaches
from tests.redemptions.till import hold, opened, rich, step
from tests.support.calendar import Calendar
from tests.support.shop import Reply, Shop

PURCHASE = UUID(int=77)


@dataclass
class Lane:
    """A shop, and a member with 500 points."""

    shop: Shop
    today: Calendar
    member: str

    def work(self, what: Any, *, whose: str | None = None, opened: bool = True, **more: Any) -> Any:
        """Do it inside a transaction that holds the member's lock and has settled its book."""
        member_id = ids.read("mbr", whose or self.member)
        assert member_id
        with self.shop.database.unit_of_work() as session:
            _, book = lock_book(session, member_id=member_id, named=() if opened else None)
            book.settle(first_id=ids.new(), now=self.today.now)
            policy = self.shop.app.extensions["programs"].at(driver(session), self.today.now).settings
            done = what(
                driver(session), book, journal_id=ids.new(), cause=Cause("purchase", PURCHASE),
                now=self.today.now, policy=policy, **more,
            )  # fmt: skip
            write_book(driver(session), book)
        return done

    def capture(self, held: Reply, *, at: datetime | None = None, **more: Any) -> Any:
        wanted = {"points": None, "amount": None, **more}
        return self.work(
            service.capture_in, redemption_id=ids.read("red", held["redemption_id"]), purchase_id=PURCHASE,
            occurred_at=at or self.today.now, **wanted,
        )  # fmt: skip

    def give_back(self, held: Reply, points: int) -> int:
        """Points that a return gives back, in a journal of its own."""
        redemption_id = ids.read("red", held["redemption_id"])
        assert redemption_id

        def bring(
            connection: Any, book: Book, *, journal_id: UUID, cause: Cause, now: datetime, policy: Any
        ) -> int:
            back = service.give_back_in(
                connection, book, redemption_id=redemption_id, points=points, debt=book.balance.debt,
                moment=Moment(journal_id, now, cause, now), policy=policy,
            )  # fmt: skip
            if back is None:
                return 0
            journal = Movement("return", now, back.postings)
            book.record(journal, journal_id=journal_id, cause=cause, now=now, arriving=back.lots)
            return sum(posting.points for posting in back.postings)

        return int(self.work(bring))

    def balance(self) -> tuple[int, int, int]:
        found = self.shop.balance(self.member)
        return found["available"], found["held"], found["debt"]


@pytest.fixture
def lane(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lane]:
    today = opened(fresh_shop, monkeypatch)
    yield Lane(fresh_shop, today, rich(fresh_shop, today, 500, "9900000000001"))
    assert breaches(fresh_shop) == []


def test_a_purchase_captures_what_pays_for_it(lane: Lane) -> None:
    held = hold(lane.shop.till, lane.member, 2000)
    done = lane.capture(held, amount=2000)
    assert done == Captured(ids.read("red", held["redemption_id"]) or PURCHASE, 200, 2000)
    found = lane.shop.till.get(f"/v1/redemptions/{held['redemption_id']}")
    assert (found["status"], found["purchase_id"]) == ("captured", ids.show("pur", PURCHASE))
    assert lane.balance() == (300, 0, 0)
    assert isinstance(lane.capture(held, amount=2000), Captured), "the same purchase again changes nothing"
    assert lane.balance() == (300, 0, 0)


def test_a_purchase_that_uses_less_lets_the_rest_go(lane: Lane) -> None:
    held = hold(lane.shop.till, lane.member, 3000)
    done = lane.capture(held, amount=1005)
    assert (done.points, done.amount, lane.balance()) == (101, 1005, (399, 0, 0))


def test_trouble_is_a_discrepancy_and_nothing_is_booked(lane: Lane) -> None:
    held, inside = hold(lane.shop.till, lane.member, 2000), lane.today.now
    stranger = rich(lane.shop, lane.today, 500, "9900000000002")
    redemption_id = ids.read("red", held["redemption_id"])
    more = {"points": None, "amount": None, "purchase_id": PURCHASE, "occurred_at": inside}
    capture = service.capture_in
    assert lane.work(capture, whose=stranger, redemption_id=redemption_id, **more) == "hold_not_yours"
    assert lane.work(capture, redemption_id=PURCHASE, **more) == "redemption_unknown"
    lane.today.pass_by(hours=1)
    assert lane.capture(held) == "hold_expired"
    assert lane.balance() == (500, 0, 0)
    step(lane.shop.till, hold(lane.shop.till, lane.member, 4000), "capture")
    assert lane.capture(held, at=inside + timedelta(minutes=5)).points == 200
    assert lane.balance() == (0, 0, 100)
    released = hold(lane.shop.till, rich(lane.shop, lane.today, 100, "9900000000003"), 1000)
    step(lane.shop.till, released, "release")


def test_a_late_capture_finds_its_lots_though_the_book_was_opened_without_them(lane: Lane) -> None:
    held, inside = hold(lane.shop.till, lane.member, 2000), lane.today.now
    lane.today.pass_by(hours=1)
    hold(lane.shop.till, lane.member, 1000)
    lane.today.pass_by(hours=1)
    redemption_id = ids.read("red", held["redemption_id"])
    more = {"points": None, "amount": None, "purchase_id": PURCHASE, "occurred_at": inside}
    done = lane.work(service.capture_in, opened=False, redemption_id=redemption_id, **more)
    assert (done.points, lane.balance()) == (200, (300, 0, 0))


def test_a_return_gives_back_part_after_part_and_never_more_than_was_used(lane: Lane) -> None:
    held = hold(lane.shop.till, lane.member, 3000)
    assert lane.give_back(held, 10) == 0, "it is not used yet"
    lane.capture(held)
    assert [lane.give_back(held, 100) for _ in range(4)] == [100, 100, 100, 0]
    assert lane.balance() == (500, 0, 0)
    member_id = ids.read("mbr", lane.member)
    assert member_id
    with lane.shop.database.unit_of_work() as session:
        [kept] = service.of_purchase(driver(session), member_id, PURCHASE)
    assert (kept.status, kept.reversed_points) == ("reversed", 300)

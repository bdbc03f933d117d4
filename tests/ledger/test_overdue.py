"""What the jobs book for many members at once is what the pure function says of each (invariant 16)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from loyalty_api import ids
from loyalty_api.db import Database, driver
from loyalty_api.ledger import overdue, service
from tests.ledger.accounts import put_life, put_members, state_of
from tests.ledger.stories import STEPS, Life, moment
from tests.purchases.racing import at_once, breaches, times
from tests.support.shop import Shop


def settle_all(database: Database, *, now: datetime, limit: int = 3) -> tuple[int, int]:
    """Walk through everybody who is due, a few at a time; how many lots became available and how many expired."""
    activated = expired = 0
    place: overdue.Place | None = overdue.START
    while place is not None:
        with database.unit_of_work() as session:
            booked, place = overdue.settle_batch(
                session, after=place, first_id=ids.new(), now=now, limit=limit
            )
        activated, expired = activated + booked.activated, expired + booked.expired
    return activated, expired


def twins(database: Database, lives: list[Life]) -> list[tuple[UUID, UUID]]:
    """Two members for each life, who are alike to the last posting."""
    with database.unit_of_work() as session:
        made = put_members(driver(session), 2 * len(lives))
        pairs = list(zip(made[::2], made[1::2], strict=True))
        for pair, life in zip(pairs, lives, strict=True):
            for member_id in pair:
                put_life(session, member_id, life)
    return pairs


# Points that wake and die at one moment, that would wake after they died, and a debt that waking points pay.
_AT_ONE_MOMENT, _TOO_LATE = [("earn", 50, 9, 9)], [("earn", 50, 12, 9), ("earn", 5, 0, 9)]
_OWING = [("owe", 30), ("earn", 50, 9, 20), ("earn", 20, 9, 30), ("wait", 3)]


@settings(max_examples=60)
@example([_AT_ONE_MOMENT, _TOO_LATE, _OWING], 40)
@given(st.lists(STEPS, min_size=1, max_size=6), st.integers(0, 150))
def test_a_batch_books_what_the_pure_function_says(shop: Shop, steps: list[Any], later: int) -> None:
    lives = [Life().live(each) for each in steps]
    pairs = twins(shop.database, lives)
    now = moment(max(life.clock for life in lives) + later)
    for alone, _ in pairs:
        with shop.database.unit_of_work() as session:
            service.settle_member(session, member_id=alone, first_id=ids.new(), now=now)
    settle_all(shop.database, now=now)
    for alone, batched in pairs:
        assert state_of(shop.database, batched) == state_of(shop.database, alone)
        assert all(state_of(shop.database, batched)["subjects"])


def test_all_that_was_booked_so_is_as_it_must_always_be(shop: Shop) -> None:
    # These lives hold points without a redemption that would know of it.
    unheld = "what is held is the sum of the open holds, lot by lot"
    assert [breach for breach in breaches(shop) if breach[1] != unheld] == []


def test_a_second_run_books_nothing(fresh_shop: Shop) -> None:
    life = Life()
    life.earn(50, after=1, lives=10)
    life.earn(30, after=0, lives=5)
    ((_, member),) = twins(fresh_shop.database, [life])
    assert settle_all(fresh_shop.database, now=moment(20)) == (2, 4)
    before = state_of(fresh_shop.database, member)
    assert settle_all(fresh_shop.database, now=moment(20)) == (0, 0)
    assert state_of(fresh_shop.database, member) == before


def test_held_points_do_not_die_while_held(fresh_shop: Shop) -> None:
    """R48: what is let go of after its last day dies with the next run, dated when its day was over."""
    life = Life()
    life.earn(50, after=0, lives=10)
    life.live([("hold", 20)])
    ((_, member),) = twins(fresh_shop.database, [life])
    settle_all(fresh_shop.database, now=moment(20))
    (lot,) = state_of(fresh_shop.database, member)["lots"][0]
    assert (lot["available"], lot["held"]) == (0, 20)
    assert settle_all(fresh_shop.database, now=moment(2000)) == (0, 0)


def test_whoever_is_at_a_till_is_left_for_later(fresh_shop: Shop) -> None:
    life = Life()
    life.earn(50, after=0, lives=1)
    (busy, free), *_ = twins(fresh_shop.database, [life])
    with fresh_shop.database.unit_of_work() as session:
        service.lock_book(session, member_id=busy)
        assert settle_all(fresh_shop.database, now=moment(5)) == (0, 1)
        assert state_of(fresh_shop.database, free)["balance"][0][0]["available"] == 0
    assert settle_all(fresh_shop.database, now=moment(5)) == (0, 1)


def test_several_workers_book_everything_once(fresh_shop: Shop) -> None:
    lives = []
    for n in range(40):
        life = Life()
        life.earn(10 + n, after=2, lives=30)
        life.earn(5, after=0, lives=9)
        lives.append(life)
    pairs = twins(fresh_shop.database, lives)
    results = at_once(*times(8, lambda: settle_all(fresh_shop.database, now=moment(50), limit=7)))
    settle_all(fresh_shop.database, now=moment(50))
    assert sum(expired for _, expired in results) <= 4 * len(lives)
    for _, member in pairs:
        assert state_of(fresh_shop.database, member)["balance"][0][0]["available"] == 0
    assert breaches(fresh_shop) == []


def test_a_batch_is_dated_when_it_was_due(fresh_shop: Shop) -> None:
    life = Life()
    life.earn(50, after=7, lives=9)
    ((_, member),) = twins(fresh_shop.database, [life])
    settle_all(fresh_shop.database, now=moment(100))
    journals = [row for (row,) in state_of(fresh_shop.database, member)["journals"]]
    assert [(row["kind"], datetime.fromisoformat(row["occurred_at"])) for row in journals[1:]] == [
        ("activate", moment(7)),
        ("expire", moment(9)),
    ]
    assert datetime.fromisoformat(journals[-1]["recorded_at"]) - moment(100) == timedelta()

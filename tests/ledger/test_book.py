"""The book of one member's movements: numbered, folded, and kept alive by activity."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.ledger.rules import Account, Balance, Lot, Movement, Posting
from loyalty_api.ledger.service import Book, Cause
from tests.ledger.stories import HOUR, moment

MEMBER = UUID(int=1)
SALE = Cause("purchase", UUID(int=2))
VERSION, AVAILABLE, PENDING, HELD, DEBT = 2, 14, 15, 16, 17
"""Where a journal's row holds them."""


def a_lot(n: int, *, points: int = 10, wakes: int | None = 0, lives: int | None = None) -> Lot:
    dies = None if lives is None else moment(lives)
    return Lot(
        UUID(int=n),
        "purchase",
        None,
        moment(0),
        moment(0),
        None if wakes is None else moment(wakes),
        dies,
        points,
    )


def earn(book: Book, n: int, lot: Lot, *, now: datetime) -> None:
    wakes = lot.available_at is not None and lot.available_at <= now
    account = "available" if wakes else "pending"
    movement = Movement("earn", now, (Posting("issued", account, lot.points, lot.lot_id, "base"),))
    book.record(movement, journal_id=UUID(int=n), cause=SALE, now=now, arriving=[lot])


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 30), st.integers(1, 60)), max_size=8))
def test_journals_are_numbered_without_a_gap_and_each_says_the_balance_after_it(
    earnings: list[tuple[int, int, int]],
) -> None:
    book = Book(MEMBER, 7, Account(Balance()))
    for n, (points, wakes, lives) in enumerate(earnings, start=1):
        now = moment(n * 5)
        book.settle(first_id=UUID(int=n << 40), now=now)
        earn(book, n, a_lot(n, points=points, wakes=n * 5 + wakes, lives=n * 5 + lives), now=now)
    assert [row[VERSION] for row in book.journals] == [8 + n for n in range(len(book.journals))]
    assert book.version_after == 7 + len(book.journals)
    if book.journals:
        last, kept = book.journals[-1], book.balance
        assert (last[AVAILABLE], last[PENDING], last[HELD], last[DEBT]) == (
            kept.available, kept.pending, kept.held, kept.debt,
        )  # fmt: skip
    assert len({row[1] for row in book.journals}) == len(book.journals)
    remains = [lot for lot in book.account.lots.values() if lot.pending + lot.available + lot.held]
    assert all(book.lots[lot.lot_id] == lot for lot in remains)


def test_points_that_arrive_pay_what_is_owed_in_the_same_journal() -> None:
    book = Book(MEMBER, 3, Account(Balance(debt=4)))
    earn(book, 1, a_lot(1), now=moment(0))
    assert len(book.journals) == 1
    assert [(p[3], p[4], p[5]) for p in book.postings] == [
        ("issued", "available", 10),
        ("available", "debt", 4),
    ]
    assert book.balance == Balance(available=6, earned=10)


def test_what_time_did_is_dated_when_it_was_due_and_recorded_now() -> None:
    book = Book(MEMBER, 3, Account(Balance()))
    earn(book, 1, a_lot(1, wakes=5, lives=9), now=moment(0))
    book.settle(first_id=UUID(int=1 << 40), now=moment(100))
    assert [(row[3], row[12], row[13]) for row in book.journals] == [
        ("earn", moment(0), moment(0)),
        ("activate", moment(5), moment(100)),
        ("expire", moment(9), moment(100)),
    ]


def sliding(*, dies: int) -> Book:
    """A member whose points live by activity and die at that hour."""
    book = Book(MEMBER, 3, Account(Balance()))
    earn(book, 1, replace(a_lot(1, lives=dies), sliding_months=6), now=moment(0))
    fresh = Book(MEMBER, book.version_after, book.account)
    return fresh


def until(when: datetime) -> object:
    return lambda _months: when


@given(st.lists(st.integers(1, 400), max_size=6))
def test_activity_moves_an_expiry_forward_and_never_back(hours: list[int]) -> None:
    book = sliding(dies=100)
    for hour in hours:
        book.keep_alive(expiry=lambda _, hour=hour: moment(hour), now=moment(1))
    assert book.account.lots[UUID(int=1)].expires_at == moment(max([100, *hours]))
    assert book.balance.next_due_at == moment(max([100, *hours]))


def test_a_moved_expiry_is_a_change_that_readers_must_see() -> None:
    book = sliding(dies=100)
    before = book.version_after
    book.keep_alive(expiry=lambda _: moment(200), now=moment(101))
    assert book.changed
    assert book.version_after > before


def test_activity_that_moves_nothing_changes_nothing() -> None:
    book = sliding(dies=100)
    before = book.version_after
    book.keep_alive(expiry=lambda _: moment(50), now=moment(101))
    assert not book.changed
    assert book.version_after == before


def test_activity_does_not_wake_the_dead() -> None:
    book = sliding(dies=100)
    book.settle(first_id=UUID(int=1 << 40), now=moment(101))
    book.keep_alive(expiry=lambda _: moment(101) + timedelta(days=180), now=moment(101))
    assert book.account.lots[UUID(int=1)].expires_at == moment(100)
    assert book.balance == Balance(earned=10, expired=10)


def test_other_points_are_not_kept_alive_by_activity() -> None:
    book = Book(MEMBER, 3, Account(Balance()))
    earn(book, 1, a_lot(1, lives=100), now=moment(0))
    book.keep_alive(expiry=lambda _: moment(200), now=moment(101))
    assert book.account.lots[UUID(int=1)].expires_at == moment(0) + 100 * HOUR

"""How points move, whatever happens and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.ledger import rules
from loyalty_api.ledger.rules import Account, Balance, Movement, Overdrawn, Posting
from tests.ledger.stories import HOUR, STEPS, Life, moment, totals


@given(STEPS)
def test_every_journal_and_the_whole_ledger_sum_to_zero(steps: list[tuple[object, ...]]) -> None:
    life = Life().live(steps)
    assert all(sum(totals([movement]).values()) == 0 for movement in life.booked)
    assert all(posting.points > 0 for movement in life.booked for posting in movement.postings)
    assert sum(totals(life.booked).values()) == 0


@given(STEPS)
def test_the_balance_is_what_the_postings_add_up_to(steps: list[tuple[object, ...]]) -> None:
    life = Life().live(steps)
    folded, kept = totals(life.booked), life.account.balance
    assert (kept.available, kept.pending, kept.held, kept.debt) == (
        folded["available"], folded["pending"], folded["held"], -folded["debt"],
    )  # fmt: skip
    assert (kept.earned, kept.expired, kept.adjusted) == (
        -folded["issued"], folded["expired"], -folded["adjusted"],
    )  # fmt: skip


@given(STEPS)
def test_the_balance_is_what_remains_in_the_lots_and_nothing_is_below_zero(
    steps: list[tuple[object, ...]],
) -> None:
    life = Life().live(steps)
    kept, lots = life.account.balance, life.account.lots.values()
    assert kept.available == sum(lot.available for lot in lots)
    assert kept.pending == sum(lot.pending for lot in lots)
    assert kept.held == sum(lot.held for lot in lots)
    remains = [lot.pending + lot.available + lot.held for lot in lots]
    assert all(0 <= left <= lot.points for left, lot in zip(remains, lots, strict=True))
    assert min(kept.available, kept.pending, kept.held, kept.debt) >= 0


@given(STEPS)
def test_what_is_owed_is_paid_before_anything_is_kept(steps: list[tuple[object, ...]]) -> None:
    life = Life().live([step for step in steps if step[0] != "owe"] + [("owe", 200)])
    before = life.account.balance.available
    life.earn(50)
    life.earn(30, after=5)
    assert life.account.balance.debt == 150
    assert life.account.balance.available == before
    life.clock += 5
    held = life.account.balance.available + life.account.balance.pending
    life.settle()
    assert life.account.balance.debt <= 120
    assert life.account.balance.available <= held


@given(STEPS, st.integers(0, 200), st.lists(st.integers(0, 200), max_size=5))
def test_time_does_the_same_at_once_and_in_steps(
    steps: list[tuple[object, ...]], hours: int, stops: list[int]
) -> None:
    account = Life().live(steps).account
    end = moment(2000 + hours)
    at_once, after = rules.overdue(account, end)
    in_steps: list[Movement] = []
    for stop in sorted(stops):
        movements, account = rules.overdue(account, moment(stop * 10))
        in_steps += movements
    movements, account = rules.overdue(account, end)
    assert in_steps + movements == at_once
    assert account == after


@given(STEPS, st.integers(0, 200))
def test_what_is_due_is_booked_in_the_order_and_at_the_moments_it_was_due(
    steps: list[tuple[object, ...]], hours: int
) -> None:
    life = Life().live(steps)
    now = moment(life.clock + hours)
    movements, after = rules.overdue(life.account, now)
    dates = [movement.occurred_at for movement in movements]
    assert dates == sorted(dates)
    assert all(date <= now for date in dates)
    for movement in movements:
        for posting in movement.postings:
            if posting.to_account == "debt" or posting.lot_id is None:
                continue
            lot = life.account.lots[posting.lot_id]
            due = lot.available_at if movement.kind == "activate" else lot.expires_at
            assert due == movement.occurred_at
    assert after.balance.next_due_at is None or after.balance.next_due_at > now


@given(STEPS, st.integers(0, 300))
def test_after_time_has_acted_nothing_that_was_due_is_left_and_held_points_live(
    steps: list[tuple[object, ...]], hours: int
) -> None:
    life = Life().live(steps)
    now = moment(life.clock + hours)
    held = life.account.balance.held
    _, after = rules.overdue(life.account, now)
    for lot in after.lots.values():
        assert not (lot.pending and lot.available_at and lot.available_at <= now)
        assert not (lot.pending + lot.available and lot.expires_at and lot.expires_at <= now)
    assert after.balance.held == held


def test_points_wake_before_they_die_when_both_are_due_at_one_moment() -> None:
    life = Life()
    life.earn(70, after=4, lives=4)
    movements, after = rules.overdue(life.account, moment(4))
    assert [movement.kind for movement in movements] == ["activate", "expire"]
    assert after.balance == Balance(earned=70, expired=70)


def test_a_moment_before_it_is_due_nothing_has_happened() -> None:
    life = Life()
    life.earn(70, after=4)
    assert rules.overdue(life.account, moment(4) - HOUR / 3600) == ([], life.account)


def test_points_that_wait_for_an_event_wake_by_no_time_but_do_expire() -> None:
    life = Life()
    life.earn(70, after=None, lives=10)
    assert rules.overdue(life.account, moment(9))[1].balance.pending == 70
    assert rules.overdue(life.account, moment(10))[1].balance == Balance(earned=70, expired=70)


def test_lots_that_are_due_together_share_a_journal() -> None:
    life = Life()
    life.earn(10, after=4)
    life.earn(20, after=4)
    movements, _ = rules.overdue(life.account, moment(4))
    assert [len(movement.postings) for movement in movements] == [2]


def test_released_points_go_back_to_their_lots_and_expire_with_them() -> None:
    life = Life()
    first, second = life.earn(40, lives=5), life.earn(40, lives=9)
    life.live([("hold", 50)])
    assert (life.account.lots[first].held, life.account.lots[second].held) == (40, 10)
    life.clock = 6
    life.live([("release", 50)])
    life.settle()
    assert life.account.balance == Balance(available=40, earned=80, expired=40, next_due_at=moment(9))


@pytest.mark.parametrize("account", ["available", "pending", "held"])
def test_more_than_there_is_cannot_be_taken(account: str) -> None:
    with pytest.raises(Overdrawn):
        rules.fold(Balance(available=9, pending=9, held=9), [Posting(account, "redeemed", 10)])


def test_more_than_is_left_in_a_lot_cannot_be_taken_even_when_the_balance_would_allow_it() -> None:
    life = Life()
    first = life.earn(10)
    life.earn(10)
    with pytest.raises(Overdrawn):
        rules.post(life.account, [Posting("available", "redeemed", 11, first)])


def test_a_debt_cannot_be_overpaid() -> None:
    life = Life().live([("owe", 5)])
    lot = life.earn(3)
    paid = rules.repay(replace(life.account.balance, debt=2), [Posting("issued", "available", 9, lot)])
    assert paid == (Posting("available", "debt", 2, lot),)


def test_pending_points_pay_no_debt() -> None:
    assert rules.repay(Balance(debt=5), [Posting("issued", "pending", 9, UUID(int=1))]) == ()


def test_which_lot_pays_a_debt_does_not_depend_on_the_order_in_which_lots_were_read() -> None:
    life = Life().live([("owe", 30), ("earn", 50, 9, 20), ("earn", 50, 9, 90)])
    backwards = replace(life.account, lots=dict(reversed(life.account.lots.items())))
    movements, after = rules.overdue(life.account, moment(30))
    assert rules.overdue(backwards, moment(30)) == (movements, after)
    assert (after.balance.available, after.balance.expired, after.balance.debt) == (50, 20, 0)


def test_an_account_without_lots_has_nothing_to_wait_for() -> None:
    assert rules.overdue(Account(Balance()), moment(9)) == ([], Account(Balance()))

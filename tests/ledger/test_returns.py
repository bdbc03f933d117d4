"""How far a return reaches for points, and a return that is undone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.ledger.rules import Account, Balance, Lot, Posting, fold, post
from loyalty_api.ledger.rules_returns import TakenBack, take_back, undo

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OWN, OTHER = UUID(int=1), UUID(int=2)


def lot(lot_id: UUID, *, pending: int = 0, available: int = 0, ends: int | None = None) -> Lot:
    expires = NOON + ends * DAY if ends is not None else None
    return Lot(
        lot_id, "purchase", lot_id, NOON, NOON, NOON + DAY if pending else NOON, expires, 100,
        pending=pending, available=available,
    )  # fmt: skip


def account(*lots: Lot, debt: int = 0) -> Account:
    total = Balance(
        available=sum(one.available for one in lots), pending=sum(one.pending for one in lots), debt=debt
    )
    return post(Account(total, {one.lot_id: one for one in lots}), ())


def moved(postings: Sequence[Posting]) -> list[tuple[str, str, int, int]]:
    return [(p.from_account, p.to_account, p.points, p.lot_id.int if p.lot_id else 0) for p in postings]


def test_a_return_takes_pending_then_its_own_lots_then_what_has_expired_then_others_then_debt() -> None:
    mine = account(lot(OWN, pending=10, available=20), lot(OTHER, available=30, ends=5))
    taken = take_back(mine, 100, own={OWN}, lapsed=15, reach="debt")
    assert moved(taken.postings) == [
        ("pending", "issued", 10, 1),
        ("available", "issued", 20, 1),
        ("available", "issued", 30, 2),
        ("debt", "issued", 25, 0),
    ]
    assert (taken.pending, taken.available, taken.lapsed, taken.debt, taken.kept) == (10, 50, 15, 25, 0)
    assert taken.points == 100


@pytest.mark.parametrize(
    ("reach", "pending", "available", "debt", "kept"),
    [("pending_only", 10, 0, 0, 75), ("within_balance", 10, 50, 0, 25), ("debt", 10, 50, 25, 0)],
)
def test_a_gentler_program_lets_points_go_and_says_how_many(
    reach: str, pending: int, available: int, debt: int, kept: int
) -> None:
    mine = account(lot(OWN, pending=10, available=20), lot(OTHER, available=30))
    taken = take_back(mine, 100, own={OWN}, lapsed=15, reach=reach)
    assert (taken.pending, taken.available, taken.debt, taken.kept) == (pending, available, debt, kept)
    assert taken.points + kept == 100


amounts = st.integers(0, 120)


@given(
    amounts, amounts, amounts, amounts, amounts, st.sampled_from(["pending_only", "within_balance", "debt"])
)
def test_whatever_lies_where_every_point_is_accounted_for(
    pending: int, available: int, other: int, lapsed: int, points: int, reach: str
) -> None:
    mine = account(lot(OWN, pending=pending, available=available), lot(OTHER, available=other))
    taken = take_back(mine, points, own={OWN}, lapsed=lapsed, reach=reach)
    after = post(mine, taken.postings).balance
    assert taken.points + taken.kept == points
    booked = points - taken.kept - taken.lapsed
    assert fold(mine.balance, taken.postings).earned == -booked
    assert after.available + after.pending - after.debt == pending + available + other - booked
    if after.debt:
        assert (after.available, after.pending) == (other and 0, max(0, pending - points))


def undone(before: Account, postings: Sequence[Posting], *, now: datetime = NOON) -> Account:
    """The account after a return's postings are turned round."""
    spare = Lot(UUID(int=9), "return", None, now, now, now, None, 0)
    turned = undo(before, postings, spare=spare, occurred_at=now, now=now, grace_ends=now + 14 * DAY)
    lots = {**before.lots, **{one.lot_id: one for one in turned.lots}}
    return post(Account(before.balance, lots), turned.movement.postings)


@given(amounts, amounts, amounts, amounts)
def test_a_return_that_is_undone_at_once_leaves_everything_as_it_was(
    pending: int, available: int, other: int, points: int
) -> None:
    mine = account(lot(OWN, pending=pending, available=available), lot(OTHER, available=other))
    taken = take_back(mine, points, own={OWN}, lapsed=0, reach="debt")
    back = undone(post(mine, taken.postings), taken.postings)
    assert back == mine


def test_points_of_a_lot_that_expired_meanwhile_live_until_the_grace_ends() -> None:
    mine = account(lot(OWN, available=20, ends=5))
    taken = take_back(mine, 20, own={OWN}, lapsed=0, reach="debt")
    later = NOON + 10 * DAY
    back = undone(post(mine, taken.postings), taken.postings, now=later)
    assert back.lots[OWN].available == 20
    assert back.lots[OWN].expires_at == later + 14 * DAY


def test_debt_that_was_repaid_since_comes_back_as_points() -> None:
    taken = TakenBack((Posting("debt", "issued", 30),), debt=30)
    back = undone(account(lot(OTHER, available=5), debt=10), taken.postings)
    assert (back.balance.debt, back.balance.available) == (0, 25)
    assert back.lots[UUID(int=9)].available == 20


def test_points_that_were_given_back_are_taken_again_and_owed_if_they_are_spent() -> None:
    postings = (Posting("redeemed", "available", 40, OWN),)
    back = undone(account(lot(OWN, available=25), lot(OTHER, available=5)), postings)
    assert (back.balance.available, back.balance.debt, back.balance.spent) == (0, 10, 40)

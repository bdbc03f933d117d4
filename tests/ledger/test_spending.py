"""Points that are used and given back: first to expire first, and back where they came from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.ledger import rules_spending as spending
from loyalty_api.ledger.rules import Account, Balance, Lot, Posting, post

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def lot(number: int, points: int, *, ends: int | None = None) -> Lot:
    """A lot of so many points that expires in ``ends`` days, earned ``number`` minutes after noon."""
    at = NOON + timedelta(minutes=number)
    expires = NOON + ends * DAY if ends is not None else None
    return Lot(UUID(int=number), "purchase", None, at, at, at, expires, points, available=points)


def account(*lots: Lot) -> Account:
    total = sum(lot.available for lot in lots)
    due = min((lot.expires_at for lot in lots if lot.expires_at), default=None)
    return Account(Balance(available=total, earned=total, next_due_at=due), {lot.lot_id: lot for lot in lots})


def moved(postings: Sequence[Posting]) -> list[tuple[str, str, int, int]]:
    return [(p.from_account, p.to_account, p.points, p.lot_id.int if p.lot_id else 0) for p in postings]


def test_what_expires_first_is_taken_first_and_what_never_expires_last() -> None:
    mine = account(lot(1, 10), lot(2, 10, ends=9), lot(3, 10, ends=5), lot(4, 10, ends=5))
    assert moved(spending.take(mine, 33, to="held")) == [
        ("available", "held", 10, 3),
        ("available", "held", 10, 4),
        ("available", "held", 10, 2),
        ("available", "held", 3, 1),
    ]


def test_a_return_takes_from_the_lots_of_its_purchase_first() -> None:
    mine = account(lot(1, 10), lot(2, 10, ends=5))
    taken = spending.take(mine, 12, to="issued", first={UUID(int=1)})
    assert moved(taken) == [("available", "issued", 10, 1), ("available", "issued", 2, 2)]


def test_too_few_points_are_all_or_nothing_unless_as_many_as_there_are_will_do() -> None:
    mine = account(lot(1, 10))
    with pytest.raises(spending.InsufficientPoints) as refused:
        spending.take(mine, 67, to="held")
    assert refused.value.missing == 57
    assert moved(spending.take(mine, 67, to="issued", most=True)) == [("available", "issued", 10, 1)]


def test_a_part_is_captured_and_the_rest_let_go() -> None:
    held = [(UUID(int=1), 10), (UUID(int=2), 5)]
    assert moved(spending.capture(held, 12)) == [
        ("held", "redeemed", 10, 1),
        ("held", "redeemed", 2, 2),
        ("held", "available", 3, 2),
    ]
    assert moved(spending.release(held)) == [("held", "available", 10, 1), ("held", "available", 5, 2)]


def test_points_go_back_to_the_last_lot_they_came_from_and_a_dead_one_lives_for_the_grace() -> None:
    dead, alive = lot(1, 10, ends=-1), lot(2, 10, ends=9)
    taken, ends = [(UUID(int=1), 10), (UUID(int=2), 10)], NOON + 14 * DAY
    first = spending.restore(taken, lots=[dead, alive], before=0, points=12, now=NOON, grace_ends=ends)
    assert moved(first.postings) == [("redeemed", "available", 10, 2), ("redeemed", "available", 2, 1)]
    assert [(lot.lot_id.int, lot.expires_at) for lot in first.lots] == [(1, ends)]
    rest = spending.restore(taken, lots=[dead, alive], before=12, points=8, now=NOON, grace_ends=ends)
    assert moved(rest.postings) == [("redeemed", "available", 8, 1)]


@given(
    st.lists(st.tuples(st.integers(1, 50), st.one_of(st.none(), st.integers(1, 30))), min_size=1, max_size=6),
    st.data(),
)
def test_held_used_and_given_back_in_any_parts_leaves_every_lot_as_it_was(
    given: list[tuple[int, int | None]], data: st.DataObject
) -> None:
    before = account(*(lot(n, points, ends=ends) for n, (points, ends) in enumerate(given)))
    wanted = data.draw(st.integers(1, before.balance.available))
    holding = spending.take(before, wanted, to="held")
    held = spending.taken_by(holding)
    used = data.draw(st.integers(0, wanted))
    capturing = spending.capture(held, used)
    now = post(post(before, holding), capturing)
    assert (now.balance.spent, now.balance.held) == (used, 0)
    taken = spending.taken_by(p for p in capturing if p.to_account == "redeemed")
    back = 0
    while back < used:
        part = data.draw(st.integers(1, used - back))
        restored = spending.restore(
            taken, lots=now.lots.values(), before=back, points=part, now=NOON, grace_ends=NOON
        )
        assert restored.lots == ()
        now, back = post(now, restored.postings), back + part
    assert now == before

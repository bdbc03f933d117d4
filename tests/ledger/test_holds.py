"""Holds and their ends: whenever one looks, and however often, the account comes to the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.ledger import rules, rules_spending
from loyalty_api.ledger.rules import Account, Balance, Hold, Lot, Movement, Posting
from tests.ledger.stories import HOUR, moment, totals

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("earn"), st.integers(1, 300), st.none() | st.integers(1, 60)),
        st.tuples(st.just("wait"), st.integers(0, 30)),
        st.tuples(st.just("hold"), st.integers(1, 300), st.integers(1, 20)),
        st.tuples(st.just("capture"), st.integers(0, 5), st.integers(1, 300)),
        st.tuples(st.just("release"), st.integers(0, 5)),
        st.tuples(st.just("owe"), st.integers(1, 200)),
    ),
    max_size=25,
)


@dataclass
class Life:
    """An account with holds, and everything that was booked on it."""

    account: Account = field(default_factory=lambda: Account(Balance()))
    booked: list[Movement] = field(default_factory=list)
    clock: int = 0
    made: int = 0

    def live(self, steps: list[tuple[Any, ...]], *, looking: bool = False) -> Life:
        """Do what the steps say; when somebody is ``looking``, what time has done is booked every hour."""
        for name, *numbers in steps:
            hours = numbers[0] if name == "wait" else 0
            for _ in range(hours):
                self.clock += 1
                if looking:
                    self.settle()
            self.settle()
            if name != "wait":
                getattr(self, name)(*numbers)
        return self

    def settle(self) -> None:
        movements, self.account = rules.overdue(self.account, moment(self.clock))
        self.booked += movements

    def earn(self, points: int, lives: int | None) -> None:
        self.made += 1
        now = moment(self.clock)
        dies = None if lives is None else now + lives * HOUR
        lot = Lot(UUID(int=self.made), "purchase", None, now, now, now, dies, points)
        lots = {**self.account.lots, lot.lot_id: lot}
        self.account = Account(self.account.balance, lots, self.account.holds)
        self._book("earn", (Posting("issued", "available", points, lot.lot_id),))

    def hold(self, points: int, hours: int) -> None:
        postings = rules_spending.take(self.account, points, to="held", most=True)
        if postings:
            self.made += 1
            opened = Hold(UUID(int=self.made), moment(self.clock + hours), rules_spending.taken_by(postings))
            self._book("hold", postings, opens=opened)

    def capture(self, which: int, points: int) -> None:
        if self.account.holds:
            held = list(self.account.holds.values())[which % len(self.account.holds)]
            postings = rules_spending.capture(held.taken, min(points, held.points))
            self._book("redeem", postings, closes=held.hold_id)

    def release(self, which: int) -> None:
        if self.account.holds:
            held = list(self.account.holds.values())[which % len(self.account.holds)]
            self._book("release", rules_spending.release(held.taken), closes=held.hold_id)

    def owe(self, points: int) -> None:
        if not self.account.balance.available:
            self._book("adjust", (Posting("debt", "adjusted", points),))

    def _book(self, kind: str, postings: tuple[Posting, ...], **more: Any) -> None:
        repaid = rules.repay(self.account.balance, postings)
        movement = Movement(kind, moment(self.clock), postings + repaid, **more)
        self.account = rules.move(self.account, movement)
        self.booked.append(movement)


@given(STEPS)
def test_what_is_held_is_the_sum_of_the_open_holds_lot_by_lot(steps: list[tuple[Any, ...]]) -> None:
    account = Life().live(steps).account
    held: dict[UUID, int] = {}
    for hold in account.holds.values():
        for lot_id, points in hold.taken:
            held[lot_id] = held.get(lot_id, 0) + points
    assert held == {lot.lot_id: lot.held for lot in account.lots.values() if lot.held}
    assert account.balance.held == sum(held.values())


@given(STEPS)
def test_it_makes_no_difference_how_often_somebody_looks(steps: list[tuple[Any, ...]]) -> None:
    seldom, often = Life().live(steps), Life().live(steps, looking=True)
    assert seldom.account == often.account
    assert totals(seldom.booked) == totals(often.booked)
    assert [(m.kind, m.occurred_at) for m in seldom.booked] == [(m.kind, m.occurred_at) for m in often.booked]


@given(STEPS)
def test_a_hold_ends_on_time_and_the_balance_knows_when(steps: list[tuple[Any, ...]]) -> None:
    life = Life().live(steps)
    assert all(hold.expires_at > moment(life.clock) for hold in life.account.holds.values())
    due = life.account.balance.next_due_at
    ends = [hold.expires_at for hold in life.account.holds.values()]
    assert not ends or (due is not None and due <= min(ends))

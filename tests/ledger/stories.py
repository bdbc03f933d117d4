"""Lives of an account as tests tell them: what happens and when, and an independent sum of where the points are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from loyalty_api.ledger import rules
from loyalty_api.ledger.rules import Account, Balance, Lot, Movement, Posting

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
_hours = st.integers(0, 60)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("earn"), st.integers(1, 500), st.none() | _hours, st.none() | st.integers(1, 120)),
        st.tuples(st.just("wait"), st.integers(0, 48)),
        st.tuples(st.just("hold"), st.integers(1, 400)),
        st.tuples(st.just("release"), st.integers(1, 400)),
        st.tuples(st.just("owe"), st.integers(1, 300)),
    ),
    max_size=25,
)
"""What may happen: an earning (after so many hours, for so many; None: never), time, holds, a debt."""


def moment(hours: int) -> datetime:
    """So many hours after the beginning."""
    return START + hours * HOUR


@dataclass(slots=True)
class Life:
    """An account, and everything that was ever booked on it."""

    account: Account = field(default_factory=lambda: Account(Balance()))
    booked: list[Movement] = field(default_factory=list)
    clock: int = 0
    made: int = 0

    def live(self, steps: Iterable[tuple[Any, ...]]) -> Life:
        """Do what the steps say, booking what time has done before each."""
        for name, *numbers in steps:
            self.settle()
            getattr(self, f"_{name}")(*numbers)
        return self

    def settle(self) -> None:
        """Book what time has done."""
        movements, self.account = rules.overdue(self.account, moment(self.clock))
        self.booked += movements

    def earn(self, points: int, *, after: int | None = 0, lives: int | None = None) -> UUID:
        """Points arrive: available ``after`` so many hours (None: an event decides), gone when they have lived."""
        self.made += 1
        now = moment(self.clock)
        lot = Lot(
            UUID(int=self.made), "purchase", None, now, now,
            None if after is None else now + after * HOUR,
            None if lives is None else now + lives * HOUR,
            points,
        )  # fmt: skip
        self.account = Account(self.account.balance, {**self.account.lots, lot.lot_id: lot})
        at_once = after == 0
        self._book("earn", [Posting("issued", "available" if at_once else "pending", points, lot.lot_id)])
        return lot.lot_id

    def _earn(self, points: int, after: int | None, lives: int | None) -> None:
        self.earn(points, after=after, lives=lives)

    def _wait(self, hours: int) -> None:
        self.clock += hours

    def _hold(self, points: int) -> None:
        self._move("hold", "available", "held", points)

    def _release(self, points: int) -> None:
        self._move("release", "held", "available", points)

    def _owe(self, points: int) -> None:
        self._book("adjust", [Posting("debt", "adjusted", points)])

    def _move(self, kind: str, source: str, target: str, points: int) -> None:
        """Move up to ``points``, those that expire first before the others."""
        postings = []
        by_expiry = sorted(
            self.account.lots.values(), key=lambda lot: (lot.expires_at is None, lot.expires_at)
        )
        for lot in by_expiry:
            part = min(points, getattr(lot, source))
            if part:
                postings.append(Posting(source, target, part, lot.lot_id))
                points -= part
        if postings:
            self._book(kind, postings)

    def _book(self, kind: str, postings: list[Posting]) -> None:
        whole = (*postings, *rules.repay(self.account.balance, postings))
        self.account = rules.post(self.account, whole)
        self.booked.append(Movement(kind, moment(self.clock), whole))


def totals(movements: Iterable[Movement]) -> Counter[str]:
    """What lies on each account by the postings alone."""
    found: Counter[str] = Counter()
    for movement in movements:
        for posting in movement.postings:
            found[posting.from_account] -= posting.points
            found[posting.to_account] += posting.points
    return found

"""Looks through the ways in which transactions can interleave; each has to come to what one after the other does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import permutations
from random import Random
from typing import Any

from loyalty_api.db import Database
from tests.model.stepping import Choose, Ran, Scheduler
from tests.purchases.racing import breaches_in

Outcome = tuple[Any, ...]


class NotSerial(AssertionError):
    """Something came out that no order of whole transactions gives."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Transactions that can collide, made ready anew for each schedule, and how it looks when they are done."""

    works: Mapping[str, Callable[[], Any]]
    look: Callable[[], Any]


@dataclass(slots=True)
class Explored:
    """What was looked at: distinct schedules, and whether they were all that there are."""

    schedules: set[tuple[str, ...]] = field(default_factory=set)
    outcomes: set[Outcome] = field(default_factory=set)
    complete: bool = False


@dataclass(slots=True)
class _Path:
    """A walk through the tree of choices, the way that was told first."""

    told: Sequence[int]
    random: Random | None
    taken: list[tuple[int, int]] = field(default_factory=list)

    def choose(self, ready: Sequence[str]) -> str:
        at = len(self.taken)
        if at < len(self.told):
            place = min(self.told[at], len(ready) - 1)
        else:
            place = self.random.randrange(len(ready)) if self.random else 0
        self.taken.append((place, len(ready)))
        return ready[place]

    def following(self) -> list[int] | None:
        """The next way in the order of choices; None when this was the last."""
        left = list(self.taken)
        while left and left[-1][0] + 1 == left[-1][1]:
            left.pop()
        return [*(place for place, _ in left[:-1]), left[-1][0] + 1] if left else None


@dataclass(slots=True)
class Explorer:
    """Explores scenes that ``Scheduler`` steps through, in one database."""

    database: Database
    scheduler: Scheduler

    def explore(self, make: Callable[[], Scene], *, most: int, random: Random) -> Explored:
        """Up to ``most`` schedules: all there are when they are so few, else half in order and the rest by chance.

        :raises NotSerial: a schedule ended otherwise than every serial order, or broke an invariant.
        """
        found = Explored()
        allowed = {self._outcome(make, choose)[0] for choose in _serial_orders(make)}
        for path in self._paths(found, most, random):
            outcome, ran = self._outcome(make, path.choose)
            found.schedules.add(ran.schedule)
            found.outcomes.add(outcome)
            if outcome not in allowed:
                raise NotSerial(
                    f"{' '.join(ran.schedule)}\n  came to {outcome}\n  one after the other: {sorted(allowed, key=str)}"
                )
        self._ensure_invariants(make, found)
        return found

    def _paths(self, found: Explored, most: int, random: Random) -> Iterator[_Path]:
        told: list[int] | None = []
        for number in range(most):
            by_chance = number >= most // 2
            path = _Path([] if by_chance else told or [], random if by_chance else None)
            yield path
            if not by_chance:
                told = path.following()
                if told is None:
                    found.complete = True
                    return

    def _outcome(self, make: Callable[[], Scene], choose: Choose) -> tuple[Outcome, Ran]:
        scene = make()
        ran = self.scheduler.run(scene.works, choose)
        return (tuple(sorted(ran.results.items())), scene.look()), ran

    def _ensure_invariants(self, make: Callable[[], Scene], found: Explored) -> None:
        """Hold all that was done against the invariants; when one is broken, find the schedule that does it."""
        if not breaches_in(self.database):
            return
        known = len(breaches_in(self.database))
        for schedule in sorted(found.schedules):
            self._outcome(make, _as_told(schedule))
            broken = breaches_in(self.database)
            if len(broken) > known:
                raise NotSerial(f"{' '.join(schedule)}\n  breaks {broken[-1]}")
        raise NotSerial(f"an invariant is broken: {breaches_in(self.database)[0]}")


def _serial_orders(make: Callable[[], Scene]) -> Iterator[Choose]:
    """One after the other, in every order."""
    for order in permutations(make().works):
        yield partial(_first_of, order)


def _first_of(order: Sequence[str], ready: Sequence[str]) -> str:
    return min(ready, key=order.index)


def _as_told(schedule: Sequence[str]) -> Choose:
    left = list(schedule)
    return lambda ready: left.pop(0) if left and left[0] in ready else ready[0]

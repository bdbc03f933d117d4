"""What a member's points should come to, in plain arithmetic: the model that the service is held against.

It shares no line with the product: lots that wake and die, what expires first is taken first, debts are paid by
whatever becomes available, holds end by themselves. Everything is changed in place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

NEVER = datetime.max.replace(tzinfo=UTC)


class Refused(Exception):
    """The service has to refuse this, with this code."""


@dataclass(eq=False)
class Lot:
    at: datetime
    wakes: datetime
    ends: datetime
    source: object = None
    pending: int = 0
    available: int = 0
    held: int = 0
    lapsed: int = 0


@dataclass(eq=False)
class Hold:
    since: datetime
    ends: datetime
    points: int
    taken: list[tuple[Lot, int]]
    state: str = "held"
    used: int = 0
    owed: int = 0
    back: int = 0


@dataclass
class Ledger:
    lots: list[Lot] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    debt: int = 0
    earned: int = 0
    spent: int = 0
    expired: int = 0
    adjusted: int = 0

    def in_all(self, account: str) -> int:
        return sum(getattr(lot, account) for lot in self.lots)

    def born(self, at: datetime, wakes: datetime, ends: datetime, source: object = None) -> Lot:
        self.lots.append(Lot(at, wakes, ends, source))
        return self.lots[-1]

    def arrive(self, lot: Lot, points: int) -> None:
        paid = min(self.debt, points)
        self.debt -= paid
        lot.available += points - paid

    def take(self, points: int, *, first: list[Lot] | None = None) -> list[tuple[Lot, int]]:
        taken = []
        for lot in sorted(self.lots, key=lambda lot: (lot not in (first or ()), lot.ends, lot.at)):
            part = min(points, lot.available)
            lot.available -= part
            points -= part
            taken += [(lot, part)] if part else []
        return taken

    def let_go(self, held: list[tuple[Lot, int]], *, used: int = 0) -> list[tuple[Lot, int]]:
        taken = []
        for lot, points in held:
            part = min(used, points)
            used -= part
            lot.held -= points
            taken += [(lot, part)] if part else []
            self.arrive(lot, points - part)
        return taken

    def advance(self, now: datetime) -> None:
        while (due := min(self._moments(), default=NEVER)) <= now:
            woken = [lot for lot in self.lots if lot.pending and lot.wakes <= due]
            ended = [hold for hold in self.holds if hold.state == "held" and hold.ends <= due]
            for lot in woken:
                points, lot.pending = lot.pending, 0
                self.arrive(lot, points)
            if ended and not woken:
                ended[0].state = "expired"
                self.let_go(ended[0].taken)
            for lot in self.lots if not woken and not ended else ():
                if lot.ends <= due:
                    self.expired += lot.pending + lot.available
                    lot.lapsed += lot.pending + lot.available
                    lot.pending = lot.available = 0

    def _moments(self) -> list[datetime]:
        alive = [lot for lot in self.lots if lot.pending + lot.available]
        moments = [min(lot.ends, lot.wakes) if lot.pending else lot.ends for lot in alive]
        return moments + [hold.ends for hold in self.holds if hold.state == "held"]

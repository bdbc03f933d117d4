"""A basket while promotions act on it: what each line costs by now, and what of it may still be discounted.

The earlier of two lines is the one with the lower number (2 before 10), wherever it stands in what the till sent: the
order of lines changes nothing, not even by a cent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from loyalty_api.promotions.rules_spreading import basket_floor, line_floor
from loyalty_api.promotions.rules_types import Terms
from loyalty_api.rulekit.basket import Basket, LineDiscount
from loyalty_api.rulekit.decision import Discount


def in_number(basket: Basket) -> Basket:
    """The basket with its lines in the order of their numbers."""
    lines = sorted(basket.lines, key=lambda line: (len(line.line_id), line.line_id))
    return replace(basket, lines=tuple(lines))


def with_discounts(basket: Basket, discounts: Iterable[Discount]) -> Basket:
    """The basket settled, with the shares of promotions behind the discounts that its lines have."""
    given: defaultdict[str, list[LineDiscount]] = defaultdict(list)
    for one in discounts:
        rule, benefit, wide = one.rule, one.benefit, one.basket_wide
        for line_id, share in one.shares:
            given[line_id].append(LineDiscount("program", share, benefit, rule, wide))
    lines = [line.discounted(given[line.line_id]) if line.line_id in given else line for line in basket.lines]
    return replace(basket, lines=tuple(lines), pricing="settled")


class Lines:
    """By place, in minor units: ``before`` as the till sold it, ``off`` taken off since, ``free`` what later promotions
    of the lane may work on, ``used`` what is left of consumed units, ``start`` what was free as the lane began.

    ``units`` are those that are free; ``counted`` are the places that thresholds count, ``allowed`` those that may be
    discounted, and ``returned`` those below zero among them. ``last`` names the promotion that last discounted a line
    and ``taken_by`` the one that consumed units of it. ``spare`` is how much
    a line lies above its floor, ``room`` how much the whole basket may still be lowered.
    """

    __slots__ = (
        "allowed", "before", "counted", "floors", "free", "last", "lines", "off", "returned", "room", "spare",
        "start", "taken_by", "units", "used", "whole",
    )  # fmt: skip

    def __init__(self, basket: Basket, terms: Terms) -> None:
        self.lines = lines = basket.lines
        self.before = [line.paid for line in lines]
        count = range(len(lines))
        out = [terms.excluded(line) for line in lines] if terms.excluded else [frozenset[str]()] * len(lines)
        self.counted = [i for i in count if "threshold" not in out[i]]
        self.off, self.used = [0] * len(lines), [0] * len(lines)
        self.free = [max(paid, 0) if "discount" not in out[i] else 0 for i, paid in enumerate(self.before)]
        self.units = [max(line.pieces, 1) for line in lines]
        self.returned = [i for i in count if self.before[i] < 0 and "discount" not in out[i]]
        self._cancel()
        self.whole = list(self.units)
        self.allowed = [i for i in count if self.free[i] > 0]
        self.floors = [line_floor(line, terms.floor) for line in lines]
        self.start = list(self.free)
        self.last: dict[int, str] = {}
        self.taken_by: dict[int, str] = {}
        self.spare = [paid - floor for paid, floor in zip(self.before, self.floors, strict=True)]
        whole = sum(self.before)
        self.room = max(whole - basket_floor(lines, self.floors, terms.floor), 0)

    def _cancel(self) -> None:
        """A line below zero takes back one of the same product: what was cancelled is not there to be discounted."""
        still = []
        for i in self.returned:
            sku, left, pieces = self.lines[i].sku, -self.before[i], abs(self.lines[i].pieces)
            same = [
                j for j, line in enumerate(self.lines) if sku is not None and line.sku == sku and self.free[j]
            ]
            for j in sorted(same, key=lambda j: (self.before[j] != -self.before[i], -self.before[j], j)):
                taken, gone = min(left, self.free[j]), min(pieces, self.units[j] - 1)
                self.free[j] -= taken
                self.units[j] -= gone
                left, pieces = left - taken, pieces - gone
            if left:
                still.append(i)
        self.returned = still

    def begin(self) -> None:
        """A lane begins: what was consumed in the one before is money like any other."""
        for i in self.allowed:
            self.free[i] += self.used[i]
            self.used[i] = 0
        if self.taken_by:
            self.units, self.taken_by = list(self.whole), {}
        self.start = list(self.free)

    def paid(self, *, after: bool) -> Sequence[int]:
        """What each line comes to for conditions and minimums: after what was taken off so far, or before it."""
        return [a - b for a, b in zip(self.before, self.off, strict=True)] if after else self.before

    def spaces(self, places: Iterable[int]) -> list[int]:
        """How much each of these lines may still be lowered."""
        free, spare = self.free, self.spare
        return [a if (a := free[i]) < (b := spare[i]) else b if b > 0 else 0 for i in places]

    def take(self, rule_id: str, shares: Mapping[int, int], consumed: Mapping[int, tuple[int, int]]) -> None:
        """Let a discount stand: its ``shares`` by place, and the units and money that nothing else may use now."""
        for i, share in shares.items():
            self.off[i] += share
            self.spare[i] -= share
            self.room -= share
            self.last[i] = rule_id
            if i not in consumed:
                self.free[i] -= share
        for i, (units, money) in consumed.items():
            self.units[i] -= units
            self.free[i] -= money
            self.used[i] += money - shares.get(i, 0)
            self.start[i] = max(self.start[i] - money, 0)
            self.taken_by[i] = rule_id

    def discounted(self, i: int) -> bool:
        """Whether the line has any discount, the till's or a promotion's."""
        return i in self.last or bool(self.lines[i].discounts)

"""Counting what is bought together: baskets go in one by one, products with their partners come out one by one.

A line costs eight bytes, and partners are counted for one product at a time, so that memory does not grow with their
number. Where there are more lines than are kept, baskets are thinned by halves, chosen by their ids: which
ones are left does not depend on the order in which they came.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from loyalty_api.suggestions.rules import DAMPING, DOUBT, Sold

MOST_LINES = 10_000_000
"""So many lines are counted at most."""
MOST_PARTNERS = 40
"""So many partners of a product are kept: the best ones."""
_STANDARD = 1 << 32


@dataclass(frozen=True, slots=True)
class Counted:
    """A product by its sku: in how many baskets it was, what a piece last cost (minor units), and its partners.

    ``others`` are the numbers of what it was bought together with, the best first; ``together`` in how many baskets.
    """

    sku: str
    number: int
    baskets: int
    price: int | None
    others: list[int]
    together: list[int]


@dataclass(slots=True)
class Baskets:
    """What was bought; one in ``every`` baskets is kept."""

    most: int = MOST_LINES
    every: int = 1
    _numbers: dict[str, int] = field(default_factory=dict)
    _prices: dict[int, tuple[int, int]] = field(default_factory=dict)
    _stores: dict[str, int] = field(default_factory=dict)
    _lines: array[int] = field(default_factory=lambda: array("I"))
    _ends: array[int] = field(default_factory=lambda: array("Q"))
    _marks: array[int] = field(default_factory=lambda: array("I"))
    _at: array[int] = field(default_factory=lambda: array("I"))

    def __len__(self) -> int:
        return len(self._ends)

    def add(
        self, mark: int, store: str, when: int, skus: Sequence[str], prices: Sequence[int | None] = ()
    ) -> None:
        """A basket; ``mark`` is a number of its own that is spread evenly, ``when`` seconds since 1970.

        ``prices`` are those of a piece, in the order of ``skus``, in minor units.
        """
        if mark % self.every:
            return
        numbers = [self._numbers.setdefault(sku, len(self._numbers)) for sku in skus]
        for number, price in zip(numbers, prices, strict=False):
            if price is not None and self._prices.get(number, (0, 0)) < (when, price):
                self._prices[number] = (when, price)
        self._lines.extend(sorted(set(numbers)))
        self._ends.append(len(self._lines))
        self._marks.append(mark % _STANDARD)
        self._at.append(self._stores.setdefault(store, len(self._stores)))
        if len(self._lines) > self.most:
            self._thin()

    def _thin(self) -> None:
        """Keep every second basket."""
        self.every *= 2
        lines, ends, marks, at = array("I"), array("Q"), array("I"), array("I")
        for place, mark in enumerate(self._marks):
            if mark % self.every == 0:
                lines.extend(self._of(place))
                ends.append(len(lines))
                marks.append(mark)
                at.append(self._at[place])
        self._lines, self._ends, self._marks, self._at = lines, ends, marks, at

    def _of(self, place: int) -> array[int]:
        return self._lines[self._ends[place - 1] if place else 0 : self._ends[place]]

    def together(self, *, min_baskets: int, min_lift_percent: int) -> Together:
        """What was bought together in at least so many baskets, and so many percent of what chance would give."""
        return Together(self, min_baskets, min_lift_percent)


class Together:
    """The counts of some baskets, ready to be read; products that too few baskets hold have dropped out."""

    def __init__(self, baskets: Baskets, min_baskets: int, min_lift_percent: int) -> None:
        self._baskets, self._least, self._lift = baskets, min_baskets, min_lift_percent
        held = Counter(baskets._lines)
        often = sorted((sku, old) for sku, old in baskets._numbers.items() if held[old] >= min_baskets)
        self._skus = [sku for sku, _ in often]
        self._old = [old for _, old in often]
        self._bought = array("I", [held[old] for old in self._old])
        new = {old: number for number, old in enumerate(self._old)}
        self._of = [array("I") for _ in often]
        for place in range(len(baskets)):
            for old in baskets._of(place):
                if old in new:
                    self._of[new[old]].append(place)
        self._new = new

    def products(self) -> Iterator[Counted]:
        """Every product, in the order of their numbers, which is that of their skus."""
        damped = [(bought + DOUBT) ** DAMPING for bought in self._bought]
        for number, sku in enumerate(self._skus):
            partners = self._partners(number)
            partners.sort(key=lambda one: (-one[1] / damped[one[0]], one[0]))
            kept = partners[:MOST_PARTNERS]
            price = self._baskets._prices.get(self._old[number])
            yield Counted(
                sku, number, self._bought[number], price[1] if price else None,
                [other for other, _ in kept], [n for _, n in kept],
            )  # fmt: skip

    def _partners(self, number: int) -> list[tuple[int, int]]:
        held: Counter[int] = Counter()
        for place in self._of[number]:
            held.update(self._baskets._of(place))
        mine, all_of_them, new = self._bought[number], len(self._baskets), self._new
        return [
            (new[old], n)
            for old, n in held.items()
            if n >= self._least
            and new[old] != number
            and 100 * n * all_of_them >= self._lift * mine * self._bought[new[old]]
        ]

    def stores(self) -> Iterator[tuple[str, Sold]]:
        """What each store sold of these products, in the order of the stores."""
        baskets = self._baskets
        places: dict[int, array[int]] = {}
        for place, store in enumerate(baskets._at):
            places.setdefault(store, array("I")).append(place)
        for name, store in sorted(baskets._stores.items()):
            held: Counter[int] = Counter()
            mine = places.get(store, ())
            for place in mine:
                held.update(baskets._of(place))
            sold = {self._new[old]: n for old, n in held.items() if old in self._new}
            yield name, Sold(len(mine), dict(sorted(sold.items())))

"""What two sides of a back-test come to: sums by rule, store, level and week, and how each member fares. Pure.

All of it adds up: tallies of some members are put together to those of more, in any number of parts, and written down
between two of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_AFFECTED = 10
NO_LEVEL = ""
"""Stands for no level among the levels."""
Sides = list[int]
"""Points before and after: by what was decided, and by the draft."""


def _sides() -> Sides:
    return [0, 0]


def _groups() -> defaultdict[str, Sides]:
    return defaultdict(_sides)


OF_GIFTS = ("draws", "granted", "gift_cost", "gift_points", "gift_pieces")
"""What is summed by gift: draws, gifts, what they cost in minor units, points and pieces that they give."""
GROUPS = ("rules", "stores", "tiers", "weeks", *OF_GIFTS)


@dataclass(slots=True)
class Tally:
    """Sums over the members that were looked at; ``walked`` counts those that a sample left out as well.

    ``spread`` counts members by how many digits their difference has, negative for a loss. ``squares`` is the sum of
    the squared differences. ``most`` are (difference, before, after) of the most affected, ``moves`` members by
    "level before > level after".
    """

    walked: int = 0
    looked: int = 0
    members: int = 0
    purchases: int = 0
    returns: int = 0
    points: Sides = field(default_factory=_sides)
    outstanding: Sides = field(default_factory=_sides)
    squares: int = 0
    rules: defaultdict[str, Sides] = field(default_factory=_groups)
    stores: defaultdict[str, Sides] = field(default_factory=_groups)
    tiers: defaultdict[str, Sides] = field(default_factory=_groups)
    weeks: defaultdict[str, Sides] = field(default_factory=_groups)
    draws: defaultdict[str, Sides] = field(default_factory=_groups)
    granted: defaultdict[str, Sides] = field(default_factory=_groups)
    gift_cost: defaultdict[str, Sides] = field(default_factory=_groups)
    gift_points: defaultdict[str, Sides] = field(default_factory=_groups)
    gift_pieces: defaultdict[str, Sides] = field(default_factory=_groups)
    spread: dict[str, int] = field(default_factory=dict)
    moves: dict[str, int] = field(default_factory=dict)
    most: list[tuple[int, int, int]] = field(default_factory=list)

    def member(self, before: int, after: int) -> None:
        """Note what one member had and would have had of what was bought in the window."""
        self.members += 1
        difference = after - before
        self.squares += difference * difference
        size = len(str(abs(difference))) if difference else 0
        key = str(size if difference > 0 else -size)
        self.spread[key] = self.spread.get(key, 0) + 1
        if difference:
            self.most = _most([*self.most, (difference, before, after)])

    def add(self, other: Tally) -> None:
        """Put another tally's members behind these."""
        for name in ("walked", "looked", "members", "purchases", "returns", "squares"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for pair, more in ((self.points, other.points), (self.outstanding, other.outstanding)):
            _add(pair, more)
        for name in GROUPS:
            groups: defaultdict[str, Sides] = getattr(self, name)
            for key, sides in getattr(other, name).items():
                _add(groups[key], sides)
        for counts, added in ((self.spread, other.spread), (self.moves, other.moves)):
            for key, number in added.items():
                counts[key] = counts.get(key, 0) + number
        self.most = _most([*self.most, *other.most])

    def written(self) -> dict[str, Any]:
        """As a document that ``read`` reads."""
        # A sum of squares may outgrow JSON's numbers.
        return {name: getattr(self, name) for name in self.__slots__} | {"squares": str(self.squares)}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Tally:
        """What ``written`` gave, once it has been stored."""
        found = cls(**{name: document[name] for name in cls.__slots__ if name not in GROUPS})
        found.squares = int(document["squares"])
        for name in GROUPS:
            # What a worker of an earlier release has written down knows of no gifts.
            groups = document.get(name, {})
            getattr(found, name).update({key: list(sides) for key, sides in groups.items()})
        found.most = [(row[0], row[1], row[2]) for row in found.most]
        return found


def _add(sides: Sides, more: Sides) -> None:
    sides[0] += more[0]
    sides[1] += more[1]


def _most(rows: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Those whose difference is the largest, either way; of equals those who came first."""
    return sorted(rows, key=lambda row: -abs(row[0]))[:MOST_AFFECTED]

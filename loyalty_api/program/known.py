"""What a process knows of the program at one time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from loyalty_api.program.rules_pauses import NO_PAUSES, Numbers, Pauses

if TYPE_CHECKING:
    from loyalty_api.program.service import Version

Compiled = TypeVar("Compiled")


@dataclass(frozen=True, slots=True)
class Known(Generic[Compiled]):
    """Every version, compiled, the order in which they are in force, and the pauses.

    ``without`` makes a version of which some rules are paused; each such one is made once.
    """

    versions: tuple[Version, ...] = ()
    compiled: Mapping[int, Compiled] = field(default_factory=dict)
    order: tuple[tuple[datetime, int], ...] = ()
    pauses: Pauses = NO_PAUSES
    without: Callable[[Compiled, frozenset[str]], Compiled] | None = None
    variants: dict[tuple[int, Numbers], Compiled] = field(default_factory=dict)

    def at(self, moment: datetime) -> int:
        """The number of the version in force at ``moment``, 0 before the first."""
        place = bisect_right(self.order, (moment, len(self.versions)))
        return self.order[place - 1][1] if place else 0

    def ready(self, number: int, pauses: Numbers) -> Compiled | None:
        """A version while some pauses last, or None when there is no such version."""
        compiled = self.compiled.get(number)
        if compiled is None or not pauses or self.without is None:
            return compiled
        made = self.variants.get((number, pauses))
        if made is None:
            made = self.variants[number, pauses] = self.without(compiled, self.pauses.rules(pauses))
        return made

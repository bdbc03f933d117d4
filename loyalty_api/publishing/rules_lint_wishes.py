"""What a condition asks for, as alternatives of single demands that a sale can be made to meet.

``all``, ``any`` and ``not`` are multiplied out, to a bounded number of alternatives; what is left are demands such as
"the store is one of these" or "not on one of these days".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

MOST = 24


class Demand(NamedTuple):
    """One member of a condition, or of its ``member``, that must hold, or must not."""

    name: str
    value: Any
    holds: bool = True


class Alternatives(NamedTuple):
    """Ways in which a condition can hold; ``complete`` says whether these are all of them."""

    ways: tuple[tuple[Demand, ...], ...]
    complete: bool = True


def alternatives(when: Mapping[str, Any], *, holds: bool = True) -> Alternatives:
    """The ways in which a condition (as it was read) holds, or does not."""
    said = [(name, value) for name, value in when.items() if value is not None]
    parts = [_part(name, value, holds) for name, value in said]
    return _each(parts) if holds else _either(parts)


def _part(name: str, value: Any, holds: bool) -> Alternatives:
    match name:
        case "all" | "any":
            inner = [alternatives(one, holds=holds) for one in value]
            return _each(inner) if (name == "all") == holds else _either(inner)
        case "not":
            return alternatives(value, holds=not holds)
        case "member":
            demands = [Demand(inner, said, holds) for inner, said in value.items() if said is not None]
            return Alternatives((tuple(demands),) if holds else tuple([(one,) for one in demands]))
        case _:
            return Alternatives(((Demand(name, value, holds),),))


def _each(parts: Sequence[Alternatives]) -> Alternatives:
    """All of them hold."""
    ways: list[tuple[Demand, ...]] = [()]
    complete = all(part.complete for part in parts)
    for part in parts:
        ways = [(*one, *other) for one, other in product(ways, part.ways)]
        complete = complete and len(ways) <= MOST
        ways = ways[:MOST]
    return Alternatives(tuple(ways), complete)


def _either(parts: Sequence[Alternatives]) -> Alternatives:
    """One of them holds."""
    ways = [way for part in parts for way in part.ways]
    return Alternatives(tuple(ways[:MOST]), len(ways) <= MOST and all(part.complete for part in parts))

"""Whether luck went the way the odds say: expected against given, with a test of significance. Pure.

Statistics are the one place for floats: nothing here becomes points or money.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_FEWEST = 5
_ROUNDS = 10_000
_EXACT = 1e-15


@dataclass(frozen=True, slots=True)
class Group:
    """Draws that have something in common: how many, the wins to expect and how they scatter, the wins there were."""

    name: str
    draws: int
    expected: float
    variance: float
    wins: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A chi-square test over groups: how likely luck alone is to stray at least so far. None: too few draws."""

    statistic: float
    freedom: int
    p: float | None


def verdict(groups: Iterable[Group]) -> Verdict:
    """Test wins against the odds they were drawn at; groups with too few for it are looked at together.

    The odds of every draw are known and nothing is estimated, so there are as many degrees of freedom as groups.
    """
    tested = together(groups)
    statistic = sum((group.wins - group.expected) ** 2 / group.variance for group in tested)
    return Verdict(statistic, len(tested), chi_square_tail(statistic, len(tested)) if tested else None)


def together(groups: Iterable[Group]) -> list[Group]:
    """The groups in which at least five wins and five misses are expected, and one of all the others if it is such."""
    large, small = list[Group](), list[Group]()
    for group in groups:
        (large if _enough(group) else small).append(group)
    rest = merged("*", small)
    return [*large, rest] if _enough(rest) else large


def merged(name: str, groups: Sequence[Group]) -> Group:
    """Groups as one."""
    return Group(
        name,
        sum(group.draws for group in groups),
        math.fsum(group.expected for group in groups),
        math.fsum(group.variance for group in groups),
        sum(group.wins for group in groups),
    )


def _enough(group: Group) -> bool:
    return min(group.expected, group.draws - group.expected) >= _FEWEST and group.variance > 0


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The probability of a chi-square at least so large: the regularised upper incomplete gamma function."""
    a, x = freedom / 2, statistic / 2
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    return max(0.0, 1 - scale * _series(a, x)) if x < a + 1 else min(1.0, scale * _fraction(a, x))


def _series(a: float, x: float) -> float:
    """The lower incomplete gamma function by its power series, which is quick for x < a + 1."""
    term = total = 1 / a
    for n in range(1, _ROUNDS):
        term *= x / (a + n)
        total += term
        if term < total * _EXACT:
            break
    return total


def _fraction(a: float, x: float) -> float:
    """The upper one by its continued fraction (Lentz), which is quick elsewhere."""
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    found = d
    for n in range(1, _ROUNDS):
        step = -n * (n - a)
        b += 2
        d = 1 / (step * d + b or tiny)
        c = b + step / c or tiny
        found *= c * d
        if abs(c * d - 1) < _EXACT:
            break
    return found

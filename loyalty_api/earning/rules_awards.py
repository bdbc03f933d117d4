"""How many points a rule comes to, line by line.

The points of a rule are worked out on the sum of its lines, rounded once (or once a line, when the program says so),
and spread over the positive lines by largest remainder (R9): a rate, a number of points once a basket or once a line,
or the highest step that the sum reaches. A multiplier works on points instead of money.
"""

from __future__ import annotations

from collections.abc import Sequence

from loyalty_api.earning.rules_basis import Basis
from loyalty_api.earning.rules_types import EarningRule
from loyalty_api.rulekit.basket import Line
from loyalty_api.rulekit.decision import Effect, Rate
from loyalty_api.rulekit.rounding import divide, spread


def weights(rule: EarningRule, lines: Sequence[Line], basis: Basis, places: list[int]) -> list[int]:
    """What each line in scope brings to the sum: money, or a quantity with the sign of its money (R8).

    A line whose basis is zero (free, or paid otherwise) brings no quantity either.
    """
    amounts = basis.undiscounted if rule.ignores_basket_discounts else basis.amounts
    unit = rule.rate.unit
    if unit in ("amount", "basket", "step"):
        return amounts if len(places) == len(amounts) else [amounts[i] for i in places]
    return [_quantity(lines[i], unit, amounts[i]) for i in places]


def _quantity(line: Line, unit: str, amount: int) -> int:
    match unit:
        case "line":
            quantity = 1
        case "each":
            quantity = line.pieces
        case _:
            quantity = line.quantity if line.unit == unit else 0
    return quantity if amount > 0 else -quantity if amount < 0 else 0


def points_by_line(rate: Rate, sums: list[int], total: int) -> list[int]:
    """The points each line comes to; ``total`` is the positive sum of ``sums``.

    Rounding by line first sets lines below zero off against the others, so that they never add points.
    """
    positive = sums if min(sums) >= 0 else [max(weight, 0) for weight in sums]
    if rate.unit in ("basket", "step"):
        return spread(rate.points, positive)
    if rate.by_line or rate.unit == "line":
        shares = positive if sum(positive) == total else spread(total, positive)
        return [converted(share, rate) for share in shares]
    return spread(converted(total, rate), positive)


def converted(basis: int, rate: Rate) -> int:
    """Points for a basis: so many for each whole (half, started) step of it (R20); a part of it for points."""
    if rate.unit == "points":
        return divide(basis * rate.points, rate.per, rate.round)
    return rate.points * divide(basis, rate.per, rate.round)


def rate_at(rule: EarningRule, total: int) -> Rate | None:
    """The rate for a sum: the rule's, or that of the highest step the sum reaches; None below the first step."""
    if not rule.steps:
        return rule.rate
    reached = [rate for least, rate in rule.steps if least <= total]
    return reached[-1] if reached else None


def points_given(effects: Sequence[Effect], *, award: str | None = None) -> dict[str, int]:
    """The points by line that rules gave, of one ``award`` or of all; lines without points are left out."""
    points: dict[str, int] = {}
    for effect in effects:
        if award is None or effect.award == award:
            for line_id, share in effect.shares:
                points[line_id] = points.get(line_id, 0) + share
    return points

"""Where the cents of a discount lie: rounding, sharing out over lines, and what no line goes below."""

from __future__ import annotations

from collections.abc import Sequence

from loyalty_api.promotions.rules_types import HUNDRED_PERCENT, Value
from loyalty_api.rulekit.basket import Line
from loyalty_api.rulekit.rounding import divide, spread


def taken_off(value: Value, total: int, rounding: str) -> int:
    """What a value takes off a sum that is not negative; never more than the sum, never less than nothing."""
    match value.kind:
        case "percent":
            return divide(total * value.number, HUNDRED_PERCENT, rounding)
        case "amount":
            return min(value.number, total)
        case _:
            return max(total - value.number, 0)


def parts(total: int, weights: Sequence[int], how: str) -> list[int]:
    """``total`` shared by weights, which are not all zero; ``how`` says where the odd cents go.

    ``largest_remainder`` (a tie to the earlier line), or all of them to the ``first_line`` or ``last_line`` that has
    a weight. Weights that sum to at least the total bear no more than themselves, but for odd cents at one line.
    """
    if how == "largest_remainder":
        return spread(total, weights)
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    weighty = [i for i, weight in enumerate(weights) if weight]
    shares[weighty[0] if how == "first_line" else weighty[-1]] += total - sum(shares)
    return shares


def within(total: int, weights: Sequence[int], room: Sequence[int], how: str) -> list[int]:
    """``total`` shared by weights, no share more than its ``room``; what does not fit goes where there is room.

    Where there is not enough room in all, the shares sum to the room.
    """
    total = min(total, sum(room))
    if total <= 0:
        return [0] * len(weights)
    usable = [weight if space else 0 for weight, space in zip(weights, room, strict=True)]
    shares = parts(total, usable if any(usable) else room, how)
    while True:
        fitted = [min(share, space) for share, space in zip(shares, room, strict=True)]
        over = total - sum(fitted)
        if not over:
            return fitted
        left = [space - share for space, share in zip(room, fitted, strict=True)]
        shares = [a + b for a, b in zip(fitted, spread(over, left), strict=True)]


def line_floor(line: Line, floor: tuple[str, int]) -> int:
    """What the line never costs less than, in minor units; a line at or below it gets no discount."""
    kind, number = floor
    if line.amount <= 0:
        return 0
    if kind == "share":
        return divide(line.amount * number, 100, "up")
    if kind == "amount":
        return number
    return divide((line.cost or 0) * number, 100, "up")


def basket_floor(lines: Sequence[Line], floors: Sequence[int], floor: tuple[str, int]) -> int:
    """What the whole basket never costs less than, in minor units; lines below zero lower a share of it."""
    kind, number = floor
    if kind == "share":
        return divide(max(sum([line.amount for line in lines]), 0) * number, 100, "up")
    return number if kind == "amount" else sum(floors)

"""Whole numbers out of divisions: named rounding, and sharing a sum so that nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Rounding = Literal["down", "half_up", "up"]
ROUNDINGS: tuple[Rounding, ...] = ("down", "half_up", "up")


def divide(number: int, divisor: int, rounding: str = "down") -> int:
    """``number / divisor`` as a whole number; ``divisor`` is positive.

    ``down`` is towards zero, ``half_up`` takes a half away from zero, ``half_even`` to the even neighbour, ``up`` is
    away from zero ("each started"). Negative numbers mirror positive ones, so that a line and its correction cancel
    out.
    """
    if number < 0:
        return -divide(-number, divisor, rounding)
    if rounding == "down":
        return number // divisor
    if rounding == "up":
        return -(-number // divisor)
    if rounding == "half_even":
        whole, rest = divmod(number, divisor)
        return whole + (2 * rest > divisor or (2 * rest == divisor and whole % 2 == 1))
    return (2 * number + divisor) // (2 * divisor)


def spread(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` (not negative) shared by ``weights`` (not negative, not all zero) by largest remainder.

    The shares sum to ``total`` exactly; a tie goes to the earlier line.
    """
    whole = sum(weights)
    exact = [total * weight for weight in weights]
    shares = [part // whole for part in exact]
    left = total - sum(shares)
    if left:
        rest = [-(part % whole) for part in exact]
        for i in sorted(range(len(weights)), key=rest.__getitem__)[:left]:
            shares[i] += 1
    return shares

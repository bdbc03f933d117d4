"""What of a basket points may pay for, and which lines they paid. Pure.

Points pay only for lines that the program does not keep out of ``redeem`` (R13–R15). What they pay is spread over those
lines, points and money each by largest remainder, and kept by line: a return gives back by these shares (R32, R34).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.exclusions import Excluded
from loyalty_api.rulekit.rounding import spread

LineShare = list[Any]
"""``[line_id, points, amount]``: what points paid of one line, amount in minor units."""


def payable(basket: Basket, excluded: Excluded | None) -> list[int]:
    """By line, in minor units: how much of it points may pay for; never below 0 (R17)."""
    return [
        0 if excluded is not None and "redeem" in excluded(line) else max(line.paid, 0)
        for line in basket.lines
    ]


def most_payable(basket: Basket, excluded: Excluded | None, *, max_share: int) -> int:
    """The most that points may pay of a basket, in minor units; ``max_share`` in whole percent of those lines.

    A basket that comes to nothing or less can pay nothing with points (R17).
    """
    due = sum([line.paid for line in basket.lines])
    return max(min(sum(payable(basket, excluded)) * max_share // 100, due), 0)


def over_lines(basket: Basket, excluded: Excluded | None, *, points: int, amount: int) -> list[LineShare]:
    """Spread what points paid over the lines; lines that they paid nothing of are left out.

    A till that let points pay for more than they may is taken at its word (R2): then all goods bear it.
    """
    weights = payable(basket, excluded)
    if sum(weights) < amount or not any(weights):
        weights = [max(line.paid, 0) for line in basket.lines]
    if not any(weights):
        return []
    parts = zip(basket.lines, spread(points, weights), spread(amount, weights), strict=True)
    return [[line.line_id, used, worth] for line, used, worth in parts if used or worth]


def points_payments(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The payments of a receipt that were made with points."""
    return [payment for payment in body.get("payments", ()) if payment["kind"] == "points"]


def charged(body: Mapping[str, Any], basket: Basket) -> list[tuple[str | None, int]]:
    """What each redemption that a receipt names took off, in minor units; None: points without a redemption.

    A redemption that is named twice pays the sum. A program that treats points as a discount (R47, ``redeem.as``) has
    them on the lines, under the kind ``points``, and their payment is 0.
    """
    sums: dict[str | None, int] = {}
    for payment in points_payments(body):
        named = payment.get("redemption_id")
        sums[named] = sums.get(named, 0) + payment["amount"]
    off = sum([given.amount for line in basket.lines for given in line.discounts if given.kind == "points"])
    return [(named, amount or off) for named, amount in sums.items()]

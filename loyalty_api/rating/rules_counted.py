"""How much of a purchase counts towards a level: by what was decided, less what has come back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loyalty_api.rating.rules_returns import NOTHING, Progress, Sold, given, points_of, revert
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.decision import Decision
from loyalty_api.tiers.rules import Amounts


def sold(basket: Basket) -> list[Sold]:
    """The lines of a basket as they may come back."""
    return [Sold(line.line_id, line.quantity, line.unit, line.paid) for line in basket.lines]


def counted(
    decision: Decision | None, lines: Sequence[Line | Sold], back: Mapping[str, Progress] | None = None
) -> Amounts:
    """The points a purchase earned, the money that earns, and a visit if there is any of either.

    Money is what the rules take for the basis of points: goods that are kept out of earning, or were paid in a way
    that earns nothing, do not count. Nothing counts of a purchase that may not earn, or that nobody has rated yet.
    Of what came ``back`` its share is left out, rounded as every return is, so that all of it leaves nothing.
    """
    if decision is None or any(reason.rule is None for reason in decision.reasons):
        return Amounts()
    adjusted = dict(decision.basis)
    points = decision.points()
    if not back:
        spend = sum([adjusted.get(line.line_id, line.paid) for line in lines])
    else:
        shares = [(line.line_id, adjusted.get(line.line_id, line.paid)) for line in lines]
        spend = sum([share - given(share, back.get(name, NOTHING).part) for name, share in shares])
        points -= points_of(revert(decision, {}, back))
    spend = max(0, spend)
    return Amounts(points, spend, int(points > 0 or spend > 0))

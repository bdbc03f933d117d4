"""Discounts of promotions when goods come back: who bears them, what of them comes back, and what was lost. Pure.

A multi-buy's discount is borne by all units that took part, by their price, though the receipt may show it on one of
them (R33): else the paid one could come back and the free one stay. Where the program says ``target``, the stored
decision names nobody beside the lines that show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from loyalty_api.promotions.rules_spreading import within
from loyalty_api.rating.rules_returns import NOTHING, Progress, Sold, given
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.decision import Decision, Discount


@dataclass(frozen=True, slots=True)
class Borne:
    """A discount as returns see it: what each line bears of it, in minor units."""

    rule: str
    benefit: str
    shares: Mapping[str, int]

    def back(self, before: Mapping[str, Progress], after: Mapping[str, Progress]) -> int:
        """What of it comes back with the goods, in minor units."""
        return sum(
            [
                given(share, after[line_id].part) - given(share, before.get(line_id, NOTHING).part)
                for line_id, share in self.shares.items()
                if line_id in after
            ]
        )


def bearing(
    lines: Sequence[Sold], decision: Decision | None, spent: Mapping[str, int]
) -> tuple[tuple[Sold, ...], tuple[Borne, ...]]:
    """The lines with what each is worth when it comes back, and the discounts by who bears them.

    What lines are worth together is what was paid for them. None is worth less than the ``spent`` points stood for, in
    minor units; where a discount cannot be moved so, it stays where the receipt shows it.
    """
    worth = {line.line_id: line.paid for line in lines}
    borne = []
    for discount in decision.discounts if decision else ():
        shares = dict(discount.shares)
        moved = _moved(discount, worth, spent) if discount.took_part else None
        if moved is not None:
            for line_id in {**shares, **moved}:
                worth[line_id] += shares.get(line_id, 0) - moved.get(line_id, 0)
            shares = moved
        if shares:
            borne.append(Borne(discount.rule, discount.benefit, shares))
    return tuple([replace(line, paid=worth[line.line_id]) for line in lines]), tuple(borne)


def _moved(discount: Discount, worth: Mapping[str, int], spent: Mapping[str, int]) -> dict[str, int] | None:
    """The discount shared by all that took part, each no more than it is worth without it."""
    shown, ids = dict(discount.shares), [line_id for line_id, _ in discount.took_part]
    if not shown.keys() <= set(ids) or not worth.keys() >= set(ids):
        return None
    room = [max(worth[line_id] + shown.get(line_id, 0) - spent.get(line_id, 0), 0) for line_id in ids]
    if sum(room) < discount.granted:
        return None
    parts = within(discount.granted, [money for _, money in discount.took_part], room, "largest_remainder")
    return {line_id: part for line_id, part in zip(ids, parts, strict=True) if part}


def what_is_left(basket: Basket, after: Mapping[str, Progress]) -> Basket:
    """The basket without what has come back, its other discounts in proportion."""
    left = [(line, after.get(line.line_id, NOTHING)) for line in basket.lines]
    return replace(basket, lines=tuple([_left(line, back) for line, back in left if back.part < 1]))


def _left(line: Line, back: Progress) -> Line:
    if not back.part:
        return line
    discounts = [replace(one, amount=one.amount - given(one.amount, back.part)) for one in line.discounts]
    return replace(
        line,
        amount=line.amount - given(line.amount, back.part),
        quantity=max(line.quantity - back.units, 1) if line.unit == "each" else line.quantity,
        discounts=tuple(discounts),
    )


def lost(borne: Iterable[Borne], after: Mapping[str, Progress], still: Mapping[str, int]) -> dict[str, int]:
    """What free items that are kept would cost now, by promotion: those whose condition no longer holds on what is
    left (R35). ``still`` is what each promotion takes off what is left, in minor units."""
    found = {}
    for discount in borne:
        if discount.benefit == "free_item":
            kept = sum(
                [share - given(share, after.get(n, NOTHING).part) for n, share in discount.shares.items()]
            )
            if kept > still.get(discount.rule, 0):
                found[discount.rule] = kept - still.get(discount.rule, 0)
    return found

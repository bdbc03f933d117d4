"""What comes back of a purchase, in money and in points: each line's separate shares, pro rata. Pure.

How a line's value divides into money and points that were spent on it is ``returns.tender_order``: ``pro_rata`` keeps
the proportion of the sale, ``points_first`` and ``money_first`` give back the one before the other, line by line. Money
is never above the money paid, and points come back as points (R34).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

import orjson

from loyalty_api.rating.rules_returns import (
    ALL,
    NOTHING,
    Progress,
    Sold,
    Wanted,
    come_back,
    given,
    revert,
)
from loyalty_api.returns.rules_discounts import Borne
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.rounding import spread

ReceiptKey = tuple[str, str, date, str]
# What may differ between a return and the queued copy of it that a till sends again (R4).
TRANSPORT = frozenset(("offline", "cashier", "metadata", "receipt"))


@dataclass(frozen=True, slots=True)
class Spent:
    """Points spent on a line: whose redemption, how many, and the money they stood for in minor units."""

    redemption: str | None
    points: int
    amount: int


@dataclass(frozen=True, slots=True)
class Bought:
    """A purchase as a return looks at it: its lines with what each is worth, what it was paid with, its decision, what
    came back, and who bears its discounts."""

    lines: tuple[Sold, ...]
    spent: Mapping[str, Sequence[Spent]]
    decision: Decision | None
    before: Mapping[str, Progress]
    left_by_tender: tuple[int, ...] = ()
    discounts: tuple[Borne, ...] = ()


@dataclass(frozen=True, slots=True)
class LineBack:
    """What comes back of one line. ``value`` is ``money`` and ``points_part`` together, minor units;
    ``points_to_take`` were earned on it, ``to_give`` are (redemption, points) spent on it; ``left`` is in units."""

    line_id: str
    quantity: int
    money: int
    points_part: int
    points_to_take: int
    to_give: tuple[tuple[str, int], ...]
    left: int

    @property
    def value(self) -> int:
        """What this part of the line was worth, however it was paid."""
        return self.money + self.points_part


@dataclass(frozen=True, slots=True)
class Back:
    """What a return brings back of one purchase, and how far its lines have come with it.

    ``discounts`` are the shares of promotions, in minor units, that what comes back had and that are not refunded.
    """

    lines: tuple[LineBack, ...] = ()
    after: Mapping[str, Progress] | None = None
    whole: bool = False
    discounts: tuple[tuple[str, int], ...] = ()

    @property
    def points_to_take(self) -> int:
        """Points that the decision gave to what comes back."""
        return sum(line.points_to_take for line in self.lines)

    @property
    def refundable(self) -> int:
        """Money, in minor units."""
        return sum(line.money for line in self.lines)

    @property
    def to_give(self) -> dict[str, int]:
        """Points spent on what comes back, by redemption."""
        found: dict[str, int] = {}
        for line in self.lines:
            for redemption, points in line.to_give:
                found[redemption] = found.get(redemption, 0) + points
        return found


def content(body: Mapping[str, Any]) -> bytes:
    """A return's content as canonical bytes, equal for a copy that only travelled differently (R4)."""
    kept = {name: value for name, value in body.items() if name not in TRANSPORT}
    kept["occurred_at"] = body["occurred_at"].astimezone(UTC)
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)


def receipt_key(body: Mapping[str, Any]) -> ReceiptKey:
    """Store, terminal, business date and number of a receipt."""
    return body["store"], body["terminal"], body["business_date"], body["reference"]


def spent_on(
    lines: Sequence[Sold], redemptions: Iterable[Mapping[str, Any]], payments: Iterable[Mapping[str, Any]]
) -> dict[str, list[Spent]]:
    """What of each line was paid with points: as the redemptions say, and pro rata what no redemption stands behind.

    The latter is not money, so it is never refunded as money, and no points come back for it.
    """
    spent: dict[str, list[Spent]] = {}
    behind = 0
    for redemption in redemptions:
        behind += redemption["amount"]
        for line_id, points, amount in redemption["lines"]:
            spent.setdefault(line_id, []).append(Spent(redemption["redemption_id"], points, amount))
    loose = sum(payment["amount"] for payment in payments if payment["kind"] == "points") - behind
    room = [max(0, line.paid - sum(s.amount for s in spent.get(line.line_id, ()))) for line in lines]
    loose = min(loose, sum(room))
    if loose > 0:
        for line, amount in zip(lines, spread(loose, room), strict=True):
            if amount:
                spent.setdefault(line.line_id, []).append(Spent(None, 0, amount))
    return spent


def bring_back(bought: Bought, wanted: Sequence[Wanted] | None, *, tender_order: str) -> Back:
    """What ``wanted`` (None: all that is left) brings back.

    :raises ReturnExceedsPurchase: more than is left.
    :raises ReturnUnreadable: a line is not there, or comes back only whole.
    """
    after = come_back(bought.lines, bought.before, wanted)
    taken = revert(bought.decision, bought.before, after)
    lines = tuple(
        _line(line, bought, after[line.line_id], sum(taken[line.line_id].values()), tender_order)
        for line in bought.lines
        if line.line_id in after
    )
    everything = {**bought.before, **after}
    whole = all(everything.get(line.line_id, NOTHING).part == ALL for line in bought.lines)
    discounts = [(one.rule, one.back(bought.before, after)) for one in bought.discounts]
    return Back(lines, everything, whole, tuple([one for one in discounts if one[1]]))


def _line(line: Sold, bought: Bought, after: Progress, taken: int, order: str) -> LineBack:
    before = bought.before.get(line.line_id, NOTHING)
    spent = bought.spent.get(line.line_id, ())
    then, now = (_divided(line.paid, spent, progress, order) for progress in (before, after))
    to_give = [
        (spend.redemption, points - earlier)
        for spend, (earlier, _), (points, _) in zip(spent, then[1], now[1], strict=True)
        if spend.redemption and points > earlier
    ]
    units = after.units - before.units
    one = line.units == 1 and line.quantity != 1
    part = sum(amount for _, amount in now[1]) - sum(amount for _, amount in then[1])
    return LineBack(
        line.line_id,
        line.quantity * units if one else units,
        now[0] - then[0],
        part,
        taken,
        tuple(to_give),
        line.quantity * (1 - after.units) if one else line.units - after.units,
    )


def _divided(
    paid: int, spent: Sequence[Spent], progress: Progress, order: str
) -> tuple[int, list[tuple[int, int]]]:
    """The money, and (points, amount) of each spending, that a line has given by now."""
    part, stood = progress.part, sum(spend.amount for spend in spent)
    if order == "pro_rata" or not spent:
        shares = [(given(spend.points, part), given(spend.amount, part)) for spend in spent]
        return given(paid - stood, part), shares
    value = given(paid, part)
    by_points = min(stood, value) if order == "points_first" else value - min(paid - stood, value)
    shares, left = [], by_points
    for spend in spent:
        amount = min(left, spend.amount)
        left -= amount
        shares.append((spend.points * amount // spend.amount if spend.amount else 0, amount))
    return value - by_points, shares


def tenders(left: Sequence[int], refund: int) -> list[int]:
    """The refund by tender, pro rata to what is ``left`` of each, so that the last return ends with nothing left.

    Where tenders do not come to that much, the rest is named under none.
    """
    whole = sum(left)
    return spread(min(refund, whole), left) if whole > 0 and refund > 0 else [0] * len(left)


def shortfall(kept: int, rate: Mapping[str, Any] | None) -> int:
    """What points that the member keeps are worth, in minor units; 0 where points have no price."""
    return kept * int(rate["amount"]) // int(rate["points"]) if rate else 0

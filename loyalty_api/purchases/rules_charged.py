"""What the till charged beside our own price: its discounts under the program's name, rule by rule. Pure.

What was charged is the truth (R2). Discounts of the till itself, of coupons and of staff are its own and never
compared; points that lower a price are a redemption's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from loyalty_api.promotions.rules_limits import Covered
from loyalty_api.promotions.rules_types import Promotions
from loyalty_api.purchases.rules import Discrepancy
from loyalty_api.rating.rules import price
from loyalty_api.rating.rules_limits import covered
from loyalty_api.rating.rules_program import Program
from loyalty_api.rulekit.basket import Basket, Line, LineDiscount
from loyalty_api.rulekit.decision import Decision, Discount, NextTime
from loyalty_api.rulekit.facts import Facts

Charged = dict[str, dict[str, int]]
"""By promotion and line, minor units."""
Due = Callable[[Sequence[Discount], Sequence[NextTime]], tuple[NextTime, ...]]
"""Which of the coupons that promotions would give beside these discounts are given."""
_UNNAMED = "program"


def is_ours(discount: LineDiscount) -> bool:
    """Whether a discount was given under the program's name, and not for points."""
    return discount.source == "program" and discount.kind != "points"


def unpriced(basket: Basket) -> Basket:
    """The basket as it is before the program's promotions: open, with the discounts that come before theirs.

    Points lower a price after them.
    """
    lines = [
        replace(line, discounts=tuple([given for given in line.discounts if _comes_before(given)]))
        if line.discounts
        else line
        for line in basket.lines
    ]
    return replace(basket, lines=tuple(lines), pricing="open")


def _comes_before(discount: LineDiscount) -> bool:
    return discount.source != "program" and discount.kind != "points"


def mark_of(basket: Basket, member_id: object) -> str:
    """A short mark of what a basket costs and for whom: equal for one that is charged as it was quoted."""
    lines = sorted([_said(line) for line in basket.lines])
    said = [basket.store, basket.currency, basket.kind, str(member_id or ""), lines]
    return sha256(orjson.dumps(said)).hexdigest()[:16]


def _said(line: Line) -> list[Any]:
    ours: dict[str, int] = {}
    others = 0
    for one in line.discounts:
        if is_ours(one):
            rule = one.promotion_id or _UNNAMED
            ours[rule] = ours.get(rule, 0) + one.amount
        elif one.kind != "points":
            others += one.amount
    given = sorted([[rule, amount] for rule, amount in ours.items() if amount])
    return [line.line_id, line.sku or "", line.quantity, line.unit, line.amount, others, given]


def _by_rule(lines: Iterable[Line]) -> Charged:
    found: Charged = {}
    for line in lines:
        for given in line.discounts:
            if is_ours(given):
                shares = found.setdefault(given.promotion_id or _UNNAMED, {})
                shares[line.line_id] = shares.get(line.line_id, 0) + given.amount
    return found


def charged(
    decision: Decision,
    basket: Basket,
    facts: Facts,
    program: Program,
    *,
    at: datetime,
    honoured: bool,
    due: Due = lambda _discounts, coupons: tuple(coupons),
) -> tuple[Decision, list[Discrepancy]]:
    """The decision on a settled basket with the discounts that the till gave, and where they differ from our price.

    ``honoured``: it was charged as it was quoted, so that nothing differs whatever our price is by now. A program
    without promotions sets no prices. What the discounts take of budgets and count is claimed (``taken``). Who took
    part in a set is kept where the program has them bear its discount when goods come back
    (``returns.multi_buy_share``). ``due`` are those of the coupons for another time that are given.
    """
    promotions = program.promotions
    if promotions is None:
        return decision, []
    priced = price(unpriced(basket), facts, program, at)
    ours = {one.rule: one for one in priced.discounts}
    theirs = _by_rule(basket.lines)
    discounts = [
        _given(rule, theirs.get(rule, {}), ours.get(rule), promotions) for rule in {**ours, **theirs}
    ]
    if program.settings.sections["returns"]["multi_buy_share"] == "target":
        discounts = [replace(one, took_part=()) for one in discounts]
    if honoured:
        discounts = [replace(one, desired=one.granted) for one in discounts if one.granted]
    odd = [] if honoured else _differences(ours.values(), theirs)
    coupons = due(discounts, priced.coupons)
    found = covered(discounts, basket, facts, program, at, coupons=coupons)
    decision = replace(decision, discounts=tuple(discounts), coupons=coupons, taken=found.claims)
    return decision, [*odd, *_beyond(found)]


def _beyond(found: Covered) -> list[Discrepancy]:
    """Which promotions gave what was not there any more: of their budgets, or of what one member may have."""
    odd: list[Discrepancy] = []
    if found.short:
        uncovered = sum(found.short.values())
        odd.append({"code": "budget_used_up", "promotions": sorted(found.short), "uncovered": uncovered})
    if found.beyond:
        odd.append({"code": "limit_reached", "promotions": sorted(found.beyond)})
    return odd


def _given(rule: str, theirs: Mapping[str, int], our: Discount | None, promotions: Promotions) -> Discount:
    shares = tuple([(line_id, amount) for line_id, amount in theirs.items() if amount])
    granted = sum(theirs.values())
    if our is not None:
        alike = dict(shares) == dict(our.shares)
        return replace(our, granted=granted, shares=shares, took_part=our.took_part if alike else ())
    known = promotions.numbered(rule)
    lane, said = (known.lane, known.said) if known else ("line", "unknown")
    return Discount(rule, lane, said, 0, granted, shares)


def _differences(ours: Iterable[Discount], theirs: Charged) -> list[Discrepancy]:
    """One discrepancy that names every line whose discounts are not what our price takes off (R2)."""
    expected = _by_line([dict(one.shares) for one in ours])
    received = _by_line(theirs.values())
    lines = [
        {"line_id": line_id, "expected": expected.get(line_id, 0), "received": received.get(line_id, 0)}
        for line_id in {**expected, **received}
        if expected.get(line_id, 0) != received.get(line_id, 0)
    ]
    if not lines:
        return []
    sums = {"expected": sum(expected.values()), "received": sum(received.values())}
    return [{"code": "price_differs", "of": "discounts", **sums, "lines": lines}]


def _by_line(shares: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in shares:
        for line_id, amount in one.items():
            found[line_id] = found.get(line_id, 0) + amount
    return found

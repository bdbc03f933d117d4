"""What of a basket could be paid with points, and what it then earns: told in a quote, promised by nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from loyalty_api.purchases import rules_paying
from loyalty_api.rating.rules import evaluate, price
from loyalty_api.rating.rules_program import Program
from loyalty_api.redemptions.rules import BelowMinimum, Price, Rate, for_basket, rate_of
from loyalty_api.rulekit.basket import Basket, LineDiscount, Payment
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Facts
from loyalty_api.values import dataclass

NOTHING = Price(0, 0)


@dataclass(frozen=True, slots=True)
class Redeemable:
    """What points could pay of a basket: within the wish, and at most (``member_max_points``).

    ``most`` is what the basket itself lets points pay, in minor units, whoever pays.
    """

    price: Price
    rate: Rate
    member_max_points: int
    most: int


@dataclass(frozen=True, slots=True)
class Priced:
    """A basket with what it costs and earns; ``basket`` is as it would be paid when points pay what was wished, and
    ``unwished`` as it is priced without points.

    ``unpaid`` is what it earns when no points pay.
    """

    basket: Basket
    unwished: Basket
    unpaid: Decision
    decision: Decision
    redeemable: Redeemable | None


def with_points(
    basket: Basket,
    facts: Facts,
    program: Program,
    at: datetime,
    *,
    available: int,
    wish: Mapping[str, Any] | None,
) -> Priced:
    """Price an open basket whose member has ``available`` points.

    They may wish to use some (``max_points``, ``max_amount``). Without a wish it earns what it earns unpaid with
    points; what could be used is told all the same.
    """
    taken_off = price(basket, facts, program, at)
    basket = taken_off.basket
    plain = taken_off.told(evaluate(basket, facts, program, at))
    section = program.settings.sections["redeem"]
    may_spend = facts.member is not None and facts.member.status == "active"
    if not section["rate"] or not may_spend:
        return Priced(basket, basket, plain, plain, None)
    offer = _Offer(basket, facts, program, at, available)
    most = offer.price({})
    wished = offer.price(wish or {})
    redeemable = Redeemable(wished, offer.rate, most.points, offer.most)
    if wish is None or not wished.points:
        return Priced(basket, basket, plain, plain, redeemable)
    paid = offer.paid_with(wished)
    return Priced(paid, basket, plain, taken_off.told(evaluate(paid, facts, program, at)), redeemable)


class _Offer:
    """One basket while it is asked how many points could pay of it."""

    def __init__(self, basket: Basket, facts: Facts, program: Program, at: datetime, available: int) -> None:
        self.basket, self.facts, self.program, self.at, self.available = basket, facts, program, at, available
        self.section = program.settings.sections["redeem"]
        self.rate = rate_of(self.section)
        self.most = rules_paying.most_payable(basket, program.excluded, max_share=self.section["max_share"])

    def price(self, wish: Mapping[str, Any]) -> Price:
        """As many points as the wish, the basket and the member allow.

        Where a basket may use what it earns itself, paying more with points earns less: between nothing and what it
        earns unpaid, the largest number that is still covered is found by halving.
        """
        if self.section["same_purchase"] == "no":
            return self._within(wish, self.available)
        covered = self.available
        above = self.available + self._earned_at_once(NOTHING) + 1
        while above - covered > 1:
            tried = (above + covered) // 2
            price = self._within(wish, tried)
            if price.points <= self.available + self._earned_at_once(price):
                covered = tried
            else:
                above = tried
        return self._within(wish, covered)

    def _within(self, wish: Mapping[str, Any], usable: int) -> Price:
        amount = min(self.most, wish.get("max_amount", self.most))
        try:
            return for_basket(
                self.rate, available=usable, max_points=wish.get("max_points"), max_amount=amount
            )
        except BelowMinimum:
            return NOTHING

    def _earned_at_once(self, price: Price) -> int:
        decision = evaluate(self.paid_with(price), self.facts, self.program, self.at)
        return sum(
            [
                effect.granted
                for effect in decision.effects
                if effect.available_at is not None and effect.available_at <= self.at
            ]
        )

    def paid_with(self, price: Price) -> Basket:
        """The basket when points pay so much of it: as one more payment, or as discounts on its lines (R47)."""
        amount = price.amount or 0
        if not amount:
            return self.basket
        if self.section["as"] == "tender":
            return replace(self.basket, payments=(*self.basket.payments, Payment("points", amount)))
        shares = rules_paying.over_lines(
            self.basket, self.program.excluded, points=price.points, amount=amount
        )
        off = {line_id: worth for line_id, _, worth in shares if worth}
        lines = [
            replace(line, discounts=(*line.discounts, LineDiscount("program", off[line.line_id], "points")))
            if line.line_id in off
            else line
            for line in self.basket.lines
        ]
        return replace(self.basket, lines=tuple(lines))

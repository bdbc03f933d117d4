"""What a promotion would take off the real baskets, had the till asked for their price.

They were paid long ago, so nothing is charged for it: the baskets that are replayed are priced beside, by the same
rules that a quote asks, and the report says what each promotion comes to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from loyalty_api.demo.data import CURRENCY, Purchase, products, sku, store_code
from loyalty_api.rating.rules import price
from loyalty_api.rating.rules_program import Program, compile_program
from loyalty_api.rulekit.basket import Basket, Line, LineDiscount
from loyalty_api.rulekit.facts import Facts, Member

DELI: Mapping[str, Any] = {"department": ["DELI"]}
DOCUMENT: Mapping[str, Any] = {
    "currency": CURRENCY,
    "time_zone": "UTC",
    "discounts": {"round": {"mode": "half_up", "at": "line"}},
    "promotions": [
        {
            "id": "deli_10",
            "name": {
                "en": "10 % on two or more from the deli",
                "nb": "10 % på to eller flere fra delikatessen",
            },
            "where": DELI,
            "when": {"lines": {"where": DELI, "lines": {"at_least": 2}}},
            "benefit": {"percent": {"off": "10", "on": "lines"}},
        }
    ],
}
"""The promotions, each rounded half up line by line; what the till's own coupons took off is gone before."""


@dataclass(slots=True)
class Prices:
    """What promotions take off, in cents, of the baskets seen so far; ``departments`` by product number.

    Products of no department in it are about nothing that a promotion asks for.
    """

    departments: Mapping[int, str]
    program: Program = field(default_factory=lambda: compile_program(DOCUMENT, version=1))
    taken_off: Counter[str] = field(default_factory=Counter)

    def watching(self, days: Iterable[Sequence[Purchase]]) -> Iterator[Sequence[Purchase]]:
        """The same days, whose baskets are priced in passing."""
        for purchases in days:
            for purchase in purchases:
                self.see(purchase)
            yield purchases

    def see(self, purchase: Purchase) -> None:
        """Price one basket, if a promotion may be about it."""
        if not any(line.product_id in self.departments for line in purchase.lines):
            return
        at = datetime.fromtimestamp(purchase.seconds, UTC)
        for given in price(self._basket(purchase), Facts(Member()), self.program, at).discounts:
            self.taken_off[given.rule] += given.granted

    def told(self) -> dict[str, int]:
        """What each promotion takes off, in cents; those that take off nothing too."""
        return {rule: self.taken_off[rule] for rule in self.program.names}

    def _basket(self, purchase: Purchase) -> Basket:
        lines = [
            Line(
                line_id=str(number),
                amount=line.amount,
                sku=sku(product_id=line.product_id),
                quantity=line.quantity,
                discounts=(LineDiscount("till", line.coupon),) if line.coupon > 0 else (),
                department=self.departments.get(line.product_id),
            )
            for number, line in enumerate(purchase.lines, start=1)
        ]
        return Basket(store_code(store_id=purchase.store_id), CURRENCY, tuple(lines), pricing="open")


def departments(*, only: frozenset[int]) -> dict[int, str]:
    """The department of each product in ``only`` that a promotion asks for, by the product's number."""
    return {
        int(one["sku"]): one["department"]
        for one in products(only=only)
        if one.get("department") in DELI["department"]
    }

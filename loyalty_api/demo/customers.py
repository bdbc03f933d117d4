"""What some customers do beside buying: pay with points, take a reward, bring something back.

Who does is read off the basket's number, and what the till sends carries a key or a receipt made of it. So every run
asks for the same, as the same tills, and is answered as the first one was: nothing is held, used or taken back twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from loyalty_api.demo.client import Answer, Connection, Credential
from loyalty_api.demo.data import Payments, Purchase, receipt_of
from loyalty_api.demo.tally import Tally

# One basket in so many; none divides another, so that the same baskets are not always meant.
_PAYS, _TAKES, _RETURNS = 7, 11, 31
# Cents: below the first nobody asks for points, and above the second nobody uses more of them.
_LEAST_PAID, _MOST_OFF = 200, 500
# Nobody brings back a single unit of what is sold by the hundred, as petrol is.
_MOST_UNITS = 10
# What a till hears on an ordinary day of a customer who has too few points, or has had the reward.
_ORDINARY = frozenset({"below_minimum", "insufficient_points", "member_limit_reached"})


def points_wish(purchase: Purchase) -> dict[str, Any] | None:
    """What ``POST /v1/redemptions`` is asked for a customer who would pay with points; None for the others."""
    if purchase.basket_id % _PAYS or purchase.paid < _LEAST_PAID:
        return None
    return {**_at_till(purchase), "for": "basket", "max_amount": min(purchase.paid, _MOST_OFF)}


def reward_wish(purchase: Purchase, *, rewards: Sequence[str]) -> dict[str, Any] | None:
    """The same for a customer who would take one of ``rewards``, given by their ids."""
    number, rest = divmod(purchase.basket_id, _TAKES)
    if rest or not rewards:
        return None
    return {**_at_till(purchase), "for": "reward", "reward_id": rewards[number % len(rewards)]}


def goods_back(purchase: Purchase, *, closing: int) -> dict[str, Any] | None:
    """What ``POST /v1/returns`` is told when one unit of a line comes back at closing time; None for the others.

    ``closing`` is in seconds since the Unix epoch.
    """
    if purchase.basket_id % _RETURNS:
        return None
    for number, line in enumerate(purchase.lines, start=1):
        if 1 <= line.quantity <= _MOST_UNITS and line.amount > line.coupon:
            original = receipt_of(purchase)
            return {
                **original,
                "reference": f"R{purchase.basket_id}",
                "occurred_at": f"{datetime.fromtimestamp(closing, UTC):%Y-%m-%dT%H:%M:%SZ}",
                "original": original,
                "lines": [{"line_id": str(number), "quantity": 1}],
            }
    return None


def _at_till(purchase: Purchase) -> dict[str, Any]:
    sold = purchase.body()
    return {name: sold[name] for name in ("store", "terminal", "identifier", "occurred_at")}


@dataclass(frozen=True, slots=True)
class Customers:
    """What tills (by store) do for customers; ``rewards`` are the ids of the catalogue.

    What is refused for no ordinary reason is counted in the tally as rejected. All of it raises NoAnswer and Refused.
    """

    tills: Mapping[int, Credential]
    rewards: Sequence[str]

    def serve(self, connection: Connection, purchase: Purchase, tally: Tally) -> Payments | None:
        """What happens before a basket is paid: the payments, when points are among them; then a reward."""
        payments = self._pay(connection, purchase, tally)
        self._take_reward(connection, purchase, tally)
        return payments

    def bring_back(self, connection: Connection, purchase: Purchase, tally: Tally, *, closing: int) -> None:
        """Bring back what this customer does not want to keep."""
        body = goods_back(purchase, closing=closing)
        if body is not None:
            answer = self._call(connection, purchase, "/v1/returns", body)
            _told(answer, 201, f"return {body['reference']}", tally)

    def _pay(self, connection: Connection, purchase: Purchase, tally: Tally) -> Payments | None:
        """Points for what they are worth, and the card for the rest."""
        wish = points_wish(purchase)
        held = self._hold(connection, purchase, wish, f"demo-red-{purchase.basket_id}", tally)
        if held is None:
            return None
        points = {"kind": "points", "amount": held["amount"], "redemption_id": held["redemption_id"]}
        rest = purchase.paid - int(held["amount"])
        return [points, {"kind": "card", "amount": rest}] if rest else [points]

    def _take_reward(self, connection: Connection, purchase: Purchase, tally: Tally) -> None:
        wish, key = reward_wish(purchase, rewards=self.rewards), f"demo-rwd-{purchase.basket_id}"
        held = self._hold(connection, purchase, wish, key, tally)
        if wish is not None and held is not None:
            path = f"/v1/redemptions/{held['redemption_id']}/capture"
            body = {"occurred_at": wish["occurred_at"]}
            answer = self._call(connection, purchase, path, body, f"{key}-used")
            _told(answer, 200, f"reward {purchase.basket_id}", tally)

    def _hold(
        self, connection: Connection, purchase: Purchase, wish: dict[str, Any] | None, key: str, tally: Tally
    ) -> dict[str, Any] | None:
        if wish is None:
            return None
        answer = self._call(connection, purchase, "/v1/redemptions", wish, key)
        return _told(answer, 201, f"redemption {purchase.basket_id}", tally)

    def _call(
        self, connection: Connection, purchase: Purchase, path: str, body: Any, key: str | None = None
    ) -> Answer:
        till = self.tills[purchase.store_id]
        return connection.call(method="POST", path=path, client=till, body=orjson.dumps(body), key=key)


def _told(answer: Answer, expected: int, what: str, tally: Tally) -> dict[str, Any] | None:
    """The answer's document when it is the expected one; an extraordinary refusal is counted."""
    document = answer.document()
    if answer.status == expected:
        return document
    code = str(document.get("code", answer.status))
    if code not in _ORDINARY:
        tally.reject(what, code)
    return None

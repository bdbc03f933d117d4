"""The happy hour ends between the quote and the payment, and the customer pays what they were told."""

from __future__ import annotations

from datetime import timedelta

from loyalty_api import clock
from tests.promotions.till import back, buy, of, quote
from tests.purchases.racing import breaches
from tests.support.sandbox import sandbox_of
from tests.support.shop import BASIC, Shop

HAPPY = {
    "id": "happy", "name": "Happy hour", "when": {"hours": [{"from": "14:00", "until": "16:00"}]},
    "benefit": {"percent": {"off": "25", "on": "lines"}},
}  # fmt: skip


def test_the_happy_hour_ends_at_the_lane(fresh_shop: Shop) -> None:
    with sandbox_of(fresh_shop) as shop:
        assert shop.office.post("/v1/sandbox/clock", {"now": "2017-03-10T15:50:00Z"}).status == 200
        shop.publish({**BASIC, "promotions": [HAPPY]}, effective_from=clock.now() - timedelta(days=1))
        member, bread = shop.enrol("HAPPY"), of(2000, "bread", quantity=2)
        told = quote(shop, bread, card="HAPPY", at=clock.now())
        assert told["totals"]["total"] == 1500

        # Ten minutes later the hour is over for everybody else.
        assert shop.office.post("/v1/sandbox/clock", {"now": "2017-03-10T16:00:00Z"}).status == 200
        assert quote(shop, bread, card="HAPPY", at=clock.now())["totals"]["total"] == 2000
        bought = buy(shop, told, bread, card="HAPPY", at=clock.now())
        assert (bought["total"], bought["discrepancies"], bought["points"]["earned"]) == (1500, [], 15)

        # A quarter of an hour after the quote its promise has ended. What was charged stands all the same.
        assert shop.office.post("/v1/sandbox/clock", {"now": "2017-03-10T16:06:00Z"}).status == 200
        late = buy(shop, told, bread, card="HAPPY", at=clock.now())
        assert [odd["code"] for odd in late["discrepancies"]] == ["price_differs"]
        assert (late["total"], late["points"]["earned"]) == (1500, 15)

        # One of the two breads comes back, at what was paid for it.
        one = back(shop, bought, {"line_id": "1", "quantity": 1}, at=clock.now())
        assert (one["money"]["refundable"], one["discounts"]) == (750, [{"rule": "happy", "amount": 250}])
        assert shop.balance(member)["available"] == 23
        assert breaches(shop) == []

"""Points and promotions on one basket: promotions set the price, points pay what is left."""

from __future__ import annotations

import pytest

from loyalty_api.purchases.redeeming import with_points
from loyalty_api.purchases.rules_charged import charged, mark_of, unpriced
from loyalty_api.rating.rules import evaluate
from tests.earning.builders import MEMBER, SATURDAY_AFTERNOON
from tests.promotions.builders import item, offering, wants

OF = wants(item(1, 1000, "tea"), item(2, 1000, "milk"))
TEA = {
    "where": {"sku": ["tea"]},
    "benefit": {"percent": {"off": "50", "on": "lines"}},
    "minimum_basket": 2000,
}


@pytest.mark.parametrize(("way", "earned"), [("tender", 10), ("discount", 10)])
def test_points_pay_what_promotions_left(way: str, earned: int) -> None:
    by = offering(TEA, redeem={"rate": {"points": 1, "amount": 1}, "as": way})
    priced = with_points(OF, MEMBER, by, SATURDAY_AFTERNOON, available=500, wish={"max_points": 500})
    assert [one.granted for one in priced.decision.discounts] == [500]
    assert priced.redeemable is not None
    assert (priced.redeemable.price.amount, priced.redeemable.most) == (500, 1500)
    assert (priced.unpaid.points(), priced.decision.points()) == (15, earned)
    assert sum(line.paid for line in priced.unwished.lines) == 1500


def test_what_points_took_off_is_not_compared_and_does_not_change_the_mark() -> None:
    by = offering(TEA, redeem={"rate": {"points": 1, "amount": 1}, "as": "discount"})
    priced = with_points(OF, MEMBER, by, SATURDAY_AFTERNOON, available=500, wish={})
    assert mark_of(priced.basket, None) == mark_of(priced.unwished, None)
    decision = evaluate(priced.basket, MEMBER, by, SATURDAY_AFTERNOON)
    settled, odd = charged(decision, priced.basket, MEMBER, by, at=SATURDAY_AFTERNOON, honoured=False)
    assert (odd, [one.granted for one in settled.discounts]) == ([], [500])
    assert mark_of(OF, None) != mark_of(priced.unwished, None) != mark_of(priced.unwished, "mbr")


def test_the_program_sets_the_price_whatever_the_till_said_before() -> None:
    by = offering(TEA)
    priced = with_points(OF, MEMBER, by, SATURDAY_AFTERNOON, available=0, wish=None)
    assert unpriced(priced.basket) == OF

"""Baskets as tills really send them: zero amounts, zero quantities, corrections, fuel by the millilitre."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from loyalty_api.rulekit.basket import Basket, Line, LineDiscount, Payment
from loyalty_api.rulekit.facts import Facts, Member

unhurried = settings(deadline=None)
"""Properties say what holds, never how fast: a busy machine must not fail them."""

names = st.text(min_size=1, max_size=8)
perhaps = st.none() | names
money = st.integers(0, 200_000)
discounts = st.lists(
    st.builds(
        LineDiscount,
        source=st.sampled_from(["till", "program", "coupon", "staff"]),
        amount=st.integers(0, 3_000),
        kind=st.sampled_from([None, "coupon", "markdown", "staff"]),
        promotion_id=perhaps,
        basket_wide=st.booleans(),
    ),
    max_size=2,
).map(tuple)


@st.composite
def lines(draw):
    """Up to twelve lines with numbered ids, now and then below zero or not goods."""
    return tuple(
        Line(
            str(number),
            draw(st.one_of(money, st.integers(-5_000, 0))),
            sku=draw(perhaps),
            quantity=draw(st.integers(0, 90_000)),
            unit=draw(st.sampled_from(["each", "g", "ml", "mm"])),
            type=draw(
                st.sampled_from(["goods", "goods", "goods", "deposit", "deposit_return", "correction"])
            ),
            discounts=draw(discounts),
            category=tuple(draw(st.lists(st.sampled_from(["food", "dairy", "tea"]), max_size=3))),
            department=draw(st.sampled_from([None, "PRODUCE", "GROCERY"])),
            brand=draw(perhaps),
            legal_class=draw(st.sampled_from([None, None, "alcohol", "tobacco"])),
            tax_rate=draw(st.sampled_from([None, "15", "25.5"])),
            tags=draw(st.sampled_from([(), (), ("fresh",), ("fresh", "organic")])),
        )
        for number in range(draw(st.integers(0, 12)))
    )


baskets = st.builds(
    Basket,
    store=names,
    currency=st.just("NOK"),
    lines=lines(),
    payments=st.lists(
        st.builds(
            Payment,
            kind=st.sampled_from(["card", "points", "deposit_slip"]),
            amount=st.integers(0, 50_000),
            redemption_id=perhaps,
        ),
        max_size=3,
    ).map(tuple),
    kind=st.sampled_from(["sale", "sale", "staff", "business"]),
    channel=st.sampled_from(["store", "web"]),
    tax_included=st.booleans(),
    time_zone=st.sampled_from([None, "Europe/Helsinki"]),
    pricing=st.sampled_from(["settled", "open"]),
    coupons=st.lists(names, max_size=2).map(tuple),
)

facts = st.builds(
    Facts,
    member=st.none()
    | st.builds(
        Member,
        status=st.sampled_from(["active", "active", "active", "earn_only", "blocked", "closed"]),
        tier=perhaps,
        staff=st.booleans(),
        segments=st.lists(names, max_size=2).map(tuple),
        attributes=st.dictionaries(names, st.integers() | names | st.booleans(), max_size=2),
    ),
    counters=st.dictionaries(names, st.integers(0, 10**6), max_size=2),
    limits=st.dictionaries(names, st.integers(0, 10**6), max_size=2),
)

"""Whoever buys and brings everything back is where they were before, however it comes back (R36)."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty_api import ids
from loyalty_api.ledger import queries
from tests.purchases.racing import breaches
from tests.returns.selling import bring, goods, paper, sell
from tests.support.shop import Shop, line

_cards = itertools.count()


@st.composite
def baskets(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A few lines: plain goods, measured goods, discounts, corrections, things that earn nothing."""
    lines = []
    for n in range(draw(st.integers(1, 4))):
        amount = draw(st.integers(0, 20_000))
        more: dict[str, Any] = {"quantity": draw(st.integers(0, 6))}
        if draw(st.booleans()):
            more = {"quantity": draw(st.integers(1, 3000)), "unit": "g"}
        if draw(st.booleans()):
            off = draw(st.integers(0, amount))
            more["discounts"] = [{"source": "till", "amount": off}]
        sku = draw(st.sampled_from(["bread", "apple", "cigar", "unknown"]))
        lines.append(line(amount, line_id=str(n), sku=sku, **more))
    if draw(st.booleans()):
        lines.append(line(-draw(st.integers(1, 300)), line_id="slip", type="deposit_return"))
    return lines


steps = st.lists(
    st.tuples(
        st.sampled_from(["0", "1", "2", "3"]),
        st.one_of(
            st.fixed_dictionaries({"quantity": st.integers(1, 4)}),
            st.fixed_dictionaries({"amount": st.integers(1, 9000)}),
            st.just({}),
        ),
        st.booleans(),
    ),
    max_size=4,
)


def state(shop: Shop, member: str) -> tuple[Any, ...]:
    """What a member has: the points, what lies in lots, and what was ever earned."""
    found = ids.read("mbr", member)
    assert found is not None
    with shop.database.snapshot() as connection:
        balance = queries.balances_of(connection, [found])[found]
        lots = queries.lots_of(connection, [found])[found]
    return balance, {lot_id: (lot.pending, lot.available, lot.held) for lot_id, lot in lots.items()}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(basket=baskets(), parts=steps)
def test_any_purchase_and_its_full_return_in_any_parts_leave_everything_as_it_was(
    shop: Shop, basket: list[dict[str, Any]], parts: list[tuple[str, dict[str, int], bool]]
) -> None:
    card = f"ALL{next(_cards)}"
    member = shop.enrol(card)
    sell(shop, line(12_345), card=card)
    before = state(shop, member)
    sale, sold = sell(shop, *basket, card=card)
    refunded = 0
    for line_id, wanted, undone in [*parts, ("", {}, False)]:
        body = goods(paper(sale), {"line_id": line_id, **wanted}) if line_id else goods(paper(sale))
        back = bring(shop, body)
        assert back.status == 201 or back.code in ("return_exceeds_purchase", "validation_failed")
        if back.status != 201:
            continue
        if undone:
            path = f"/v1/returns/{back['return_id']}/void"
            assert shop.office.post(path, {"reason": "x"}).status == 201
            continue
        refunded += back["money"]["refundable"]
        assert back["points"]["taken_back"] == sum(row["points_taken_back"] for row in back["lines"])
    assert state(shop, member) == before
    assert refunded == sold["total"]
    assert shop.till.get(f"/v1/purchases/{sold['purchase_id']}")["status"] == "returned"


def test_and_the_books_hold_all_the_while(shop: Shop) -> None:
    assert breaches(shop) == []

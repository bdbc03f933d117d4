"""What goods that come back undo: whatever the order and the size of the steps, they end where one return does."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.rating.rules_returns import (
    NOTHING,
    Progress,
    ReturnExceedsPurchase,
    ReturnUnreadable,
    Sold,
    Wanted,
    advance,
    come_back,
    points_of,
    progress_from,
    revert,
)
from loyalty_api.rating.rules_returns import given as given_of
from loyalty_api.rulekit.decision import Decision, Effect, Rate

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def decided(*shares: tuple[str, dict[str, int]]) -> Decision:
    """A decision whose rules gave these points to these lines."""
    effects = [
        Effect(rule, "base", sum(by.values()), sum(by.values()), tuple(by.items()), 0, Rate(1, 100), NOON)
        for rule, by in shares
    ]
    return Decision(1, NOON, tuple(effects))


def test_each_rule_gives_its_own_share_of_the_units_that_come_back() -> None:
    decision = decided(("base", {"1": 32, "2": 18}), ("bonus", {"2": 17}))
    sold = [Sold("1", 2, "each", 4500), Sold("2", 734, "g", 2500)]
    one = come_back(sold, {}, [Wanted("1", 1)])
    assert revert(decision, {}, one) == {"1": {"base": 16}}
    rest = come_back(sold, one, None)
    assert revert(decision, one, rest) == {"1": {"base": 16}, "2": {"base": 18, "bonus": 17}}


def test_the_rounding_of_a_part_is_made_up_for_by_the_next() -> None:
    decision, sold = decided(("base", {"1": 10})), Sold("1", 3, "each", 1000)
    before: dict[str, Progress] = {}
    taken = []
    for _ in range(3):
        after = come_back([sold], before, [Wanted("1", 1)])
        taken.append(points_of(revert(decision, before, after)))
        before = after
    assert taken == [3, 3, 4]


@pytest.mark.parametrize(
    ("sold", "wanted"),
    [
        (Sold("1", 2, "each", 100), Wanted("1", 3)),
        (Sold("1", 2, "each", 100), Wanted("1", amount=101)),
        (Sold("1", 734, "g", 100), Wanted("1", amount=101)),
        (Sold("1", 1, "each", 0), Wanted("1", amount=1)),
    ],
)
def test_more_than_was_bought_is_refused(sold: Sold, wanted: Wanted) -> None:
    with pytest.raises(ReturnExceedsPurchase):
        advance(sold, NOTHING, wanted)


def test_what_is_back_does_not_come_back_again() -> None:
    sold = Sold("1", 2, "each", 100)
    whole = advance(sold, NOTHING, Wanted("1"))
    assert whole == Progress(2, Fraction(1))
    for wanted in (Wanted("1"), Wanted("1", 1), Wanted("1", amount=1)):
        with pytest.raises(ReturnExceedsPurchase):
            advance(sold, whole, wanted)
    with pytest.raises(ReturnExceedsPurchase):
        come_back([sold], {"1": whole}, None)


@pytest.mark.parametrize(("quantity", "unit"), [(734, "g"), (41_230, "ml"), (0, "each"), (-2, "each")])
def test_measured_goods_and_quantity_zero_are_one_piece_that_comes_back_whole(
    quantity: int, unit: str
) -> None:
    sold = Sold("1", quantity, unit, 2929)
    assert advance(sold, NOTHING, Wanted("1", quantity)).part == 1
    assert advance(sold, NOTHING, Wanted("1")).part == 1
    assert advance(sold, NOTHING, Wanted("1", amount=1000)) == Progress(0, Fraction(1000, 2929))
    with pytest.raises(ReturnUnreadable):
        advance(sold, NOTHING, Wanted("1", 300))


def test_a_line_that_the_purchase_does_not_have_is_named() -> None:
    with pytest.raises(ReturnUnreadable) as refused:
        come_back([Sold("1", 1, "each", 100)], {}, [Wanted("9")])
    assert refused.value.errors[0].code == "line_unknown"


def test_a_lower_price_now_leaves_less_for_the_units_to_take() -> None:
    """Two for 100.00; 10.00 off for a scratch; then each brings 45.00."""
    sold = Sold("1", 2, "each", 10_000)
    before, values = NOTHING, []
    for wanted in (Wanted("1", amount=1000), Wanted("1", 1), Wanted("1", 1)):
        after = advance(sold, before, wanted)
        values.append(given_of(10_000, after.part) - given_of(10_000, before.part))
        before = after
    assert values == [1000, 4500, 4500]


@st.composite
def stories(draw: st.DrawFn) -> tuple[Sold, int, list[Wanted]]:
    """A line, a share of points on it, and steps by which it may come back."""
    unit = draw(st.sampled_from(["each", "each", "g"]))
    sold = Sold("1", draw(st.integers(0, 12)), unit, draw(st.integers(0, 5000)))
    step = st.one_of(
        st.builds(Wanted, st.just("1"), quantity=st.integers(1, 5)),
        st.builds(Wanted, st.just("1"), amount=st.integers(1, 3000)),
    )
    return sold, draw(st.integers(0, 500)), draw(st.lists(step, max_size=8))


@given(stories())
def test_any_sequence_of_parts_ends_exactly_where_one_full_return_does(
    story: tuple[Sold, int, list[Wanted]],
) -> None:
    sold, share, steps = story
    decision, before = decided(("base", {"1": share})), dict[str, Progress]()
    taken, money = 0, 0
    for wanted in [*steps, Wanted("1")]:
        try:
            after = come_back([sold], before, [wanted])
        except (ReturnExceedsPurchase, ReturnUnreadable):
            continue
        part = points_of(revert(decision, before, after))
        value = given_of(sold.paid, after["1"].part) - given_of(sold.paid, before.get("1", NOTHING).part)
        assert part >= 0
        assert value >= 0
        if wanted.amount is not None:
            assert value == wanted.amount
        taken, money, before = taken + part, money + value, after
    assert before["1"].part == 1
    assert (taken, money) == (share, sold.paid)
    assert progress_from({"1": before["1"].stored()}) == before

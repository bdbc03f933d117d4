"""Money and points that were spent on goods which come back (R32, R34): separate shares, never more than was paid."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.rating.rules_returns import Progress, ReturnExceedsPurchase, ReturnUnreadable, Sold, Wanted
from loyalty_api.returns.rules import Bought, Spent, bring_back, shortfall, spent_on, tenders

MILK, APPLES = Sold("1", 2, "each", 4500), Sold("2", 734, "g", 2500)
# The example of the till's protocol: 200 points paid 20.00 of it.
REDEMPTION = {
    "redemption_id": "red_1",
    "points": 200,
    "amount": 2000,
    "lines": [["1", 129, 1286], ["2", 71, 714]],
}
POINTS = {"kind": "points", "amount": 2000}


def bought(*, spent: dict[str, list[Spent]], before: dict[str, Progress] | None = None) -> Bought:
    return Bought((MILK, APPLES), spent, None, before or {})


def test_one_of_two_brings_back_its_half_of_money_and_of_points() -> None:
    spent = spent_on([MILK, APPLES], [REDEMPTION], [POINTS])
    back = bring_back(bought(spent=spent), [Wanted("1", 1)], tender_order="pro_rata")
    [line] = back.lines
    assert (line.value, line.money, line.points_part, line.left) == (2250, 1607, 643, 1)
    assert back.to_give == {"red_1": 64}
    rest = bring_back(bought(spent=spent, before=dict(back.after or {})), None, tender_order="pro_rata")
    assert rest.whole
    assert (back.refundable + rest.refundable, rest.to_give) == (5000, {"red_1": 136})


@pytest.mark.parametrize(
    ("order", "money", "points_part", "points"),
    [("pro_rata", 1607, 643, 64), ("points_first", 964, 1286, 129), ("money_first", 2250, 0, 0)],
)
def test_the_program_says_what_is_given_back_first(
    order: str, money: int, points_part: int, points: int
) -> None:
    spent = spent_on([MILK, APPLES], [REDEMPTION], [POINTS])
    [line] = bring_back(bought(spent=spent), [Wanted("1", 1)], tender_order=order).lines
    assert (line.money, line.points_part, sum(p for _, p in line.to_give)) == (money, points_part, points)


def test_points_that_no_redemption_stands_behind_are_not_refunded_as_money() -> None:
    spent = spent_on([MILK, APPLES], [], [POINTS, {"kind": "card", "amount": 5000}])
    back = bring_back(bought(spent=spent), None, tender_order="pro_rata")
    assert (back.refundable, sum(line.points_part for line in back.lines), back.to_give) == (5000, 2000, {})


@st.composite
def purchases(draw: st.DrawFn) -> tuple[Bought, list[list[Wanted]], str, dict[str, int]]:
    """A purchase partly paid with points, and the steps in which it comes back."""
    lines, spent = [], {}
    for n in range(draw(st.integers(1, 3))):
        line = Sold(str(n), draw(st.integers(0, 5)), "each", draw(st.integers(0, 3000)))
        parts = []
        left = line.paid
        for red in ("red_1", "red_2")[: draw(st.integers(0, 2))]:
            amount = draw(st.integers(0, left))
            left -= amount
            parts.append(Spent(red, draw(st.integers(0, 300)) if amount else 0, amount))
        lines.append(line)
        spent[line.line_id] = parts
    step = st.lists(
        st.builds(
            Wanted, st.sampled_from([line.line_id for line in lines]), st.integers(1, 3)
        ) | st.builds(
            Wanted, st.sampled_from([line.line_id for line in lines]), amount=st.integers(1, 2000)
        ),
        min_size=1, max_size=2, unique_by=lambda wanted: wanted.line_id,
    )  # fmt: skip
    order = draw(st.sampled_from(["pro_rata", "points_first", "money_first"]))
    points = {"red_1": 0, "red_2": 0}
    for part in [part for parts in spent.values() for part in parts]:
        points[part.redemption or ""] += part.points
    return Bought(tuple(lines), spent, None, {}), draw(st.lists(step, max_size=5)), order, points


@given(purchases())
def test_however_it_comes_back_money_and_points_end_exactly_where_they_began(
    story: tuple[Bought, list[list[Wanted]], str, dict[str, int]],
) -> None:
    whole, steps, order, spent = story
    before: dict[str, Any] = {}
    money, given_back = 0, {"red_1": 0, "red_2": 0}
    for wanted in [*steps, None]:
        now = Bought(whole.lines, whole.spent, None, before)
        try:
            back = bring_back(now, wanted, tender_order=order)
        except (ReturnExceedsPurchase, ReturnUnreadable):
            continue
        assert all(line.money >= 0 and line.points_part >= 0 for line in back.lines)
        money += back.refundable
        for redemption, points in back.to_give.items():
            given_back[redemption] += points
        before = dict(back.after or {})
    stood = sum(part.amount for parts in whole.spent.values() for part in parts)
    assert money == sum(line.paid for line in whole.lines) - stood
    assert given_back == spent


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=4), st.lists(st.integers(0, 3000), max_size=6))
def test_refunds_by_tender_end_with_nothing_left_of_any(paid: list[int], refunds: list[int]) -> None:
    left = list(paid)
    for refund in [*refunds, sum(paid)]:
        part = min(refund, sum(left))
        back = tenders(left, part)
        assert sum(back) == part
        assert all(0 <= amount <= rest for amount, rest in zip(back, left, strict=True))
        left = [rest - amount for amount, rest in zip(back, left, strict=True)]
    assert sum(left) == 0


def test_points_that_are_kept_have_the_price_that_points_have() -> None:
    assert shortfall(57, {"points": 100, "amount": 1000}) == 570
    assert shortfall(57, None) == 0

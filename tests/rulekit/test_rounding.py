"""Division and spreading: whole numbers in, whole numbers out, nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.rulekit.rounding import ROUNDINGS, divide, spread
from tests.rulekit.strategies import unhurried


@pytest.mark.parametrize(
    ("number", "down", "half_up", "up"),
    [
        (0, 0, 0, 0),
        (99, 0, 1, 1),
        (49, 0, 0, 1),
        (50, 0, 1, 1),
        (100, 1, 1, 1),
        (101, 1, 1, 2),
        (250, 2, 3, 3),
    ],
)
def test_hundredths_round_by_name(number, down, half_up, up):
    assert [divide(number, 100, name) for name in ROUNDINGS] == [down, half_up, up]


@unhurried
@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6), st.sampled_from(ROUNDINGS))
def test_a_line_and_its_correction_cancel_out(number, divisor, rounding):
    assert divide(number, divisor, rounding) + divide(-number, divisor, rounding) == 0


@unhurried
@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**7), min_size=1).filter(any))
def test_a_spread_gives_out_exactly_the_whole(total, weights):
    shares = spread(total, weights)
    assert sum(shares) == total
    whole = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        assert type(share) is int
        assert total * weight // whole <= share <= total * weight // whole + 1
        assert weight or not share, "what weighs nothing gets nothing"


def test_points_pay_twenty_over_two_lines_of_45_and_25():
    assert spread(2000, [4500, 2500]) == [1286, 714]


def test_a_tie_goes_to_the_earlier_line():
    assert spread(1, [5, 5]) == [1, 0]
    assert spread(5, [1, 1, 1]) == [2, 2, 1]

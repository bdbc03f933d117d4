"""The test of significance, against values of a table, and against luck that was helped along."""

from __future__ import annotations

import pytest

from loyalty_api.draws.rules_fairness import Group, chi_square_tail, merged, together, verdict


@pytest.mark.parametrize(
    ("statistic", "freedom", "p"),
    [
        (3.841, 1, 0.05), (6.635, 1, 0.01), (18.307, 10, 0.05), (2.156, 10, 0.995), (124.342, 100, 0.05),
        (0.0, 5, 1.0), (1000.0, 5, 0.0), (43.773, 30, 0.05),
    ],
)  # fmt: skip
def test_the_tail_of_chi_square_is_that_of_the_tables(statistic: float, freedom: int, p: float) -> None:
    assert chi_square_tail(statistic, freedom) == pytest.approx(p, abs=5e-5)


def group(name: str, draws: int, odds: float, wins: int) -> Group:
    return Group(name, draws, draws * odds, draws * odds * (1 - odds), wins)


def test_honest_luck_passes_and_a_friendly_store_does_not() -> None:
    honest = [group("a", 1000, 0.02, 22), group("b", 2000, 0.02, 37), group("c", 1500, 0.02, 31)]
    found = verdict(honest)
    assert found.freedom == 3
    assert found.p is not None
    assert found.p > 0.5
    friendly = verdict([*honest[:2], group("c", 1500, 0.02, 60)])
    assert friendly.p is not None
    assert friendly.p < 1e-6


def test_small_groups_are_looked_at_together_and_too_few_draws_say_nothing() -> None:
    small = [group(str(n), 100, 0.02, 2) for n in range(4)]
    (rest,) = together(small)
    assert (rest.draws, rest.wins) == (400, 8)
    assert rest.expected == pytest.approx(8)
    assert verdict(small[:2]).p is None
    assert merged("*", []).draws == 0

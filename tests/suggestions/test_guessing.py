"""Suggestions guess better than the best-sellers do: the short form of ``python -m benchmarks.suggesting``."""

from __future__ import annotations

from benchmarks.suggesting import measure


def test_real_baskets_are_guessed_better_than_by_what_is_popular() -> None:
    """Two weeks are held out and six weeks before them counted; we measure far more than half again as many hits."""
    found = measure(weeks=6, held_out=2, days=56, of=2)
    assert (found.counted > 5_000, found.asked > 1_000) == (True, True)
    assert found.hits >= 1.5 * found.popular_hits, found

"""Suggestions guess better than the best-sellers do: the short form of ``python -m benchmarks.suggesting``."""

from __future__ import annotations

from benchmarks.suggesting import measure


def test_real_baskets_are_guessed_better_than_by_what_is_popular() -> None:
    """Two weeks are held out and eight weeks before them counted; half again as many hits is far below what we measure."""
    found = measure(weeks=8, held_out=2, days=90, of=2)
    assert (found.counted > 5_000, found.asked > 500) == (True, True)
    assert found.hits >= 1.5 * found.popular_hits, found

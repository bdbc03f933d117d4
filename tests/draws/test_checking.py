"""A whole day repeated from what is published of it: what holds, and every way in which it may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from typing import Any

import pytest

from loyalty_api.draws.rules import NOTHING_BEFORE, Draw, Record, below, digest, mark, ticket
from loyalty_api.draws.rules_checking import check_chain, check_day
from tests.draws.luck import DAY, SEED, tokens
from tests.draws.test_rules import RECORD

ROWS = (below(Fraction(1, 100)), below(Fraction(1, 4)))


def published(number: int = 200) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A day as the API serves it, with so many draws."""
    record = Record(DAY, NOTHING_BEFORE, RECORD.reveals_at, SEED, {"lucky": ROWS})
    draws = []
    for n, token in enumerate(tokens(number)):
        name = mark(token=token, gift="lucky", day=DAY)
        drawn = ticket(seed=SEED, mark=name)
        draws.append(Draw("lucky", name, n % 2, drawn, drawn < ROWS[n % 2]))
    draws.sort(key=lambda draw: draw.mark)
    counts = [
        {
            "gift": "lucky",
            "row": row,
            "draws": sum(draw.row == row for draw in draws),
            "wins": sum(draw.won for draw in draws if draw.row == row),
        }
        for row in (0, 1)
    ]
    day = {
        "day": DAY.isoformat(), "state": "revealed", "previous": record.previous, "record": record.text,
        "commitment": record.commitment, "draws": number, "wins": sum(draw.won for draw in draws), "counts": counts,
        "previous_digest": NOTHING_BEFORE, "digest": digest(NOTHING_BEFORE, draws),
    }  # fmt: skip
    return day, [asdict(draw) for draw in draws]


def test_an_honest_day_holds() -> None:
    day, draws = published()
    found = check_day(day, draws)
    assert (found.wrong, found.draws, found.wins) == (0, 200, day["wins"])
    assert found.wins > 10


def _won(draws: list[dict[str, Any]], *, won: bool) -> dict[str, Any]:
    return next(draw for draw in draws if draw["won"] is won)


CHEATS: dict[str, Callable[[dict[str, Any], list[dict[str, Any]]], object]] = {
    "a friend wins": lambda _day, draws: _won(draws, won=False).update(won=True),
    "a winner is refused": lambda _day, draws: _won(draws, won=True).update(won=False),
    "another ticket": lambda _day, draws: draws[3].update(ticket=0, won=True),
    "a kinder row": lambda _day, draws: draws[4].update(row=1 - draws[4]["row"]),
    "a row that was not committed": lambda _day, draws: draws[4].update(row=2, won=True),
    "a gift that was not committed": lambda _day, draws: draws[-1].update(gift="other"),
    "a draw left out": lambda _day, draws: draws.pop(7),
    "a draw twice": lambda _day, draws: draws.insert(7, draws[7]),
    "another seed": lambda day, _draws: day.update(record=day["record"].replace(SEED.hex(), "ab" * 32)),
    "other odds": lambda day, _draws: day.update(record=day["record"].replace(str(ROWS[0]), str(ROWS[0] + 1))),
    "another commitment before": lambda day, _draws: day.update(previous="1" * 64),
    "more draws said than made": lambda day, _draws: day.update(draws=201),
    "nothing revealed": lambda day, _draws: day.update(record=None),
    "no record at all": lambda day, _draws: day.update(record="{}"),
}  # fmt: skip


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_day_that_was_tampered_with_does_not(cheat: str) -> None:
    day, draws = published()
    CHEATS[cheat](day, draws)
    assert check_day(day, draws).wrong, cheat


def test_a_chain_that_lost_a_day_is_broken() -> None:
    days: list[dict[str, Any]] = [
        {"day": "2026-11-17", "previous": "0", "commitment": "a", "digest": "x", "previous_digest": "0"},
        {"day": "2026-11-18", "previous": "a", "commitment": "b", "digest": "y", "previous_digest": "x"},
        {"day": "2026-11-19", "previous": "b", "commitment": "c", "digest": None},
    ]
    assert check_chain(days) == []
    assert check_chain([days[0], days[2]]) != []
    assert check_chain([{**days[0], "digest": "z"}, *days[1:]]) != []

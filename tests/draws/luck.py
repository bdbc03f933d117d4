"""Many draws at once, repeatable: what statistics are tried with."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from loyalty_api.draws.rules import SPACE, mark, ticket
from loyalty_api.draws.rules_fairness import Group, Verdict, verdict

SEED = bytes(range(32))
DAY = date(2026, 11, 18)
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
# How busy a supermarket is, by hour and by day of the week.
_HOURS = (0, 0, 0, 0, 0, 0, 1, 3, 5, 6, 7, 8, 9, 8, 7, 8, 11, 14, 12, 8, 5, 3, 1, 0)
_DAYS = (9, 8, 9, 10, 14, 16, 6)


def tokens(number: int) -> Iterator[bytes]:
    """So many members' tokens."""
    for n in range(number):
        yield hmac.digest(SEED, n.to_bytes(4, "big"), "sha256")[:16]


def tally(rows: Sequence[int], *, number: int) -> Verdict:
    """Draw ``number`` times by each of the rows in turn, and hold the wins against the odds of the rows."""
    wins, draws = [0] * len(rows), [0] * len(rows)
    for n, token in enumerate(tokens(number)):
        row = n % len(rows)
        draws[row] += 1
        wins[row] += ticket(seed=SEED, mark=mark(token=token, gift="lucky_basket", day=DAY)) < rows[row]
    odds = [row / SPACE for row in rows]
    return verdict(
        Group(str(n), drawn, drawn * p, drawn * p * (1 - p), won)
        for n, (drawn, p, won) in enumerate(zip(draws, odds, wins, strict=True))
    )


def arrivals(*, weeks: int, a_week: int, first: datetime = BEGIN) -> Iterator[datetime]:
    """The moments of about so many draws a week, busy as a shop is."""
    shares = sum(_HOURS) * sum(_DAYS)
    for day in range(weeks * 7):
        for hour, busy in enumerate(_HOURS):
            number = a_week * busy * _DAYS[day % 7] // shares
            begin = first + timedelta(days=day, hours=hour)
            yield from (begin + timedelta(seconds=3600 * n // number) for n in range(number))

"""What is committed for a day of draws, and what a ticket is: all that anybody needs to check a draw. Pure.

A day's **record** holds its seed, the odds tables and the commitment of the day before, and is fixed ahead: only its
SHA-256, the **commitment**, is published before the day begins, and the record itself once nobody can draw any more.

A draw belongs to a member, a gift and a day (R54). Its **mark** is HMAC-SHA-256 of day and gift under the member's
token, so that no mark says whose it is and no two of them can be connected; its **ticket** is made of HMAC-SHA-256 of
the mark under the day's seed. It wins when it lies below the number in the row of the odds table that it was drawn by.
So a member follows a draw from the token, and everybody follows the whole day from its marks.

The SHA-256 of the texts here is public: they are never written in another way under the same ``SCHEME``.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from zoneinfo import ZoneInfo

from loyalty_api.rulekit.days import ONE_DAY, begins, local_day

SCHEME = "loyalty-draws-1"
SPACE = 1 << 52
"""Tickets are whole numbers from 0 up to this, which every language writes exactly, JavaScript too."""
NOTHING_BEFORE = "0" * 64
"""What stands for the commitment before the first, and for the digest before the first."""
AHEAD = 2
"""So many local days before a day begins, at most, its record is fixed; one whole day, at least, if the job runs."""
_STEPS = 16
_DIGITS = 13


@dataclass(frozen=True, slots=True)
class Record:
    """What is fixed for one local ``day``.

    ``tables`` hold, by gift, how many of ``SPACE`` tickets win in each row. ``seed`` has 32 bytes. ``previous`` is the
    commitment of the day that was fixed before. No draw is made from ``reveals_at`` on, late receipts included (R55).
    """

    day: date
    previous: str
    reveals_at: datetime
    seed: bytes
    tables: Mapping[str, tuple[int, ...]]

    @property
    def text(self) -> str:
        """The record as it is committed and published: JSON without spaces, names in order, in ASCII."""
        document = {
            "day": self.day.isoformat(),
            "odds": {gift: list(rows) for gift, rows in self.tables.items()},
            "previous": self.previous,
            "reveals_at": self.reveals_at.astimezone(UTC)
            .isoformat(timespec="seconds")
            .replace("+00:00", "Z"),
            "scheme": SCHEME,
            "seed": self.seed.hex(),
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":"))

    @property
    def commitment(self) -> str:
        """The SHA-256 of the text, in hexadecimal."""
        return sha256(self.text.encode()).hexdigest()


def read_record(text: str) -> Record:
    """The record of a published text. Raises ``ValueError`` when it is none of this scheme."""
    try:
        said = json.loads(text)
        if said["scheme"] != SCHEME:
            raise ValueError(f"It is of another scheme than {SCHEME}.")
        tables = {str(gift): tuple([int(row) for row in rows]) for gift, rows in said["odds"].items()}
        return Record(
            date.fromisoformat(said["day"]),
            said["previous"],
            datetime.fromisoformat(said["reveals_at"]),
            bytes.fromhex(said["seed"]),
            tables,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("It is not the record of a day.") from error


def below(odds: Fraction) -> int:
    """How many of ``SPACE`` tickets win at these odds; the odds themselves to less than one ticket."""
    return odds.numerator * SPACE // odds.denominator


def odds_table(
    least: Fraction, base: Fraction, most: Fraction, *, guaranteed: bool = False
) -> tuple[int, ...]:
    """The rows of a gift's day, from the least likely to the most likely; exactly one row holds the base odds.

    Between the bounds lie equal steps. A gift with a guarantee has a last row in which every ticket wins.
    """
    first, last = below(least), below(most)
    rows = {first, below(base), last, *[first + (last - first) * n // _STEPS for n in range(_STEPS)]}
    # No ticket wins below 0, and a row in which all win is the guarantee's alone.
    ordered = sorted(row for row in rows if row > 0)
    return (*ordered, SPACE) if guaranteed and ordered[-1] < SPACE else tuple(ordered)


def base_row(table: Sequence[int], base: int) -> int:
    """The number of the row that holds the base odds; it is never the guarantee's, unless there is no other."""
    lucky = lucky_rows(table)
    return max([number for number, row in enumerate(lucky) if row <= base], default=0)


def lucky_rows(table: Sequence[int]) -> list[int]:
    """The rows that leave it to luck, which come before the guarantee's."""
    return [row for row in table if row < SPACE] or list(table)


def guaranteed(table: Sequence[int], *, after: int | None, dry: int) -> bool:
    """Whether the next draw is by the guarantee's row, ``dry`` draws without luck having gone before."""
    return after is not None and dry >= after and table[-1] == SPACE


@dataclass(frozen=True, slots=True)
class Wanted:
    """A gift that a draw may bring, and what its odds follow.

    ``base`` is how many of ``SPACE`` tickets win where nothing else decides. ``guarantee_after`` is after how many
    draws without luck the next one wins. A gift with a budget takes ``cost`` of what remains of the ``limit`` with
    that key, until the ``last`` local day; where one of them is None the odds stay at their base.
    """

    gift: str
    base: int
    guarantee_after: int | None = None
    cost: int = 0
    limit: str | None = None
    last: date | None = None


def mark(*, token: bytes, gift: str, day: date) -> str:
    """The name of a draw, in hexadecimal: only who knows the member's token can tell whose it is."""
    return hmac.digest(token, f"{day.isoformat()} {gift}".encode(), "sha256").hex()


def ticket(*, seed: bytes, mark: str) -> int:
    """The ticket of a draw, 0 ≤ ticket < ``SPACE``: the first 52 bits of the keyed hash."""
    return int(hmac.digest(seed, mark.encode(), "sha256").hex()[:_DIGITS], 16)


@dataclass(frozen=True, slots=True)
class Draw:
    """A draw as it is published: nobody's name, and all that it takes to repeat it."""

    gift: str
    mark: str
    row: int
    ticket: int
    won: bool


def digest(previous: str, draws: Iterable[Draw]) -> str:
    """The SHA-256 of a day's draws in the order of gift and mark, behind the digest of the day revealed before."""
    found = sha256(previous.encode())
    for draw in draws:
        found.update(f"\n{draw.gift} {draw.mark} {draw.row} {draw.ticket} {int(draw.won)}".encode())
    return found.hexdigest()


def ends(day: date, zone: ZoneInfo) -> datetime:
    """The first moment after a local day, in UTC."""
    return begins(day + ONE_DAY, zone)


def to_commit(now: datetime, zone: ZoneInfo, last: date | None) -> list[date]:
    """The days whose records are to be fixed now, behind the ``last`` that is; never one that has begun."""
    today = local_day(now, zone)
    wanted = [today + timedelta(days=n) for n in range(1, AHEAD + 1)]
    return [day for day in wanted if last is None or day > last]


def may_draw(*, enrolled_at: datetime, committed_at: datetime) -> bool:
    """Whether a member takes part in a day: whose token was made before the day's seed was.

    Who knew a seed could otherwise make members until one has a token that wins.
    """
    return enrolled_at < committed_at


def unbroken(days: Sequence[tuple[str, str]]) -> bool:
    """Whether each (previous, commitment), in the order of the days, names the commitment before it."""
    return all(one[1] == other[0] for one, other in pairwise(days))

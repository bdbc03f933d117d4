"""Points that are used: held, captured, released, given back, taken back. Pure.

Whatever takes points takes those that expire first (invariant 4); whatever gives points back gives them to the lots
they came from, in the opposite order, so that a part given back undoes the last of what was taken (invariant 5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any
from uuid import UUID

from loyalty_api.errors import Conflict
from loyalty_api.ledger.rules import Account, Lot, Posting
from loyalty_api.rulekit.days import local_day
from loyalty_api.values import dataclass

_NEVER = datetime.max.replace(tzinfo=UTC)

Taken = tuple[UUID, int]
"""A lot, and how many points of it."""


class InsufficientPoints(Conflict):
    """The member has fewer points available than this takes. ``missing``: how many fewer; ``why``: where others are."""

    code, title, action = "insufficient_points", "Not enough points", "proceed_without"

    def __init__(self, account: Account, points: int, *, zone: tzinfo | None = None) -> None:
        self.missing, enough_at = points - account.balance.available, enough_from(account, points)
        why: dict[str, Any] = {
            "needed": points, "available": account.balance.available, "pending": account.balance.pending,
            "held": account.balance.held, "enough_at": enough_at,
        }  # fmt: skip
        if zone and enough_at:
            why["day"] = local_day(enough_at, zone)
        super().__init__(f"{self.missing} points are missing.", missing={"points": self.missing}, why=why)


def enough_from(account: Account, points: int) -> datetime | None:
    """From when on so many points could be used, by those that become available by themselves; None: not foreseen.

    Points that expire before they are needed are left out.
    """
    moments = sorted({lot.available_at for lot in account.lots.values() if lot.pending and lot.available_at})
    for moment in moments:
        usable = [
            lot.available + (lot.pending if lot.available_at and lot.available_at <= moment else 0)
            for lot in account.lots.values()
            if lot.expires_at is None or lot.expires_at > moment
        ]
        if sum(usable) - account.balance.debt >= points:
            return moment
    return None


def spending_order(lots: Iterable[Lot]) -> list[Lot]:
    """The lots with points available, first the one that expires first; of equals the one that was earned first."""
    usable = [lot for lot in lots if lot.available]
    return sorted(usable, key=lambda lot: (lot.expires_at or _NEVER, lot.earned_at, lot.lot_id))


def take(
    account: Account,
    points: int,
    *,
    to: str,
    first: Collection[UUID] = (),
    most: bool = False,
    zone: tzinfo | None = None,
) -> tuple[Posting, ...]:
    """Move ``points`` from available ``to`` another account: lots in ``first``, then what expires first.

    With ``most`` it takes as many as there are, else all or none. A refusal names days in ``zone``, where one is known.

    :raises InsufficientPoints: there are fewer available, and ``most`` was not asked for.
    """
    if points > account.balance.available and not most:
        raise InsufficientPoints(account, points, zone=zone)
    taken, left = [], points
    order = spending_order(account.lots.values())
    for lot in sorted(order, key=lambda lot: lot.lot_id not in first):
        part = min(left, lot.available)
        if part:
            taken.append(Posting("available", to, part, lot.lot_id))
            left -= part
    return tuple(taken)


def taken_by(postings: Iterable[Posting]) -> tuple[Taken, ...]:
    """The lots that postings name, with the points of each, in their order."""
    points: dict[UUID, int] = {}
    for posting in postings:
        if posting.lot_id is not None:
            points[posting.lot_id] = points.get(posting.lot_id, 0) + posting.points
    return tuple(points.items())


def capture(held: Sequence[Taken], points: int) -> tuple[Posting, ...]:
    """Use ``points`` of what is held, in the order in which it was taken, and let go of the rest."""
    postings, left = [], points
    for lot_id, holds in held:
        used = min(left, holds)
        left -= used
        if used:
            postings.append(Posting("held", "redeemed", used, lot_id))
        if holds > used:
            postings.append(Posting("held", "available", holds - used, lot_id))
    return tuple(postings)


def release(held: Sequence[Taken]) -> tuple[Posting, ...]:
    """Let go of what is held: the same lots, the same expiry."""
    return capture(held, 0)


@dataclass(frozen=True, slots=True)
class Restored:
    """Points that go back: the postings, and those of their lots whose expiry had to be moved."""

    postings: tuple[Posting, ...]
    lots: tuple[Lot, ...]


def restore(
    taken: Sequence[Taken],
    *,
    lots: Iterable[Lot],
    before: int,
    points: int,
    now: datetime,
    grace_ends: datetime,
) -> Restored:
    """Give back ``points`` of what was used, after ``before`` points of it were given back already.

    The last lot that was taken from is the first to get its points back. A lot that has expired meanwhile lives until
    ``grace_ends``, the others keep their expiry. ``lots`` are those that ``taken`` names.
    """
    by_id = {lot.lot_id: lot for lot in lots}
    postings, moved = [], []
    skip, left = before, points
    for lot_id, used in reversed(taken):
        free = used - min(skip, used)
        skip -= used - free
        part = min(left, free)
        left -= part
        if part:
            postings.append(Posting("redeemed", "available", part, lot_id))
            lot = by_id[lot_id]
            if lot.expires_at is not None and lot.expires_at <= now:
                moved.append(replace(lot, expires_at=grace_ends))
    return Restored(tuple(postings), tuple(moved))

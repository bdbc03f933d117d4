"""Points that a purchase gave and a return takes back: how far it reaches, and what it lets go. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from loyalty_api.ledger.rules import Account, Lot, Movement, Posting, post, repay
from loyalty_api.ledger.rules_spending import take

Reach = Literal["pending_only", "within_balance", "debt"]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Where the points came from. ``lapsed`` are those that had expired with the purchase's own lots, ``kept`` those
    that the program lets the member keep."""

    postings: tuple[Posting, ...] = ()
    pending: int = 0
    available: int = 0
    lapsed: int = 0
    debt: int = 0
    kept: int = 0

    @property
    def points(self) -> int:
        """All that was taken back; what expired meanwhile counts."""
        return self.pending + self.available + self.lapsed + self.debt


def take_back(account: Account, points: int, *, own: Collection[UUID], lapsed: int, reach: str) -> TakenBack:
    """Take ``points`` back: what is pending and then available in the purchase's ``own`` lots, then what has expired
    there (``lapsed`` points that no earlier return has counted), then what expires first, then debt.

    ``reach`` is how far: ``pending_only`` stops at pending points, ``within_balance`` at what is available.
    """
    waiting = sorted((lot for lot in account.lots.values() if lot.lot_id in own), key=lambda lot: lot.lot_id)
    postings, left = [], points
    for lot in waiting:
        part = min(left, lot.pending)
        if part:
            postings.append(Posting("pending", "issued", part, lot.lot_id))
            left -= part
    pending = points - left
    if reach != "pending_only":
        here = sum(lot.available for lot in waiting)
        postings += take(account, min(left, here), to="issued", first=own)
        left -= min(left, here)
    counted = min(left, lapsed)
    left -= counted
    if reach != "pending_only" and left:
        more = take(post(account, postings), left, to="issued", most=True)
        postings += more
        left -= sum(posting.points for posting in more)
    debt = left if reach == "debt" else 0
    if debt:
        postings.append(Posting("debt", "issued", debt))
    available = points - pending - counted - left
    return TakenBack(tuple(postings), pending, available, counted, debt, left - debt)


@dataclass(frozen=True, slots=True)
class Undone:
    """A return's movement turned round: the movement, and the lots it brings or whose expiry it moves."""

    movement: Movement
    lots: tuple[Lot, ...]


def undo(
    account: Account,
    postings: Sequence[Posting],
    *,
    spare: Lot,
    occurred_at: datetime,
    now: datetime,
    grace_ends: datetime,
) -> Undone:
    """Turn what a return booked round (R39): what it took comes back, what it gave is taken again.

    Points go back to their lots; lots that expired meanwhile live until ``grace_ends``. Debt that has been repaid
    since comes back as points, in the lot ``spare``. What was given and is spent by now is taken from what expires
    first, and then owed.
    """
    back, lots = _what_comes_back(account, postings, spare, now, grace_ends)
    before = Account(account.balance, {**account.lots, **{lot.lot_id: lot for lot in lots}})
    back += repay(before.balance, back)
    after = post(before, back)
    again = [posting for posting in postings if posting.from_account == "redeemed"]
    wanted = sum(posting.points for posting in again)
    first = {posting.lot_id for posting in again if posting.lot_id}
    taken = take(after, wanted, to="redeemed", first=first, most=True)
    owed = wanted - sum(posting.points for posting in taken)
    more = (Posting("debt", "redeemed", owed),) if owed else ()
    return Undone(Movement("return_void", occurred_at, (*back, *taken, *more)), lots)


def _what_comes_back(
    account: Account, postings: Sequence[Posting], spare: Lot, now: datetime, grace_ends: datetime
) -> tuple[tuple[Posting, ...], tuple[Lot, ...]]:
    back: list[Posting] = []
    lots: dict[UUID, Lot] = {}
    for posting in postings:
        if posting.to_account != "issued" or posting.lot_id is None:
            continue
        lot = account.lots[posting.lot_id]
        if lot.expires_at is not None and lot.expires_at <= now:
            lots[lot.lot_id] = replace(lot, expires_at=grace_ends)
        usable = lot.available_at is not None and lot.available_at <= now
        to = "available" if posting.from_account == "available" or usable else "pending"
        back.append(Posting("issued", to, posting.points, lot.lot_id))
    owed = sum(posting.points for posting in postings if posting.from_account == "debt")
    still = min(owed, account.balance.debt)
    if still:
        back.append(Posting("issued", "debt", still))
    if owed > still:
        lots[spare.lot_id] = replace(spare, points=owed - still)
        back.append(Posting("issued", "available", owed - still, spare.lot_id))
    return tuple(back), tuple(lots.values())


def own_lots(lots: Iterable[Lot], purchases: Collection[UUID]) -> list[Lot]:
    """The lots that came from these purchases."""
    return [lot for lot in lots if lot.source_type == "purchase" and lot.source_id in purchases]

"""What the model says of goods: what they earn, and what becomes of it when they come back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tests.model.ledger import NEVER, Ledger, Lot, Refused


@dataclass(eq=False)
class Sale:
    """One line of ``units``; each rule's share of the points comes back with them, rounded down."""

    shares: tuple[int, ...]
    units: int
    back: int = 0
    lapsed: int = 0
    void: bool = False
    returns: list[Return] = field(default_factory=list)


@dataclass(eq=False)
class Return:
    sale: Sale
    before: int
    taken: list[tuple[Lot, str, int]]
    owed: int
    lapsed: int
    void: bool = False


def earn(
    ledger: Ledger, sale: Sale, times: list[tuple[datetime, datetime]], *, at: datetime, now: datetime
) -> None:
    born: dict[tuple[datetime, datetime], Lot] = {}
    for share, (wakes, ends) in zip(sale.shares, times, strict=True):
        if not share:
            continue
        lot = born[wakes, ends] = born.get((wakes, ends)) or ledger.born(at, wakes, ends, sale)
        ledger.earned += share
        if wakes <= now:
            ledger.arrive(lot, share)
        else:
            lot.pending += share


def bring_back(ledger: Ledger, sale: Sale, units: int | None, *, reach: str) -> None:
    units = sale.units - sale.back if units is None else units
    if not 0 < units <= sale.units - sale.back:
        raise Refused("return_exceeds_purchase")
    before, sale.back = sale.back, sale.back + units
    points = left = sum(s * sale.back // sale.units - s * before // sale.units for s in sale.shares)
    own = [lot for lot in ledger.lots if lot.source is sale]
    taken: list[tuple[Lot, str, int]] = []
    for lot in own:
        part = min(left, lot.pending)
        lot.pending -= part
        left -= part
        taken += [(lot, "pending", part)] if part else []
    expired = max(0, min(sum(lot.lapsed for lot in own) - sale.lapsed, points))
    if reach != "pending_only":
        left -= _take(ledger, taken, min(left, sum(lot.available for lot in own)), own)
    lapsed = min(left, expired)
    left -= lapsed
    if reach != "pending_only":
        left -= _take(ledger, taken, left, [])
    owed = left if reach == "debt" else 0
    ledger.earned -= owed + sum(part for _, _, part in taken)
    ledger.debt += owed
    sale.lapsed += lapsed
    sale.returns.append(Return(sale, before, taken, owed, lapsed))


def _take(ledger: Ledger, taken: list[tuple[Lot, str, int]], points: int, first: list[Lot]) -> int:
    more = [(lot, "available", part) for lot, part in ledger.take(points, first=first)]
    taken += more
    return sum(part for _, _, part in more)


def void(ledger: Ledger, sale: Sale) -> None:
    if sale.void:
        raise Refused("already_voided")
    if sale.back < sale.units:
        bring_back(ledger, sale, None, reach="debt")
    sale.void = True


def undo(ledger: Ledger, back: Return, *, now: datetime, grace: datetime) -> None:
    if back.void:
        raise Refused("already_voided")
    sale = back.sale
    if sale.void or sale.returns[-1] is not back:
        raise Refused("return_built_upon")
    sale.returns.pop()
    sale.back, sale.lapsed, back.void = back.before, sale.lapsed - back.lapsed, True
    ends = max((lot.ends for lot, _, _ in back.taken), default=NEVER)
    still = min(back.owed, ledger.debt)
    ledger.debt -= still
    ledger.earned += back.owed + sum(part for _, _, part in back.taken)
    for lot, account, part in back.taken:
        lot.ends = grace if lot.ends <= now else lot.ends
        if account == "available" or lot.wakes <= now:
            ledger.arrive(lot, part)
        else:
            lot.pending += part
    if back.owed > still:
        ledger.arrive(ledger.born(now, now, max(ends, grace)), back.owed - still)

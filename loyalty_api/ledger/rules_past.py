"""An account as it was, from what every account had gained by then. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from loyalty_api.ledger.rules import Account, Balance, Lot

Change = tuple[UUID | None, str, int]
"""A lot or none, an account, and the points that it had gained."""


def account_of(changes: Iterable[Change], lots: Iterable[Lot]) -> Account:
    """The account that the changes add up to; ``lots`` are those they name, empty.

    Read by when things happened, points may have been taken before they came: a return that was heard of late took
    what was earned since. As of a moment between, that is owed: no lot and no account is shown below zero, and
    available + pending + held − debt is what the postings say.
    """
    sums: dict[str, int] = {}
    by_lot: dict[UUID, dict[str, int]] = {}
    for lot_id, account, points in changes:
        sums[account] = sums.get(account, 0) + points
        if lot_id is not None:
            by_lot.setdefault(lot_id, {})[account] = points
    there = {name: max(0, sums.get(name, 0)) for name in ("available", "pending", "held")}
    short = sum(there.values()) - sum(sums.get(name, 0) for name in there)
    debt = short - sums.get("debt", 0)
    balance = Balance(
        there["available"],
        there["pending"],
        there["held"],
        max(0, debt),
        earned=-sums.get("issued", 0),
        spent=sums.get("redeemed", 0),
        expired=sums.get("expired", 0),
        adjusted=-sums.get("adjusted", 0),
    )
    # What was repaid before it was owed lies with what is available.
    balance = replace(balance, available=balance.available + max(0, -debt))
    return Account(balance, {lot.lot_id: _remaining(lot, by_lot[lot.lot_id]) for lot in lots})


def _remaining(lot: Lot, sums: dict[str, int]) -> Lot:
    pending, available, held = (max(0, sums.get(name, 0)) for name in ("pending", "available", "held"))
    return replace(lot, pending=pending, available=available, held=held)

"""What the ledger keeps, as rows in the order of their tables."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from loyalty_api.ledger.rules import Balance, Hold, Lot


def lot_row(lot: Lot) -> tuple[Any, ...]:
    """A lot's columns after its member, in the order of the table."""
    return (
        lot.lot_id, lot.source_type, lot.source_id, lot.earned_at, lot.recorded_at, lot.available_at,
        lot.expires_at, lot.points, lot.pending, lot.available, lot.held, lot.sliding_months, lot.program_version,
        lot.awaits,
    )  # fmt: skip


def balance_row(balance: Balance) -> tuple[Any, ...]:
    """A balance's columns after its member, in the order of the table."""
    return (
        balance.available, balance.pending, balance.held, balance.debt, balance.earned, balance.spent,
        balance.expired, balance.adjusted, balance.next_due_at,
    )  # fmt: skip


def hold_rows(member_id: UUID, hold: Hold) -> list[tuple[Any, ...]]:
    """A hold's rows, one a lot, in the order of the table."""
    return [
        (member_id, hold.hold_id, n, lot_id, points, hold.expires_at)
        for n, (lot_id, points) in enumerate(hold.taken)
    ]

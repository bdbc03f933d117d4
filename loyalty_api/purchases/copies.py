"""Receipts that come more than once: each has one outcome, whoever sends it again."""

from __future__ import annotations

from collections.abc import Sequence

from loyalty_api.errors import Conflict, LoyaltyError, Unavailable
from loyalty_api.purchases import rules
from loyalty_api.purchases.desk import Reported
from loyalty_api.purchases.rated import Row
from loyalty_api.values import dataclass


class ReceiptMismatch(Conflict):
    """The same receipt came before with another content (R4)."""

    code, title, action = "receipt_mismatch", "This receipt was recorded with another content", "call_support"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one receipt: the purchase's row (``replayed``: it was there before), or why it is refused."""

    row: Row | None = None
    replayed: bool = False
    error: LoyaltyError | None = None


def copied(original: Reported, copy: Reported, outcome: Outcome) -> Outcome:
    """The outcome of a receipt that stood in the same batch before, under the same number."""
    if outcome.row is None:
        return outcome
    if copy.mark != original.mark:
        return Outcome(error=ReceiptMismatch("Another sale was recorded under this receipt's number."))
    return Outcome(row=outcome.row, replayed=True)


def first_of_each(reported: Sequence[Reported]) -> tuple[list[Reported], list[Reported]]:
    """Receipts apart from the copies of them within the same batch."""
    seen: dict[rules.ReceiptKey, Reported] = {}
    copies = [r for r in reported if seen.setdefault(r.key, r) is not r]
    return list(seen.values()), copies


def known(report: Reported, found: tuple[bytes, Row] | None) -> Outcome:
    """The first answer for a receipt that was recorded before, or the refusal of another one under its number."""
    if found is None:
        return Outcome(error=Unavailable("The first copy of this receipt was refused just now."))
    mark, row = found
    if mark != report.mark:
        return Outcome(error=ReceiptMismatch("Another sale was recorded under this receipt's number."))
    return Outcome(row=row, replayed=True)

"""What an invariant is, and the postings as changes: what all of them are made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """``checked`` counts what is looked at; ``broken`` brings (id, what is wrong with it) as two texts."""

    code: str
    rule: str
    checked: str
    broken: str


# Each posting twice, as what it does to either account: the base of every fold.
CHANGES = (
    "(SELECT member_id, journal_id, lot_id, from_account AS account, -points AS change FROM postings"
    " UNION ALL SELECT member_id, journal_id, lot_id, to_account, points FROM postings)"
)

"""What a correction takes and gives. Pure."""

from __future__ import annotations

from typing import ClassVar

from loyalty_api.errors import Action, Conflict
from loyalty_api.ledger import rules_spending
from loyalty_api.ledger.rules import Account, Posting

REASONS = (
    "goodwill", "missing_points", "wrong_member", "wrong_amount", "campaign", "transfer_from_other_program", "fraud",
    "other",
)  # fmt: skip


class AdjustmentsUsedUp(Conflict):
    """The client has made as many corrections as it may in a day."""

    code, title = "adjustments_used_up", "No more corrections for today"
    action: ClassVar[Action] = "call_support"


def taking(account: Account, points: int, *, may_owe: bool) -> tuple[Posting, ...]:
    """Take ``points`` away, first those that expire first; what is not there is owed, if that was asked for.

    :raises InsufficientPoints: fewer are available, and nothing may be owed.
    """
    postings = rules_spending.take(account, points, to="adjusted", most=may_owe)
    owed = points - sum([posting.points for posting in postings])
    return (*postings, Posting("debt", "adjusted", owed)) if owed else postings

"""What a return gives back of what rules have counted: caps of the purchase's own periods, and budgets (R22)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api.facts import service as facts
from loyalty_api.ledger.rules_returns import TakenBack
from loyalty_api.rating.rules_returns import claims_back, taken_back
from loyalty_api.returns.moving import Part
from loyalty_api.rulekit.decision import Claim


def count_back(
    session: Session, member_id: UUID, parts: Sequence[Part], taken: TakenBack
) -> list[list[Claim]]:
    """Count back what comes back of each purchase, and say what that was; the member is held.

    Points that the program lets the member keep stay counted, so that buying and returning does not open a cap anew.
    """
    found = [[*_back(part, taken), *part.gifts] for part in parts]
    facts.give_back(
        session, member_id=member_id, claims=_summed([claim for claims in found for claim in claims])
    )
    return found


def count_again(session: Session, member_id: UUID, claims: Sequence[Claim]) -> None:
    """What a return had counted back stands again, because the return is undone."""
    facts.give_back(
        session, member_id=member_id, claims=[replace(claim, amount=-claim.amount) for claim in claims]
    )


def _back(part: Part, taken: TakenBack) -> Sequence[Claim]:
    bought, after = part.opened.bought, part.back.after or {}
    claims = claims_back(bought.decision, bought.before, after, whole=part.back.whole)
    if part.opened.book is None:
        return [claim for claim in claims if claim.kind == "limit"]  # There is no member to count for.
    if not taken.kept:
        return claims
    whole = taken.points + taken.kept
    discounts = taken_back(bought.decision, bought.before, after, whole=part.back.whole)
    shares = [
        replace(claim, amount=claim.amount * taken.points // whole)
        for claim in claims
        if ":times:" not in claim.key and claim not in discounts
    ]
    return [*[claim for claim in shares if claim.amount], *discounts]


def _summed(claims: Sequence[Claim]) -> list[Claim]:
    """One claim a key: purchases of one day may share it."""
    sums: dict[tuple[str, str], int] = {}
    for claim in claims:
        place = (claim.kind, claim.key)
        sums[place] = sums.get(place, 0) + claim.amount
    return [Claim(kind, key, amount) for (kind, key), amount in sums.items()]

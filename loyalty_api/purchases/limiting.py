"""Rating where rules count: what they need is read with the members, and what they claim is taken and written.

A purchase takes of a budget by an UPDATE that is refused when there is not enough left: then it is rated again with
what is left, so it always ends. Many purchases at once hold the budgets they may need from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.facts import service as facts_service
from loyalty_api.facts.service import Counted
from loyalty_api.purchases.counting import Visits, facts_with_tier, same_visit, with_benefits
from loyalty_api.purchases.drawing import Chances, unchanged
from loyalty_api.purchases.queries import Also, MemberRow
from loyalty_api.purchases.remembering import LAST, Recorded, remembered
from loyalty_api.rating.rules import NOTHING, Program, advance, evaluate, without_gifts
from loyalty_api.rating.rules_returns import claims_back, progress_from
from loyalty_api.rows import write
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Claim, Decision
from loyalty_api.rulekit.facts import Facts
from loyalty_api.tiers.service import TierBook
from loyalty_api.vault import Vault


def reading(asked: Iterable[tuple[Program | None, datetime]]) -> list[Also]:
    """What to read with the members for purchases at these moments under these programs; nothing where none counts."""
    needs = NOTHING
    for program, at in asked:
        if program is not None and program.counting:
            needs |= program.needs(at)
    return [(facts_service.READ, facts_service.needed(needs))] if needs else []


def decide(
    connection: Connection[TupleRow],
    counted: Counted,
    basket: Basket,
    facts: Facts,
    program: Program,
    at: datetime,
    *,
    tier: TierBook | None,
    member_id: UUID | None,
    purchase_id: UUID,
    recorded: Sequence[Recorded] = (),
    seen: Visits | None = None,
    chances: Chances = unchanged,
) -> tuple[Facts, Decision]:
    """Rate a purchase and let what it claims stand: the facts it was rated with, and the decision.

    ``recorded`` are the member's purchases of this transaction, and ``seen`` those of them that counted. ``chances``
    adds the draws that the member has, whose odds follow what is left of the limits.
    """
    again = _again(connection, program, tier, member_id, purchase_id, basket, at, seen or [])
    if member_id is None or program.plain:
        known = with_benefits(facts, tier, basket=basket, program=program, at=at, again=again)
        known = chances(known)
        return known, evaluate(basket, known, program, at)
    past = remembered(
        connection, basket, program, at, member_id=member_id, purchase_id=purchase_id, recorded=recorded
    )
    needs, budgets = program.needs(at), program.budgets(at)
    while True:
        known = counted.facts(facts, member_id=member_id, needs=needs, budgets=budgets, past=past)
        known = with_benefits(known, tier, basket=basket, program=program, at=at, again=again)
        known = chances(known)
        decision = evaluate(basket, known, program, at)
        if counted.take(connection, decision.claims, budgets):
            break
    counted.count(member_id, decision.claims, advance(known, basket, decision), budgets)
    return known, decision


def look(
    connection: Connection[TupleRow],
    counted: Counted,
    basket: Basket,
    facts: Facts,
    program: Program,
    at: datetime,
    *,
    tier: TierBook | None,
    member_id: UUID | None,
) -> Facts:
    """The facts for a quote, which takes nothing."""
    again = _again(connection, program, tier, member_id, LAST, basket, at, [])
    if member_id is None or program.plain:
        return with_benefits(facts, tier, basket=basket, program=program, at=at, again=again)
    past = remembered(connection, basket, program, at, member_id=member_id, purchase_id=LAST)
    needs = program.needs(at)
    known = counted.facts(facts, member_id=member_id, needs=needs, budgets=program.budgets(at), past=past)
    return with_benefits(known, tier, basket=basket, program=program, at=at, again=again)


def _again(
    connection: Connection[TupleRow],
    program: Program,
    tier: TierBook | None,
    member_id: UUID | None,
    purchase_id: UUID,
    basket: Basket,
    at: datetime,
    seen: Visits,
) -> bool:
    """Whether a purchase belongs to a visit that has counted; asked only where its benefits may hang on that."""
    policy = program.tiers
    if tier is None or member_id is None or policy is None or policy.metric != "visits":
        return False
    return policy.this_purchase and same_visit(
        connection,
        program,
        member_id=member_id,
        purchase_id=purchase_id,
        store=basket.store,
        at=at,
        seen=seen,
    )


def decide_later(
    session: Session,
    basket: Basket,
    program: Program | None,
    at: datetime,
    *,
    member: MemberRow,
    tier: TierBook | None,
    purchase_id: UUID,
    vault: Vault,
) -> tuple[Facts, Decision | None]:
    """Rate a purchase that finds its member, or is reviewed, now, and write what it claims: points only (R25).

    The caller holds the member.
    """
    connection, member_id = driver(session), member.member_id
    facts = facts_with_tier(
        connection, member, tier, program=program, at=at if program else None, vault=vault
    )
    if program is None:
        return facts, None
    program = without_gifts(program)
    counted = facts_service.open_for(session, member_id=member_id, needs=program.needs(at))
    facts, decision = decide(
        connection, counted, basket, facts, program, at,
        tier=tier, member_id=member_id, purchase_id=purchase_id,
    )  # fmt: skip
    write(connection, counted.rows())
    return facts, decision


def give_back_returned(session: Session, row: dict[str, Any], decision: Decision | None) -> None:
    """Count back what a purchase claims only now for lines that were returned before."""
    returned = row["outcome"].get("returned")
    if not returned or decision is None:
        return
    claims = claims_back(
        decision, {}, progress_from(returned["lines"]), whole=returned["status"] == "returned"
    )
    facts_service.give_back(session, member_id=row["member_id"], claims=claims)
    row["outcome"]["returned"] = {**returned, "counted": stored(claims)}


def stored(claims: Iterable[Claim]) -> list[list[Any]]:
    """Claims as they are kept with a purchase and a return."""
    return [[claim.kind, claim.key, claim.amount] for claim in claims]


def claims_in(document: Iterable[Any]) -> list[Claim]:
    """The claims that ``stored`` wrote."""
    return [Claim(*claim) for claim in document]


def together(earlier: Iterable[Any], more: Iterable[Claim], *, sign: int = 1) -> list[list[Any]]:
    """Stored claims with more of them added, or taken away; none that are zero."""
    sums: dict[tuple[str, str], int] = {(kind, key): amount for kind, key, amount in earlier}
    for claim in more:
        place = (claim.kind, claim.key)
        sums[place] = sums.get(place, 0) + sign * claim.amount
    return [[kind, key, amount] for (kind, key), amount in sorted(sums.items()) if amount]


def exhausted(decision: Decision | None) -> list[dict[str, Any]]:
    """The discrepancy that says which budgets ran short (R1); none when there was enough."""
    short = (
        [reason.rule for reason in decision.reasons if reason.code == "budget_exhausted"] if decision else []
    )
    return [{"code": "budget_exhausted", "rules": short}] if short else []


def hold_budgets(
    connection: Connection[TupleRow], counted: Counted, asked: Iterable[tuple[Program | None, datetime]]
) -> None:
    """Hold the budgets of several purchases' programs then; each as large as the largest version has it."""
    most: dict[str, int] = {}
    for program, at in asked:
        for key, budget in (program.budgets(at) if program else {}).items():
            most[key] = max(budget, most.get(key, 0))
    if most:
        counted.hold(connection, most)

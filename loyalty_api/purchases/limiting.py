"""Rating where rules count: what they need is read with the members, and what they claim is taken and written.

A purchase takes of a budget by an UPDATE that is refused when there is not enough left: then it is rated again with
what is left, so it always ends. Many purchases at once hold the budgets they may need from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from loyalty_api.purchases.exhausting import tell_used_up
from loyalty_api.purchases.queries import Also, MemberRow
from loyalty_api.purchases.queries_reservations import Reservation
from loyalty_api.purchases.remembering import LAST, Recorded, remembered
from loyalty_api.purchases.rules import Discrepancy
from loyalty_api.rating.rules import advance, evaluate
from loyalty_api.rating.rules_limits import limits_on
from loyalty_api.rating.rules_program import NOTHING, Program, without_gifts
from loyalty_api.rating.rules_returns import claims_back, progress_from
from loyalty_api.rows import write
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Claim, Decision
from loyalty_api.rulekit.facts import Facts
from loyalty_api.tiers.service import TierBook
from loyalty_api.vault import Vault

Charge = Callable[[Facts, Decision], tuple[Decision, list[Discrepancy]]]
"""Adds to a decision what the till charged, and says where that is not our price."""


def reading(asked: Iterable[tuple[Program | None, datetime, str]], now: datetime) -> list[Also]:
    """What to read with the members for purchases at these moments in these stores under these programs.

    Nothing where none counts.
    """
    needs = NOTHING
    for program, at, store in asked:
        if program is not None and (program.counting or program.limited):
            needs |= program.needs(at) | limits_on(program, at, store)[0]
    return [(facts_service.READ, facts_service.needed(needs, now))] if needs else []


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
    charge: Charge,
    now: datetime,
    recorded: Sequence[Recorded] = (),
    seen: Visits | None = None,
    chances: Chances = unchanged,
    covers: Callable[[Decision], bool] | None = None,
) -> tuple[Facts, Decision, list[Discrepancy]]:
    """Rate a purchase and let what it claims stand: the facts it was rated with, the decision, and what is odd.

    ``recorded`` are the member's purchases of this transaction, and ``seen`` those of them that counted. ``charge``
    adds what the till charged, each time that it is rated, and ``chances`` the draws that the member has, whose odds
    follow what is left of the limits. Rewards that are given lie between the member and the limits: ``covers`` says
    whether there are enough, and when not ``chances`` knows which.
    """
    again = _again(connection, program, tier, member_id, purchase_id, basket, at, seen or [])
    asking = _Asking(program, basket, at, member_id)
    if not asking.counts and covers is None:
        known = with_benefits(facts, tier, basket=basket, program=program, at=at, again=again)
        known = chances(known)
        return known, *charge(known, evaluate(basket, known, program, at))
    past = asking.past(connection, purchase_id, recorded)
    while True:
        known = asking.facts(counted, facts, past)
        known = with_benefits(known, tier, basket=basket, program=program, at=at, again=again)
        known = chances(known)
        decision, odd = charge(known, evaluate(basket, known, program, at))
        if covers is not None and not covers(decision):
            continue
        if counted.take(connection, decision.all_claims, asking.budgets, now=now):
            break
    counted.count(member_id, decision.all_claims, advance(known, basket, decision), asking.budgets)
    return known, decision, odd


class _Asking:
    """What one basket needs to know of what was counted, of its member and of all."""

    def __init__(self, program: Program, basket: Basket, at: datetime, member_id: UUID | None) -> None:
        self.program, self.basket, self.at, self.member_id = program, basket, at, member_id
        self.earns = member_id is not None and not program.plain
        self.counts = self.earns or program.limited
        self.needs, self.budgets = limits_on(program, at, basket.store, basket=basket)
        if self.earns:
            self.needs, self.budgets = self.needs | program.needs(at), {**self.budgets, **program.budgets(at)}

    def past(
        self, connection: Connection[TupleRow], purchase_id: UUID, recorded: Sequence[Recorded] = ()
    ) -> dict[str, int]:
        """What the member bought before, where rules remember it."""
        if self.member_id is None or not self.earns:
            return {}
        return remembered(
            connection, self.basket, self.program, self.at, member_id=self.member_id, purchase_id=purchase_id,
            recorded=recorded,
        )  # fmt: skip

    def facts(self, counted: Counted, facts: Facts, past: Mapping[str, int]) -> Facts:
        """The facts with counters and what remains of limits."""
        return counted.facts(
            facts, member_id=self.member_id, needs=self.needs, budgets=self.budgets, past=past
        )


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
    asking = _Asking(program, basket, at, member_id)
    if asking.counts:
        facts = asking.facts(counted, facts, asking.past(connection, LAST))
    return with_benefits(facts, tier, basket=basket, program=program, at=at, again=again)


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
    now: datetime,
    charge: Charge = lambda _known, decision: (decision, []),
) -> tuple[Facts, Decision | None, list[Discrepancy]]:
    """Rate a purchase that finds its member, or is reviewed, now, and write what it claims: no gifts (R25).

    The caller holds the member. Without ``charge`` it is for points only: what discounts claim stands already.
    """
    connection, member_id = driver(session), member.member_id
    facts = facts_with_tier(
        connection, member, tier, program=program, at=at if program else None, vault=vault
    )
    if program is None:
        return facts, None, []
    program = without_gifts(program)
    needs = program.needs(at) | limits_on(program, at, basket.store, basket=basket)[0]
    counted = facts_service.open_for(session, member_id=member_id, needs=needs, now=now)
    facts, decision, odd = decide(
        connection, counted, basket, facts, program, at,
        tier=tier, member_id=member_id, purchase_id=purchase_id, charge=charge, now=now,
    )  # fmt: skip
    write(connection, counted.rows())
    tell_used_up(session, counted, member_id=member_id, purchase_id=purchase_id, at=at, now=now)
    return facts, decision, odd


def give_back_returned(session: Session, row: dict[str, Any], decision: Decision | None) -> None:
    """Count back what a purchase claims only now for lines that were returned before."""
    returned = row["outcome"].get("returned")
    if not returned or decision is None:
        return
    claims = claims_back(
        decision, {}, progress_from(returned["lines"]), whole=returned["status"] == "returned"
    )
    facts_service.give_back(session, member_id=row["member_id"], claims=claims)
    row["outcome"]["returned"] = {**returned, "counted": together(returned.get("counted", ()), claims)}


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


def open_counted(
    connection: Connection[TupleRow],
    rows: Sequence[TupleRow],
    asked: Sequence[tuple[Program | None, datetime, str]],
    *,
    reserved: Sequence[Reservation],
    now: datetime,
) -> Counted:
    """What was read of counters and limits.

    Where several purchases are ``asked`` for, or something is ``reserved`` for one, the budgets that they may take of
    are held, each as large as the largest version has it, and what was reserved is there to be taken and counted.
    """
    counted = facts_service.counted(rows)
    keys = [kept["key"] for one in reserved for kept in one.budgets]
    if len(asked) < 2 and not reserved:
        return counted
    most: dict[str, int] = dict.fromkeys(keys, 0)
    for program, at, store in asked:
        budgets = {**program.budgets(at), **limits_on(program, at, store)[1]} if program else {}
        for key, budget in budgets.items():
            most[key] = max(budget, most.get(key, 0))
    if most:
        counted.hold(connection, most, now=now)
    if reserved:
        counted.free(connection, [one.reservation_id for one in reserved])
    return counted

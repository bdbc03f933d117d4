"""What a purchase tells tiers, and what tiers tell the rules of its member."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.ledger.service import Book
from loyalty_api.purchases.booking import facts_of
from loyalty_api.purchases.queries import Also, MemberRow
from loyalty_api.rating.rules import Program, evaluate
from loyalty_api.rating.rules_counted import counted, sold
from loyalty_api.rating.rules_returns import Sold, progress_from
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Facts
from loyalty_api.tiers.service import READ, By, Counted, TierBook, Timeline

Row = dict[str, Any]


def levels_too(through: Timeline) -> list[Also]:
    """What to read with the members for their levels, behind everything else; nothing where no program has levels."""
    return [(READ, [])] if through else []


def parted(
    also: Sequence[Sequence[TupleRow]], through: Timeline
) -> tuple[list[TupleRow], Sequence[TupleRow]]:
    """What was read for counters, and what was read for levels."""
    counting, levels = (also[:-1], also[-1]) if through and also else (also, ())
    return [row for rows in counting for row in rows], levels


def facts_with_tier(
    connection: Connection[TupleRow],
    member: MemberRow | None,
    tier: TierBook | None,
    *,
    program: Program | None,
    at: datetime | None,
    asks: frozenset[str] | None = None,
) -> Facts:
    """What the rules are told of the member: with the level it held at the purchase's own time (R52).

    ``asks`` as in ``facts_of``.
    """
    facts = facts_of(member, program, at, asks)
    if tier is None or at is None or facts.member is None or program is None or program.tiers is None:
        return facts
    return replace(facts, member=replace(facts.member, tier=tier.level_at(connection, at)))


def with_benefits(
    facts: Facts, tier: TierBook | None, *, basket: Basket, program: Program, at: datetime
) -> Facts:
    """The facts with the level that the purchase reaches, where benefits begin with this purchase."""
    policy, member = program.tiers, facts.member
    if tier is None or member is None or policy is None:
        return facts
    if not policy.this_purchase or member.tier != tier.state.shown:
        return facts
    amounts = counted(evaluate(basket, facts, program, at), sold(basket))
    reached = tier.reached_with(Counted(tier.day_of(at), amounts))
    return replace(facts, member=replace(member, tier=reached))


def count(
    row: Row,
    tier: TierBook | None,
    book: Book,
    decision: Decision | None,
    lines: Iterable[Sold],
    *,
    by: tuple[str, str | None],
) -> None:
    """Count a purchase towards the member's level, and keep in ``row`` what counted and what its answer says.

    What has come back of it before is left out. The book is told that something else of its member has changed.
    """
    if tier is None:
        return
    before = tier.state.shown
    returned: Mapping[str, Any] = row["outcome"].get("returned", {})
    amounts = counted(decision, lines, progress_from(returned.get("lines", {})))
    if amounts.visits:
        day = tier.day_of(min(row["occurred_at"], row["recorded_at"]))
        told = Counted(day, amounts)
        tier.add_progress(told, by=By(*by, cause_id=row["purchase_id"]))
        row["outcome"]["counted"] = told.stored()
    row["outcome"]["tier"] = tier.shown(before=before)
    book.touched = book.touched or tier.changed

"""What a purchase tells tiers, and what tiers tell the rules of its member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.ledger.service import Book
from loyalty_api.members.service import birth_date
from loyalty_api.purchases.booking import facts_of
from loyalty_api.purchases.desk import Who
from loyalty_api.purchases.queries import Also, MemberRow
from loyalty_api.purchases.queries_history import visited
from loyalty_api.rating.rules import evaluate
from loyalty_api.rating.rules_counted import counted
from loyalty_api.rating.rules_program import Program
from loyalty_api.rating.rules_returns import progress_from
from loyalty_api.rows import write
from loyalty_api.rulekit import birthdays
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.days import local_day
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Facts
from loyalty_api.tiers.service import READ, By, Counted, TierBook, Timeline, counted_rows
from loyalty_api.vault import Vault

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
    vault: Vault,
    asks: frozenset[str] | None = None,
) -> Facts:
    """What the rules are told of the member: with the level it held at the purchase's own time (R52).

    ``asks`` as in ``facts_of``. ``vault`` opens the day of birth, where a condition asks for a birthday or the terms of
    chances for an age.
    """
    facts = facts_of(member, program, at, asks)
    if facts.member and member and program and at:
        wanted = birthdays.asked(program.earning.asks if asks is None else asks)
        days = _birthdays(connection, vault, member.member_id, wanted, local_day(at, program.settings.zone))
        attributes = {**facts.member.attributes, **days}
        facts = replace(facts, member=replace(facts.member, attributes=attributes)) if days else facts
    if tier is None or at is None or facts.member is None or program is None or program.tiers is None:
        return facts
    return replace(facts, member=replace(facts.member, tier=tier.level_at(connection, at)))


def _birthdays(
    connection: Connection[TupleRow], vault: Vault, member_id: UUID, asked: Sequence[str], day: date
) -> dict[str, bool]:
    """Which of the windows and ages that are asked for hold: nothing else of the day of birth leaves here."""
    born = birth_date(connection, vault=vault, member_id=member_id) if asked else None
    return {key: birthdays.holds(key, born=born, day=day) for key in asked} if born else {}


Visits = list[tuple[datetime, str]]
"""When and where purchases of a member counted in this transaction."""


def same_visit(
    connection: Connection[TupleRow],
    program: Program,
    *,
    member_id: UUID,
    purchase_id: UUID,
    store: str,
    at: datetime,
    seen: Visits,
) -> bool:
    """Whether another purchase of the member in the store is so near that both are one visit (R19)."""
    gap = timedelta(minutes=program.earning.visit_gap)
    if not gap:
        return False
    if any(where == store and abs(when - at) < gap for when, where in seen):
        return True
    return visited(
        connection, member_id=member_id, store=store, after=at - gap, before=at + gap, purchase_id=purchase_id
    )


def with_benefits(
    facts: Facts,
    tier: TierBook | None,
    *,
    basket: Basket,
    program: Program,
    at: datetime,
    again: bool = False,
) -> Facts:
    """The facts with the level that the purchase reaches, where benefits begin with this purchase.

    ``again``: it belongs to a visit that has counted.
    """
    policy, member = program.tiers, facts.member
    if tier is None or member is None or policy is None:
        return facts
    if not policy.this_purchase or member.tier != tier.state.shown:
        return facts
    amounts = counted(evaluate(basket, facts, program, at), basket.lines)
    amounts = replace(amounts, visits=0) if again else amounts
    reached = tier.reached_with(Counted(tier.day_of(at), amounts))
    return replace(facts, member=replace(member, tier=reached))


def count(
    connection: Connection[TupleRow],
    row: Row,
    tier: TierBook | None,
    book: Book,
    decision: Decision | None,
    basket: Basket,
    *,
    program: Program | None,
    by: tuple[str, str | None],
    seen: Visits | None = None,
) -> list[tuple[UUID, Counted]]:
    """Count a purchase towards the member's level, and keep in ``row`` what counted and what its answer says.

    What has come back of it before is left out. The book is told that something else of its member has changed. What
    is given back is to be written by ``tiers.counted_rows``: what counts where there are no levels yet.
    """
    before = tier.state.shown if tier else None
    told = _told(connection, row, tier, decision, basket, program, [] if seen is None else seen)
    if told is not None:
        row["outcome"]["counted"] = told.stored()
    if tier is None:
        return [(row["member_id"], told)] if told else []
    if told is not None:
        tier.add_progress(told, by=By(*by, cause_id=row["purchase_id"]))
    row["outcome"]["tier"] = tier.shown(before=before)
    book.touched = book.touched or tier.changed
    return []


def count_now(
    connection: Connection[TupleRow],
    row: Row,
    tier: TierBook | None,
    book: Book,
    decision: Decision | None,
    basket: Basket,
    *,
    program: Program | None,
    who: Who,
    now: datetime,
) -> None:
    """The same for a purchase that is rated by itself; what counts where there are no levels is written at once."""
    by = (who.kind, who.client_id)
    told = count(connection, row, tier, book, decision, basket, program=program, by=by)
    write(connection, counted_rows(told, now=now))


def _told(
    connection: Connection[TupleRow],
    row: Row,
    tier: TierBook | None,
    decision: Decision | None,
    basket: Basket,
    program: Program | None,
    seen: Visits,
) -> Counted | None:
    """How much of a purchase counts, and on which day; None when nothing does."""
    returned: Mapping[str, Any] = row["outcome"].get("returned", {})
    amounts = counted(decision, basket.lines, progress_from(returned.get("lines", {})))
    if program is None or not amounts.visits:
        return None
    at = min(row["occurred_at"], row["recorded_at"])
    if same_visit(
        connection, program, member_id=row["member_id"], purchase_id=row["purchase_id"], store=basket.store,
        at=at, seen=seen,
    ):  # fmt: skip
        amounts = replace(amounts, visits=0)
    seen.append((at, basket.store))
    return Counted(tier.day_of(at) if tier else local_day(at, program.settings.zone), amounts)

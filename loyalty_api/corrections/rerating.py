"""A member's purchases of a window rated once more, from the facts at its start (``rating.rules_folding``).

A level is the one that was held at the time, as with every late receipt (R52). A purchase that the correction has seen
before keeps what it decided then, and nobody has rated those without a decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api import ids
from loyalty_api.corrections import queries
from loyalty_api.corrections.rules import steps_of
from loyalty_api.purchases.booking import basket_document, facts_of
from loyalty_api.purchases.queries import MemberRow
from loyalty_api.rating.rules_folding import Bought, Earlier, Event, Folding, Returned, Start
from loyalty_api.rating.rules_program import Program
from loyalty_api.rating.rules_returns import ALL, Progress, gifts_stay, progress_from
from loyalty_api.rating.rules_versions import Versions
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.decision import Decision
from loyalty_api.rulekit.facts import Facts, Member
from loyalty_api.rulekit.stored import decision_from_json, facts_from_json
from loyalty_api.rulekit.stored_baskets import basket_from_json

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """A purchase of the window as it is kept; ``seen`` by the same correction before."""

    row: Row
    basket: Basket
    decision: Decision | None
    back: Mapping[str, Progress]
    seen: bool

    @property
    def purchase_id(self) -> UUID:
        """The purchase's id."""
        found: UUID = self.row["purchase_id"]
        return found

    @property
    def at(self) -> datetime:
        """When it is rated: when it happened, or when it was recorded where a till's clock ran ahead."""
        found: datetime = self.decision.at if self.decision else self.row["occurred_at"]
        return found


@dataclass(frozen=True, slots=True)
class Rerated:
    """What a purchase is decided to earn by the corrected rules, and the facts it was rated with."""

    held: Held
    facts: Facts
    decision: Decision


def held_in(connection: Connection[TupleRow], window: Mapping[str, Any], member_id: UUID) -> list[Held]:
    """The member's purchases of the window."""
    found = queries.bought(connection, window, member_id)
    lines = queries.lines_of(connection, member_id, [row["purchase_id"] for row, _ in found])
    return [_held(row, lines[row["purchase_id"]], seen) for row, seen in found]


def _held(row: Row, lines: list[Row], seen: bool) -> Held:
    decision = decision_from_json(row["decision"]) if row["decision"] else None
    back = progress_from(row["outcome"].get("returned", {}).get("lines", {}))
    return Held(row, basket_from_json(basket_document(row, lines)), decision, back, seen)


def rerate(
    connection: Connection[TupleRow],
    window: Mapping[str, Any],
    held: Sequence[Held],
    *,
    member: MemberRow,
    program: Program,
    rules_at: Callable[[datetime], Program],
    taken: Mapping[str, int],
) -> list[Rerated]:
    """What each purchase that this correction has not seen is decided to earn under ``program``.

    ``rules_at`` gives it without the rules that were paused at a moment: a pause holds for its time, however late.

    ``taken`` is what everybody has taken of the budgets, but for these purchases.
    """
    member_id = member.member_id
    counters = queries.counted_before(connection, window, member_id) if program.counting else {}
    start = Start(counters, _earlier(connection, member_id, window["starts_at"], program))
    folding = Folding(start, _Corrected(program, rules_at, taken), at=window["starts_at"])
    by_id = {one.purchase_id: one for one in held}
    found = []
    for event in _events(connection, held, member, program):
        if isinstance(event, Returned):
            folding.bring_back(event)
            continue
        facts = folding.facts(event, rules_at(event.at))
        decision = folding.buy(event)
        if event.decided is None and decision is not None:
            held_one = by_id[event.purchase_id]
            found.append(Rerated(held_one, facts, gifts_stay(decision, held_one.decision)))
    return found


class _Corrected(Versions):
    """One version for all of a window, as it is with the pauses of each moment."""

    def __init__(
        self, program: Program, rules_at: Callable[[datetime], Program], taken: Mapping[str, int]
    ) -> None:
        super().__init__([(datetime.min.replace(tzinfo=UTC), program)], taken=taken)
        self._rules_at = rules_at

    def at(self, at: datetime) -> Program | None:
        """The version without what was paused then."""
        return self._rules_at(at)


def _earlier(
    connection: Connection[TupleRow], member_id: UUID, before: datetime, program: Program
) -> list[Earlier]:
    """What was bought before the window, where the rules remember it."""
    if not program.earning.past:
        return []
    rows = queries.earlier(connection, member_id, before=before)
    lines = queries.lines_of(connection, member_id, [row["purchase_id"] for row in rows])
    return [
        Earlier(
            row["occurred_at"],
            row["purchase_id"],
            basket_from_json(basket_document(row, lines[row["purchase_id"]])),
        )
        for row in rows
    ]


def _events(
    connection: Connection[TupleRow], held: Sequence[Held], member: MemberRow, program: Program
) -> list[Event]:
    """Purchases and returns in the order of their moments and ids."""
    events: list[Event] = [_bought(one, member, program) for one in held]
    if any(one.back for one in held):
        events += _returns(connection, held, member.member_id)
    return sorted(events, key=_place)


def _place(event: Event) -> tuple[datetime, bool, UUID]:
    if isinstance(event, Returned):
        return event.at, True, event.return_id
    return event.at, False, event.purchase_id


def _bought(one: Held, member: MemberRow, program: Program) -> Bought:
    stored = facts_from_json(one.row["facts"]).member if one.row["facts"] else None
    decided = one.decision if one.seen else None
    if one.decision is None:
        decided = Decision(program.version, one.at)
    return Bought(one.purchase_id, one.at, one.basket, _told(stored, member, program, one.at), decided)


def _told(stored: Member | None, member: MemberRow, program: Program, at: datetime) -> Member | None:
    """What the rules were told of the member then, and of what only these rules ask what is known today."""
    asked = facts_of(member, program, at).member
    if stored is None or asked is None:
        return stored
    return replace(stored, attributes={**asked.attributes, **stored.attributes})


def _returns(connection: Connection[TupleRow], held: Sequence[Held], member_id: UUID) -> list[Returned]:
    """What came back of the purchases, return by return; what no return says for itself came back at once."""
    made: dict[UUID, list[tuple[UUID, datetime, dict[str, Progress]]]] = {}
    for return_id, at, parts in queries.returns_of(connection, member_id):
        for part in parts:
            purchase_id = ids.read("pur", part["purchase_id"])
            if purchase_id is not None:
                before = {line_id: progress_from({line_id: stored})[line_id] if stored else Progress()
                          for line_id, stored in part["lines"].items()}  # fmt: skip
                made.setdefault(purchase_id, []).append((return_id, at, before))
    return [one for bought in held if bought.back for one in _steps(bought, made.get(bought.purchase_id, []))]


def _steps(bought: Held, made: Sequence[tuple[UUID, datetime, Mapping[str, Progress]]]) -> list[Returned]:
    *afters, at_once = steps_of(bought.back, [before for _, _, before in made])
    found = []
    if at_once:
        found.append(Returned(bought.purchase_id, bought.purchase_id, bought.at, at_once))
    back: dict[str, Progress] = dict(at_once)
    lines = {line.line_id for line in bought.basket.lines}
    for (return_id, at, _), after in zip(made, afters, strict=True):
        back |= after
        whole = all(back.get(line_id, Progress()).part == ALL for line_id in lines)
        found.append(Returned(return_id, bought.purchase_id, max(at, bought.at), after, whole))
    return found

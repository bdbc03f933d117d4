"""Facts that rules count: read once, counted on within a transaction, written at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.facts import queries, queries_purging
from loyalty_api.facts.queries import COUNTERS, GIVEN_BACK, LIMITS, READ, needed
from loyalty_api.facts.queries_purging import forgotten
from loyalty_api.rows import Rows, Table, write
from loyalty_api.rulekit.decision import Claim
from loyalty_api.rulekit.facts import Facts, Needs

__all__ = [
    "COUNTERS", "LIMITS", "READ", "Counted", "counted", "forget_counters", "forget_limits", "forgotten",
    "give_back", "needed", "note_forgotten", "open_for", "return_held", "set_aside", "standing",
]  # fmt: skip

_SAVEPOINT = "limits"
Place = tuple[UUID, str]
START: Place = (UUID(int=0), "")


@dataclass(slots=True)
class Counted:
    """Counters by member and what is taken of limits: as they were read, and as this transaction counts on.

    ``held`` says that the rows of the limits are ours until the transaction ends, so that nothing can be refused.
    ``reached`` are the limits of which the last was taken, with their size.
    """

    counters: dict[UUID, dict[str, int]] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    held: bool = False
    reached: dict[str, int] = field(default_factory=dict)
    _to_count: dict[tuple[UUID, str], int] = field(default_factory=dict)
    _to_take: dict[str, int] = field(default_factory=dict)

    def facts(
        self,
        facts: Facts,
        *,
        member_id: UUID | None,
        needs: Needs,
        budgets: Mapping[str, int],
        past: Mapping[str, int],
    ) -> Facts:
        """The facts with the counters and what remains of the limits that rating asks for, and with the ``past``."""
        known = self.counters.get(member_id, {}) if member_id else {}
        counters = {key: known[key] for key in sorted(needs.counters) if known.get(key)}
        limits = {key: max(0, budgets[key] - self.taken.get(key, 0)) for key in sorted(needs.limits)}
        return replace(facts, counters={**counters, **past}, limits=limits)

    def hold(
        self, connection: Connection[TupleRow], budgets: Mapping[str, int], *, now: datetime | None = None
    ) -> None:
        """Lock the limits, for a transaction in which several purchases take of them in no order.

        What had ended by ``now`` of what reservations hold comes back before.
        """
        if now is not None:
            return_ended(connection, list(budgets), now)
        self.taken |= dict(queries.hold(connection, budgets))
        self.held = True

    def free(self, connection: Connection[TupleRow], reservation_ids: Sequence[UUID]) -> None:
        """What reservations hold of limits that are held here is there to be taken, and counts for no member."""
        for (member_id, key), amount in queries.let_go(connection, reservation_ids).items():
            if member_id is None:
                self.taken[key] = self.taken.get(key, 0) - amount
                self._to_take[key] = self._to_take.get(key, 0) - amount
            elif key in (known := self.counters.get(member_id, {})):
                known[key] -= amount

    def take(
        self,
        connection: Connection[TupleRow],
        claims: Iterable[Claim],
        budgets: Mapping[str, int],
        *,
        now: datetime | None = None,
    ) -> bool:
        """Take what claims ask of limits, all of it or nothing. Refused, what is taken of them is known anew.

        What had ended by ``now`` of what reservations hold has come back then.
        """
        wanted = {claim.key: claim.amount for claim in claims if claim.kind == "limit"}
        if not wanted or self.held:
            return True
        connection.execute(f"SAVEPOINT {_SAVEPOINT}")
        taken = queries.take(connection, wanted, budgets)
        if taken.keys() == wanted.keys():
            self.reached |= {key: budgets[key] for key, every in taken.items() if every >= budgets[key]}
            return True
        connection.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        if now is not None:
            return_ended(connection, list(wanted), now)
        self.taken |= queries.taken_of(connection, list(wanted))
        return False

    def count(
        self, member_id: UUID | None, claims: Iterable[Claim], after: Facts, budgets: Mapping[str, int]
    ) -> None:
        """Go on from the facts ``after`` a decision whose claims stand."""
        known = self.counters.setdefault(member_id, {}) if member_id else {}
        for claim in claims:
            if claim.kind == "counter" and member_id:
                place = (member_id, claim.key)
                known[claim.key] = after.counters[claim.key]
                self._to_count[place] = self._to_count.get(place, 0) + claim.amount
            elif claim.kind == "limit":
                self.taken[claim.key] = budgets[claim.key] - after.limits[claim.key]
                if self.held:
                    self._to_take[claim.key] = self._to_take.get(claim.key, 0) + claim.amount
                    if self.taken[claim.key] >= budgets[claim.key]:
                        self.reached[claim.key] = budgets[claim.key]

    def newly_used_up(self, connection: Connection[TupleRow]) -> dict[str, int]:
        """The limits of which this transaction took the last, with their size; each once, unless it grows."""
        reached, self.reached = self.reached, {}
        fresh = queries.tell_once(connection, reached) if reached else []
        return {key: reached[key] for key in fresh}

    def rows(self) -> list[tuple[Table, Rows]]:
        """What is to be written when all is decided."""
        counters = [(member_id, key, amount) for (member_id, key), amount in self._to_count.items()]
        return [(COUNTERS, counters), (LIMITS, list(self._to_take.items()))]


def counted(rows: Sequence[TupleRow]) -> Counted:
    """What ``READ`` has brought."""
    found = Counted()
    for member_id, key, value in rows:
        if member_id is None:
            found.taken[key] = value
        else:
            known = found.counters.setdefault(member_id, {})
            known[key] = known.get(key, 0) + value
    return found


def return_ended(connection: Connection[TupleRow], keys: Sequence[str], now: datetime) -> None:
    """Give back to limits what reservations hold whose time is over by ``now``."""
    ended = queries.ended_in(connection, keys, now)
    if ended:
        return_held(connection, ended)


def return_held(connection: Connection[TupleRow], reservation_ids: Sequence[UUID]) -> None:
    """Give back to limits all that reservations hold; once, whoever else does it at the same time."""
    queries.taken_of(connection, queries.held_keys(connection, reservation_ids), lock=True)
    gone = queries.let_go(connection, reservation_ids)
    less = [(key, -amount) for (member_id, key), amount in gone.items() if member_id is None]
    write(connection, [(LIMITS, less)])


def set_aside(
    session: Session, *, claims: Sequence[Claim], member_id: UUID | None, held_by: UUID, expires_at: datetime
) -> None:
    """Hold for a reservation what claims have taken of limits in this transaction, and what they count for a member.

    The caller holds the member. What is held of counters counts until then, and for good with the purchase.
    """
    held = {claim.key: claim.amount for claim in claims if claim.kind == "limit"}
    if held:
        queries.set_aside(driver(session), held, held_by, expires_at)
    counts = {claim.key: claim.amount for claim in claims if claim.kind == "counter"}
    if counts and member_id is not None:
        queries.hold_counters(driver(session), member_id, counts, held_by, expires_at)


def open_for(session: Session, *, member_id: UUID, needs: Needs, now: datetime) -> Counted:
    """The counters of one member, whom the caller holds, and the limits; no query when nothing is needed."""
    if not needs:
        return Counted()
    return counted(queries.read(driver(session), member_id, needs, now))


def standing(session: Session, *, keys: Sequence[str], now: datetime) -> dict[str, tuple[int, int]]:
    """What is taken of each limit at ``now``, and how much of that is held; of none that nobody has taken of."""
    return queries.standing(driver(session), keys, now) if keys else {}


def give_back(session: Session, *, member_id: UUID, claims: Sequence[Claim]) -> None:
    """Count claims back whose effects went back; with amounts below zero they stand again.

    The caller holds the member.
    """
    if not claims:
        return
    connection = driver(session)
    less = [(claim.key, -claim.amount) for claim in claims if claim.kind == "limit"]
    if less:
        queries.taken_of(connection, [key for key, _ in less], lock=True)
    counters = [(member_id, claim.key, -claim.amount) for claim in claims if claim.kind == "counter"]
    write(connection, [(GIVEN_BACK, counters), (LIMITS, less)])


def note_forgotten(session: Session, *, since: date, counters: date, limits: date) -> None:
    """Note that counters and limits of periods that began after one local day and were over before another one may go.

    It is committed before any of them goes, and never taken back.
    """
    queries_purging.note(driver(session), since, {"counters": counters, "limits": limits})


def forget_counters(session: Session, *, after: Place, limit: int) -> tuple[int, Place | None]:
    """Forget counters of the periods that were noted, among the next behind ``after``.

    How many were forgotten, and how far it came; None when nobody is left. One that is in use is left for another time.
    """
    return queries_purging.purge_counters(driver(session), after=after, limit=limit)


def forget_limits(session: Session, *, after: str, limit: int) -> tuple[int, str | None]:
    """The same for limits, by their keys; one of which something is held stays."""
    return queries_purging.purge_limits(driver(session), after=after, limit=limit)

"""Corrections: purchases of a window rated under another version, and only differences booked.

A member is a transaction of its own, so any moment is a good one to be killed at: what was done is done, and the same
correction goes on with whom it has not seen. Of every purchase that it has seen there is a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.corrections import queries
from loyalty_api.corrections.booking import Booking
from loyalty_api.corrections.correction import Correction, Done
from loyalty_api.corrections.queries import CORRECTED
from loyalty_api.corrections.rerating import Held, held_in, rerate
from loyalty_api.corrections.rules import claims_standing, same
from loyalty_api.db import driver
from loyalty_api.errors import Invalid
from loyalty_api.facts import service as facts
from loyalty_api.ledger import queries as ledger_queries
from loyalty_api.ledger import service as ledger
from loyalty_api.program.service import Programs, VersionUnknown
from loyalty_api.purchases.booking import member_row
from loyalty_api.purchases.limiting import claims_in
from loyalty_api.rating.rules_program import Program, without_gifts
from loyalty_api.rows import write
from loyalty_api.tiers import service as tiers

NOBODY = UUID(int=0)
_BATCH = 500
# Ids of what is corrected are counted up from here, past those of what time did before and does after.
_CORRECTED, _AFTERWARDS = 1 << 40, 1 << 30


class WindowUnfit(Invalid):
    """A correction is of purchases that were made: its window begins before it ends, and has ended."""

    code, title = "correction_window_unfit", "This window cannot be corrected"


def begin(
    session: Session,
    programs: Programs[Program],
    *,
    version: int,
    starts_at: datetime,
    ends_at: datetime,
    reason: str | None,
    by: str,
    correction_id: UUID,
    now: datetime,
) -> Correction:
    """The correction of this window under this version: a new one, or the one that was begun before.

    :raises VersionUnknown: the version was never published.
    :raises WindowUnfit: the window is empty or has not ended.
    """
    connection = driver(session)
    if programs.numbered(connection, version) is None:
        raise VersionUnknown
    if not starts_at < ends_at <= now:
        raise WindowUnfit(
            f"It must begin before it ends, and end by now ({now.isoformat(timespec='seconds')})."
        )
    queries.open_correction(connection, (correction_id, version, starts_at, ends_at, reason, by, now))
    row = queries.find(connection, version=version, starts_at=starts_at, ends_at=ends_at)
    if row is None:
        raise VersionUnknown
    return Correction(*row)


def next_members(session: Session, correction: Correction, *, after: UUID = NOBODY) -> list[UUID]:
    """Some members behind ``after`` with purchases that the correction has not seen; none when it is through."""
    return queries.unseen(driver(session), correction.window, after=after, limit=_BATCH)


def correct_member(
    session: Session,
    programs: Programs[Program],
    correction: Correction,
    *,
    member_id: UUID,
    first_id: UUID,
    now: datetime,
) -> Done:
    """Rate a member's purchases of the window once more and book what is different.

    :raises NotFound: the member is not one any more.
    """
    connection = driver(session)
    program = programs.numbered(connection, correction.version)
    current = programs.at(connection, now)
    if program is None or current is None:
        raise VersionUnknown
    locked, book = ledger.lock_book(session, member_id=member_id, named=[])
    held = held_in(connection, correction.window, member_id)
    fresh = [one for one in held if one.decision is not None and not one.seen]
    lots = ledger_queries.lots_from(connection, member_id, [one.purchase_id for one in fresh])
    ledger.complete(connection, book, named=lots)
    book.settle(first_id=first_id, now=now)
    through = tiers.timeline(programs, connection, now)
    tier = tiers.open_book(connection, member_id, through=through, now=now)

    def rules_at(moment: datetime) -> Program:
        return without_gifts(programs.numbered(connection, correction.version, at=moment) or program)

    rerated = rerate(
        connection, correction.window, held, member=member_row(locked), program=without_gifts(program),
        rules_at=rules_at, taken=_taken(connection, program, fresh),
    )  # fmt: skip
    booking = Booking(
        connection, correction, book, tier, current.settings, ids.nth(first_id, _CORRECTED), now
    )
    for one in rerated:
        if one.held.decision is None or same(one.held.decision, one.decision):
            booking.see(one)
        else:
            booking.correct(one)
    book.settle(first_id=ids.nth(first_id, _AFTERWARDS), now=now)
    ledger.write_book(connection, book)
    tiers.write_book(connection, tier)
    facts.give_back(session, member_id=member_id, claims=booking.less_claims())
    write(connection, [(CORRECTED, booking.rows)])
    return booking.done


def _taken(connection: Connection[TupleRow], program: Program, fresh: Sequence[Held]) -> Mapping[str, int]:
    """What is taken of budgets, but for the purchases that are rated anew; nobody else takes of them now.

    All that may change are held at once, in the order in which everybody holds them.
    """
    standing = [_limits(one) for one in fresh]
    budgets = {**dict.fromkeys([key for limits in standing for key in limits], 0), **program.earning.budgets}
    if not budgets:
        return {}
    counted = facts.Counted()
    counted.hold(connection, budgets)
    taken = dict(counted.taken)
    for limits in standing:
        for key, amount in limits.items():
            taken[key] -= amount
    return taken


def _limits(one: Held) -> dict[str, int]:
    """What a purchase has taken of limits, less what came back."""
    back = claims_in(one.row["outcome"].get("returned", {}).get("counted", ()))
    claims = claims_standing(one.decision, back) if one.decision else {}
    return {key: amount for (kind, key), amount in claims.items() if kind == "limit"}

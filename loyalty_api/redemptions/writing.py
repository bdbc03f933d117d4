"""What every step of a redemption shares: what it leans on, and how it is written, all of it by one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver, send_with_commit
from loyalty_api.ledger import service as ledger
from loyalty_api.ledger.rules import Balance, Lot
from loyalty_api.ledger.service import Book, Cause
from loyalty_api.members import service as members
from loyalty_api.program.rules import Settings
from loyalty_api.program.service import Programs
from loyalty_api.redemptions import queries
from loyalty_api.redemptions.booking import Moment
from loyalty_api.redemptions.rewarding import Delivery, deliveries
from loyalty_api.redemptions.rules import Caller, NotRedeemableHere, Redemption
from loyalty_api.rows import Rows, Table, statements, write
from loyalty_api.vault import Vault

_JOURNAL = 1


@dataclass(frozen=True, slots=True)
class Counter:
    """What the use cases lean on in this process. The programs are those of rating, whose settings alone matter."""

    vault: Vault
    programs: Programs[Any]

    def policy(self, connection: Connection[TupleRow], now: datetime) -> Settings:
        """The settings in force.

        :raises NotRedeemableHere: the program has not begun.
        """
        program = self.programs.at(connection, now)
        if program is None:
            raise NotRedeemableHere("The program has not begun.")
        settings: Settings = program.settings
        return settings


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks to hold points for, and where. ``points`` and the limits as the till's body has them.

    ``in_app``: the member asks, so the hold lives as long as the program lets the app's, and needs no code. It ends
    ``until`` then, if that is earlier.
    """

    purpose: str
    points: int | None = None
    max_points: int | None = None
    max_amount: int | None = None
    reward_id: UUID | None = None
    quantity: int = 1
    store_id: str | None = None
    terminal: str | None = None
    cashier: str | None = None
    channel: str = "store"
    occurred_at: datetime | None = None
    code: str | None = None
    in_app: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A redemption after a step, with the member's balance, version and lots right after it.

    ``fresh``: the step did something just now. ``delivery`` is what a reward comes with.
    """

    redemption: Redemption
    balance: Balance
    version: int
    lots: Mapping[UUID, Lot]
    delivery: Delivery | None = None
    fresh: bool = False


def moment_of(
    found: Redemption, journal_from: UUID, caller: Caller, occurred_at: datetime | None, now: datetime
) -> Moment:
    """Where a step stands that ``caller`` asks for; its journal's id is counted up from ``journal_from``."""
    cause = Cause(
        "redemption", found.redemption_id, found.store_id, None, None, caller.kind, caller.client_id
    )  # fmt: skip
    return Moment(ids.nth(journal_from, _JOURNAL), min(occurred_at or now, now), cause, now)


def finish(
    session: Session,
    vault: Vault,
    book: Book,
    found: Redemption,
    event: str | None,
    now: datetime,
    *,
    at_once: bool = False,
) -> Done:
    """Write what was booked, and the redemption when ``event`` says that it has changed.

    It is sent together with the COMMIT, unless ``at_once`` says that more of this transaction depends on it.
    """
    connection = driver(session)
    written = _rows(book, [found] if event else [], [(event, found, now)] if event else [], now)
    if at_once:
        write(connection, written)
    else:
        send_with_commit(session, statements(written))
    with_it = deliveries(connection, vault, [found]).get(found.redemption_id)
    return Done(found, book.balance, book.version_after, book.account.lots, with_it, event is not None)


Happened = tuple[str, Redemption, datetime]


def write_all(
    connection: Connection[TupleRow],
    book: Book,
    rows: Sequence[Redemption],
    happened: Sequence[Happened],
    now: datetime,
) -> None:
    """Write a member's book, its redemptions and what happened, by one statement."""
    write(connection, _rows(book, rows, happened, now))


def _rows(
    book: Book, rows: Sequence[Redemption], happened: Sequence[Happened], now: datetime
) -> list[tuple[Table, Rows]]:
    versions = [(book.member_id, book.version_after)] if book.changed else []
    return [
        *ledger.rows_of([book]),
        (members.VERSIONS, versions),
        (queries.REDEMPTIONS, [queries.row_of(found) for found in rows]),
        (events.EVENTS, [*book.events, *_events(happened, now)]),
    ]


def note(
    connection: Connection[TupleRow], rows: Sequence[Redemption], happened: Sequence[Happened], now: datetime
) -> None:
    """Write redemptions whose book somebody else writes."""
    write(
        connection,
        [
            (queries.REDEMPTIONS, [queries.row_of(found) for found in rows]),
            (events.EVENTS, _events(happened, now)),
        ],
    )


def _events(happened: Sequence[Happened], now: datetime) -> list[tuple[Any, ...]]:
    return [
        (found.member_id, kind, ids.show("red", found.redemption_id), at, now, _told(kind, found), False)
        for kind, found, at in happened
    ]


def _told(kind: str, found: Redemption) -> dict[str, Any]:
    points = {
        "points_redeemed": found.captured_points,
        "redemption_reversed": found.reversed_points,
    }.get(kind, found.points)
    return {"points": points}

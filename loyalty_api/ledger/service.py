"""One door into the ledger: a book of one member's movements, opened under the member's lock, written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api import events
from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.ledger import queries, reading
from loyalty_api.ledger.book import TIME, Book, Cause, rows_of
from loyalty_api.ledger.rules import Account, Balance
from loyalty_api.members import service as members
from loyalty_api.rows import write
from loyalty_api.vault import key_statement, remember_key
from loyalty_api.wire import Statement, round_trip

__all__ = [
    "TIME", "Book", "Cause", "complete", "lock_book", "lock_book_and", "open_books", "rows_of", "settle_due",
    "settle_member", "shown_balance", "write_book",
]  # fmt: skip


def open_books(
    connection: Connection[TupleRow],
    *,
    versions: Mapping[UUID, int],
    balances: Mapping[UUID, Balance],
    named: Sequence[UUID] | None = None,
) -> dict[UUID, Book]:
    """A book for each member of ``versions``, whose locks the caller holds and whose balances it has read since.

    To earn, lots are needed only where time changes them. Whoever takes or gives back asks for all that hold
    something, by ``named``: the lots it needs besides, even if they are empty (often none).
    """
    timed = [
        member_id
        for member_id, balance in balances.items()
        if named is not None or balance.next_due_at is not None
    ]
    lots = queries.lots_of(connection, timed, named=named or ()) if timed else {}
    holding = [member_id for member_id, balance in balances.items() if balance.held]
    holds = queries.holds_of(connection, holding) if holding else {}
    return {
        member_id: Book(
            member_id,
            version,
            Account(balances.get(member_id, Balance()), lots.get(member_id, {}), holds.get(member_id, {})),
        )
        for member_id, version in versions.items()
    }


def complete(connection: Connection[TupleRow], book: Book, *, named: Sequence[UUID] = ()) -> None:
    """Read the lots that ``book`` was opened without: all that hold something, and those ``named`` even if empty.

    The caller holds the member's lock. What the book has moved already stays as it is.
    """
    missing = queries.lots_of(connection, [book.member_id], named=named)[book.member_id]
    book.account = replace(book.account, lots={**missing, **book.account.lots})


def write_book(connection: Connection[TupleRow], book: Book) -> None:
    """Write what the book holds and raise its member's version; nothing when it is empty."""
    if book.changed:
        versions = [(book.member_id, book.version_after)]
        write(connection, [*rows_of([book]), (members.VERSIONS, versions), (events.EVENTS, book.events)])


def lock_book_and(
    session: Session, *, member_id: UUID, named: Sequence[UUID], then: Sequence[Statement]
) -> tuple[members.MemberRow, Book, list[list[TupleRow]]]:
    """The same as ``lock_book`` with ``named``, and in its round trip what ``then`` brings once the lock is held.

    Each statement sees what is committed when its turn comes, and all others' turn comes after the lock.

    :raises NotFound: there is no such member.
    """
    account = queries.account_statements(member_id, named=named)
    # The answer of whatever is done under this lock is stored under the member's key.
    lock, key = (members.LOCK_NOW, [str(member_id)]), key_statement(member_id)
    locked, keys, *rows = round_trip(driver(session), [lock, key, *account, *then])
    member = members.person_of(locked)
    remember_key(session, member_id, keys)
    book = Book(member_id, member.version, queries.account_of(rows[: len(account)]))
    return member, book, rows[len(account) :]


def lock_book(
    session: Session, *, member_id: UUID, named: Sequence[UUID] | None = None
) -> tuple[members.MemberRow, Book]:
    """The member, locked until the transaction ends, with its book; the balance is read once the lock is held.

    ``named`` as in ``open_books``: not None when points are taken or given back.

    :raises NotFound: there is no such member.
    """
    connection = driver(session)
    if named is not None:
        member, book, _ = lock_book_and(session, member_id=member_id, named=named, then=[])
        return member, book
    member = members.lock_person(session, member_id=member_id)
    balances = queries.balances_of(connection, [member_id])
    versions = {member_id: member.version}
    return member, open_books(connection, versions=versions, balances=balances, named=named)[member_id]


def settle_member(session: Session, *, member_id: UUID, first_id: UUID, now: datetime) -> None:
    """Book what time has done to a member since the last write, so that a statement shows it."""
    _, book = lock_book(session, member_id=member_id)
    connection = driver(session)
    book.settle(first_id=first_id, now=now)
    write_book(connection, book)


def settle_due(session: Session, *, member_id: UUID, first_id: UUID, now: datetime) -> None:
    """Settle a member of whom time has changed something that is not booked yet.

    :raises NotFound: there is no such member.
    """
    if reading.balance_is_due(driver(session), member_id, now):
        settle_member(session, member_id=member_id, first_id=first_id, now=now)


def shown_balance(session: Session, *, member_id: UUID, now: datetime) -> dict[str, int] | None:
    """What a till shows of a member's points as of ``now``, or None when there is no such member."""
    try:
        found = reading.shown(driver(session), member_id, now)
    except NotFound:
        return None
    balance = found.account.balance
    return {
        "available": balance.available,
        "pending": balance.pending,
        "held": balance.held,
        "debt": balance.debt,
        "version": found.version,
    }

"""Accounts put into a database as they stand, without the purchases that would have made them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.db import Database, driver
from loyalty_api.ledger import rules
from loyalty_api.ledger.rules import Account, Lot
from loyalty_api.ledger.service import TIME, Book, rows_of
from loyalty_api.rows import write
from tests.ledger.stories import Life

_MEMBER = (
    "INSERT INTO members (member_id, kind, status, version, profile_version, is_staff, tags, token_epoch,"
    " draw_token, enrolled_at, created_by, updated_at) SELECT unnest(%s::uuid[]), 'person', 'active', 0, 1, false,"
    " '{}', 1, '\\x00000000000000000000000000000000', now(), 'test', now()"
)


def put_members(connection: psycopg.Connection[Any], number: int) -> list[UUID]:
    """So many new members, whom nobody could find by a card; their ids."""
    made = [ids.new() for _ in range(number)]
    connection.execute(_MEMBER, (made,))
    return made


def put_life(session: Session, member_id: UUID, life: Life) -> None:
    """Everything that was ever booked on an account, as that member's."""
    book = Book(member_id, 0, Account(rules.Balance()))
    born = {lot_id: replace(lot, pending=0, available=0, held=0) for lot_id, lot in life.account.lots.items()}
    for movement in life.booked:
        named = {posting.lot_id for posting in movement.postings if posting.lot_id} - set(book.account.lots)
        lots = {**book.account.lots, **{lot_id: born[lot_id] for lot_id in named}}
        book._apply(movement, rules.post(Account(book.balance, lots), movement.postings))
        book._note(movement, ids.new(), TIME, movement.occurred_at)
    connection = driver(session)
    write(connection, rows_of([book]))
    connection.execute(
        "UPDATE members SET version = %s WHERE member_id = %s", (book.version_after, member_id)
    )


def put_lots(
    connection: psycopg.Connection[Any], lots: Mapping[UUID, Sequence[Lot]], *, now: datetime
) -> None:
    """Lots of members who had nothing, with the journals they arrived by."""
    rows: dict[Any, list[Any]] = defaultdict(list)
    for member_id, given in lots.items():
        book = _earned(member_id, given, now)
        for table, made in rows_of([book]):
            rows[table] += made
    write(connection, list(rows.items()))
    connection.execute(
        "UPDATE members SET version = (SELECT max(version) FROM journals j WHERE j.member_id = members.member_id)"
        " WHERE member_id = ANY(%s)",
        (list(lots),),
    )


def _earned(member_id: UUID, lots: Iterable[Lot], now: datetime) -> Book:
    book = Book(member_id, 0, Account(rules.Balance()))
    for lot in lots:
        account = "available" if lot.available else "pending"
        born = replace(lot, pending=0, available=0)
        movement = rules.Movement("earn", now, (rules.Posting("issued", account, lot.points, lot.lot_id),))
        book.record(movement, journal_id=ids.new(), cause=TIME, now=now, arriving=[born])
    return book


def state_of(database: Database, member_id: UUID) -> dict[str, Any]:
    """All that the ledger knows of a member, without the ids that each writing makes anew."""
    with database.snapshot() as connection:

        def rows(sql: str) -> list[Any]:
            return connection.execute(sql, {"member": member_id}).fetchall()

        return {
            "version": rows("SELECT version FROM members WHERE member_id = %(member)s"),
            "balance": rows("SELECT to_jsonb(b) - 'member_id' FROM balances b WHERE member_id = %(member)s"),
            "lots": rows(
                "SELECT to_jsonb(l) - 'member_id' FROM lots l WHERE member_id = %(member)s ORDER BY lot_id"
            ),
            "journals": rows(
                "SELECT to_jsonb(j) - 'member_id' - 'journal_id' FROM journals j WHERE member_id = %(member)s"
                " ORDER BY version"
            ),
            "postings": rows(
                "SELECT j.version, p.from_account, p.to_account, p.points, p.lot_id FROM postings p"
                " JOIN journals j USING (member_id, journal_id) WHERE member_id = %(member)s"
                " ORDER BY j.version, p.lot_id, p.from_account, p.to_account"
            ),
            "ordinals": rows(
                "SELECT j.version, array_agg(p.ordinal ORDER BY p.ordinal) FROM postings p"
                " JOIN journals j USING (member_id, journal_id) WHERE member_id = %(member)s GROUP BY 1 ORDER BY 1"
            ),
            "events": rows(
                "SELECT e.kind, e.occurred_at, e.recorded_at, e.body, e.reaction_due, j.version FROM events e"
                " LEFT JOIN journals j ON j.member_id = e.member_id"
                " AND 'jrn_' || right(e.subject, 26) = e.subject AND j.occurred_at = e.occurred_at"
                " AND j.kind = CASE e.kind WHEN 'points_activated' THEN 'activate' ELSE 'expire' END"
                " WHERE e.member_id = %(member)s ORDER BY e.event_id"
            ),
            "subjects": [
                str(ids.read("jrn", subject)) in journals
                for journals in [
                    {
                        str(row[0])
                        for row in rows("SELECT journal_id FROM journals WHERE member_id = %(member)s")
                    }
                ]
                for (subject,) in rows("SELECT subject FROM events WHERE member_id = %(member)s")
            ],
        }

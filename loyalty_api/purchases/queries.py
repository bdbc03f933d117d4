"""The till's statements, each for any number of receipts at once: a purchase is a batch of one.

Receipts are taken before members, and both in sorted order, so that two batches never wait for each other in a
circle. A balance is read by a statement of its own, after the one that waits for the member's lock: in READ COMMITTED
only a new statement sees what was committed meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.ledger.queries import BALANCE_COLUMNS
from loyalty_api.ledger.rules import Balance
from loyalty_api.purchases.rules import ReceiptKey
from loyalty_api.rows import Table, dump
from loyalty_api.values import dataclass
from loyalty_api.wire import Statement, round_trip

PURCHASES = Table(
    "purchases",
    member_id="uuid",
    purchase_id="uuid",
    store_id="varchar",
    terminal="varchar",
    business_date="date",
    reference="varchar",
    kind="varchar",
    channel="varchar",
    status="varchar",
    match="varchar",
    occurred_at="timestamptz",
    utc_offset="smallint",
    recorded_at="timestamptz",
    currency="char(3)",
    total="bigint",
    paid="bigint",
    line_count="smallint",
    client_id="varchar",
    cashier="varchar",
    person_id="uuid",
    program_version="integer",
    points_base="bigint",
    points_bonus="bigint",
    receipt="jsonb",
    facts="jsonb",
    decision="jsonb",
    outcome="jsonb",
)
LINES = Table(
    "purchase_lines",
    member_id="uuid",
    purchase_id="uuid",
    line_no="smallint",
    line_id="varchar",
    type="varchar",
    sku="varchar",
    quantity="bigint",
    unit="varchar",
    amount="bigint",
    paid="bigint",
    points="bigint",
    category="text[]",
    department="varchar",
    brand="varchar",
    legal_class="varchar",
    tax_rate="varchar",
    discounts="jsonb",
    tags="text[]",
)
LOCATORS = Table(
    "locators", "ON CONFLICT (id) DO UPDATE SET member_id = excluded.member_id", id="uuid", member_id="uuid"
)

_RECEIPTS = Table(
    "receipts",
    "ON CONFLICT DO NOTHING RETURNING *",
    store_id="varchar",
    terminal="varchar",
    business_date="date",
    reference="varchar",
    purchase_id="uuid",
    content="bytea",
)
# As an array, so that however little the planner knows of these tables it looks members up one by one: of a join
# with a table it believed empty it once made a scan of all members, so many times over.
_NAMED = (
    "ANY (array(SELECT member_id FROM identifier_index"
    " WHERE (kind, blind) IN (SELECT * FROM unnest($1::text[], $2::bytea[]))) || $3::uuid[])"
)
_MEMBER = (
    "{0}member_id, {0}status, {0}version, {0}is_staff, {0}tags, {0}enrolled_at, {0}language, {0}home_store,"
    " {0}no_gifts, {0}no_profiling"
)
_READ_MEMBERS = f"SELECT {_MEMBER.format('')} FROM members WHERE member_id = {_NAMED} AND kind = 'person'"
_LOCK_MEMBERS = f"{_READ_MEMBERS} ORDER BY member_id FOR NO KEY UPDATE"
_IDENTIFIERS = (
    "SELECT kind, blind, member_id, person_id FROM identifier_index"
    " WHERE (kind, blind) IN (SELECT * FROM unnest($1::text[], $2::bytea[]))"
)
_BALANCES = f"SELECT member_id, {BALANCE_COLUMNS} FROM balances WHERE member_id = {_NAMED}"
_MASTER = "(SELECT version FROM master_versions WHERE name = '{}')"
_NOTHING_TO_TAKE = (
    f"SELECT '{{}}'::uuid[], {_MASTER.format('products')}, {_MASTER.format('stores')}, '{{}}'::uuid[]"
)
_TAKE = (
    f"WITH taken AS ({_RECEIPTS.statement()}) SELECT array(SELECT purchase_id FROM taken),"
    f" {_MASTER.format('products')}, {_MASTER.format('stores')}, array(SELECT t.purchase_id FROM awaited_returns"
    " JOIN taken t USING (store_id, business_date, reference, terminal))"
)
_ONE_KNOWN = (
    f"SELECT x.kind, x.blind, x.person_id, {_MEMBER.format('m.')},"
    f" {', '.join('b.' + column for column in BALANCE_COLUMNS.split(', '))} FROM identifier_index x"
    " JOIN members m ON m.member_id = x.member_id JOIN balances b ON b.member_id = x.member_id"
    " WHERE x.kind = $1 AND x.blind = $2::bytea AND m.kind = 'person' FOR NO KEY UPDATE OF m, b"
)
Blind = tuple[str, bytes]
Also = tuple[str, Sequence[str]]
"""A SELECT of another feature's with a place ``{named}`` for the members ($1 to $3), and its parameters from $4 on."""


@dataclass(frozen=True, slots=True)
class MemberRow:
    """What rating needs of a member; its row is locked for the present transaction unless it was only looked at."""

    member_id: UUID
    status: str
    version: int
    is_staff: bool
    tags: list[str]
    enrolled_at: datetime
    language: str | None = None
    home_store: str | None = None
    no_gifts: bool = False
    no_profiling: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """What one round trip brings before rating: receipts ours now (and ``awaited`` by a return), members, masters."""

    taken: frozenset[UUID]
    members: dict[UUID, MemberRow]
    identified: dict[Blind, tuple[UUID, UUID | None]]
    balances: dict[UUID, Balance]
    masters: dict[str, int]
    awaited: frozenset[UUID] = frozenset()
    also: Sequence[Sequence[TupleRow]] = ()


def open_receipts(
    connection: Connection[TupleRow],
    *,
    receipts: Sequence[tuple[ReceiptKey, UUID, bytes]],
    blinds: Sequence[Blind],
    member_ids: Sequence[UUID],
    lock: bool = True,
    also: Sequence[Also] = (),
) -> Opened:
    """Take the receipts, lock the members and read what rating needs, in one round trip.

    ``receipts`` are (key, purchase id, hash of the content); one that is already taken is left out of ``taken``.
    Without ``lock`` nothing is taken or locked: that is a quote. ``also`` is what other features read of the members
    once they are locked.
    """
    ordered = sorted(receipts, key=lambda receipt: receipt[0])
    rows = [(*key, purchase_id, "\\x" + content.hex()) for key, purchase_id, content in ordered]
    taking: Statement = (_TAKE, [dump(_RECEIPTS.documents(rows))]) if rows else (_NOTHING_TO_TAKE, [])
    if lock and len(blinds) == 1 and not member_ids:
        kind, blind = blinds[0]
        asked = _also(also, blinds, member_ids)
        known: Statement = (_ONE_KNOWN, [kind, "\\x" + blind.hex()])
        taken, one, *more = round_trip(connection, [taking, known, *asked])
        if one:
            return _opened_one(taken[0], one[0], more)
        # Nobody's identifier, or a member who has never had a point and so has no balance to lock.
        many = round_trip(connection, [*_ask_for_many(blinds, member_ids, lock=lock), *asked])
    else:
        asked = _also(also, blinds, member_ids)
        taken, *many = round_trip(connection, [taking, *_ask_for_many(blinds, member_ids, lock=lock), *asked])
    members, identifiers, balances, *more = many
    return Opened(
        frozenset(taken[0][0]),
        {row[0]: MemberRow(*row) for row in members},
        {(row[0], row[1]): (row[2], row[3]) for row in identifiers},
        {row[0]: Balance(*row[1:]) for row in balances},
        _masters(taken[0]),
        frozenset(taken[0][3]),
        more,
    )


def _opened_one(taken: TupleRow, row: TupleRow, more: Sequence[Sequence[TupleRow]]) -> Opened:
    member = MemberRow(*row[3:13])
    return Opened(
        frozenset(taken[0]),
        {member.member_id: member},
        {(row[0], row[1]): (member.member_id, row[2])},
        {member.member_id: Balance(*row[13:])},
        _masters(taken),
        frozenset(taken[3]),
        more,
    )


def _masters(taken: TupleRow) -> dict[str, int]:
    return {"products": taken[1] or 0, "stores": taken[2] or 0}


def _ask_for_many(blinds: Sequence[Blind], member_ids: Sequence[UUID], *, lock: bool) -> list[Statement]:
    """Members, who their identifiers are, and balances, each by a statement that starts when the locks are held."""
    kinds, marks, ids = _names(blinds, member_ids)
    return [
        (_LOCK_MEMBERS if lock else _READ_MEMBERS, [kinds, marks, ids]),
        (_IDENTIFIERS, [kinds, marks]),
        (_BALANCES, [kinds, marks, ids]),
    ]


def _names(blinds: Sequence[Blind], member_ids: Sequence[UUID]) -> tuple[str, str, str]:
    kinds = _array([kind for kind, _ in blinds])
    marks = _array(["\\\\x" + blind.hex() for _, blind in blinds])
    return kinds, marks, _array([str(member_id) for member_id in member_ids])


def _also(also: Sequence[Also], blinds: Sequence[Blind], member_ids: Sequence[UUID]) -> list[Statement]:
    if not also:
        return []
    names = _names(blinds, member_ids)
    return [(sql.format(named=_NAMED), [*names, *more]) for sql, more in also]


def _array(texts: Sequence[str]) -> str:
    """An array as PostgreSQL writes it; the texts are words, hexadecimal and ids, which need no quotes."""
    return "{" + ",".join([f'"{text}"' for text in texts]) + "}"


_SELECT = f"SELECT {', '.join('p.' + column for column in PURCHASES.columns)} FROM purchases p"


def find(connection: Connection[TupleRow], purchase_id: UUID) -> dict[str, Any] | None:
    """One purchase as a row by column, wherever it lies."""
    row = connection.execute(
        f"{_SELECT} JOIN locators l ON l.member_id = p.member_id AND l.id = p.purchase_id WHERE l.id = %s",
        (purchase_id,),
        prepare=True,
    ).fetchone()
    return dict(zip(PURCHASES.columns, row, strict=True)) if row else None


def lines_of(connection: Connection[TupleRow], member_id: UUID, purchase_id: UUID) -> list[dict[str, Any]]:
    """The lines of one purchase, in the order of the receipt."""
    rows = connection.execute(
        f"SELECT {', '.join(LINES.columns)} FROM purchase_lines WHERE member_id = %s AND purchase_id = %s"
        " ORDER BY line_no",
        (member_id, purchase_id),
        prepare=True,
    )
    return [dict(zip(LINES.columns, row, strict=True)) for row in rows]


def of_member(
    connection: Connection[TupleRow],
    member_id: UUID,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """A member's purchases, the latest first, that lie before (occurred_at, id)."""
    rows = connection.execute(
        f"{_SELECT} WHERE p.member_id = %(member)s AND (%(at)s::timestamptz IS NULL"
        " OR (p.occurred_at, p.purchase_id) < (%(at)s, %(id)s::uuid))"
        " ORDER BY p.occurred_at DESC, p.purchase_id DESC LIMIT %(limit)s",
        {"member": member_id, "at": before and before[0], "id": before and before[1], "limit": limit},
        prepare=True,
    )
    return [dict(zip(PURCHASES.columns, row, strict=True)) for row in rows]

"""The statements behind receipts that find their member later: by an identifier, a code or a claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zlib import crc32

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.purchases.queries import PURCHASES, Blind
from loyalty_api.rows import Table

_FIRST_PLACE, _PLACES = 7_320_000, 64
UNATTACHED = Table(
    "unattached_receipts", "ON CONFLICT DO NOTHING",
    kind="varchar", blind="bytea", purchase_id="uuid", occurred_at="timestamptz",
)  # fmt: skip


CLAIM_CODES = Table("claim_codes", "ON CONFLICT DO NOTHING", blind="bytea", purchase_id="uuid")


_CLAIMED = (
    "SELECT DISTINCT purchase_id FROM unnest(%s::uuid[], %s::text[], %s::date[], %s::text[])"
    " AS sold(purchase_id, store_id, business_date, reference)"
    " JOIN awaited_receipts USING (store_id, business_date, reference)"
)


_ENROLLED = (
    "SELECT kind, blind FROM identifier_index"
    " WHERE (kind, blind) IN (SELECT * FROM unnest(%s::text[], %s::bytea[]))"
)


def unattached(connection: Connection[TupleRow], blind: Blind) -> list[tuple[UUID, datetime]]:
    """Purchases without a member on which this identifier was scanned, the oldest first."""
    return connection.execute(
        "SELECT purchase_id, occurred_at FROM unattached_receipts WHERE kind = %s AND blind = %s"
        " ORDER BY occurred_at, purchase_id",
        blind,
    ).fetchall()


def take_over(connection: Connection[TupleRow], purchase_id: UUID) -> dict[str, Any] | None:
    """Mark the walk-in copy of a purchase as moved and give it as it was; None when it has moved already."""
    row = connection.execute(
        "UPDATE purchases p SET status = 'moved' FROM locators l WHERE l.id = %s AND p.member_id = l.member_id"
        " AND p.purchase_id = l.id AND p.match IN ('anonymous', 'unknown_identifier') AND p.status <> 'moved'"
        f" RETURNING {', '.join('p.' + column for column in PURCHASES.columns)}",
        (purchase_id,),
    ).fetchone()
    return dict(zip(PURCHASES.columns, row, strict=True)) if row else None


def forget_unattached(connection: Connection[TupleRow], blind: Blind) -> None:
    """Drop the list of receipts that waited for this identifier: its member has them, or they are too old."""
    connection.execute("DELETE FROM unattached_receipts WHERE kind = %s AND blind = %s", blind)


def purchase_of_code(connection: Connection[TupleRow], blind: bytes) -> UUID | None:
    """The purchase whose receipt bears a claim code."""
    row = connection.execute("SELECT purchase_id FROM claim_codes WHERE blind = %s", (blind,)).fetchone()
    return row[0] if row else None


def receipt_named(
    connection: Connection[TupleRow],
    store_id: str | None,
    business_date: date | None,
    reference: str | None,
    total: int | None,
) -> UUID | None:
    """The purchase of a receipt with this total, whichever till printed it; None when none or several fit."""
    rows = connection.execute(
        "SELECT r.purchase_id FROM receipts r JOIN locators l ON l.id = r.purchase_id"
        " JOIN purchases p ON p.member_id = l.member_id AND p.purchase_id = l.id"
        " WHERE r.store_id = %s AND r.business_date = %s AND r.reference = %s AND p.total = %s LIMIT 2",
        (store_id, business_date, reference, total),
    ).fetchall()
    return rows[0][0] if len(rows) == 1 else None


def await_receipt(
    connection: Connection[TupleRow],
    store_id: str | None,
    business_date: date | None,
    reference: str | None,
    claim_id: UUID,
    member_id: UUID,
) -> None:
    """Remember a claim for a receipt that is not here yet."""
    connection.execute(
        "INSERT INTO awaited_receipts (store_id, business_date, reference, claim_id, member_id)"
        " VALUES (%s, %s, %s, %s, %s)",
        (store_id, business_date, reference, claim_id, member_id),
    )


def awaiting(connection: Connection[TupleRow], row: Mapping[str, Any]) -> list[tuple[UUID, UUID]]:
    """The claims (claim, member) that waited for this purchase and name its total, taken off the list."""
    return connection.execute(
        "DELETE FROM awaited_receipts a USING claims c WHERE a.store_id = %s AND a.business_date = %s"
        " AND a.reference = %s AND c.member_id = a.member_id AND c.claim_id = a.claim_id AND c.total = %s"
        " RETURNING a.claim_id, a.member_id",
        (row["store_id"], row["business_date"], row["reference"], row["total"]),
    ).fetchall()


_CLAIM_COLUMNS = (
    "member_id, claim_id, state, store_id, business_date, reference, total, purchase_id, points, actor_kind,"
    " actor_id, created_at, decided_at"
)


def add_claim(
    connection: Connection[TupleRow],
    *,
    member_id: UUID,
    claim_id: UUID,
    state: str,
    store_id: str | None,
    business_date: date | None,
    reference: str | None,
    total: int | None,
    purchase_id: UUID | None,
    points: int,
    actor: tuple[str, str],
    now: datetime,
    decided: bool,
) -> None:
    """Keep a claim with what became of it."""
    connection.execute(
        f"INSERT INTO claims ({_CLAIM_COLUMNS}) VALUES ({', '.join(['%s'] * 13)})",
        (
            member_id, claim_id, state, store_id, business_date, reference, total, purchase_id, points, *actor,
            now, now if decided else None,
        ),
    )  # fmt: skip


def decide_claim(
    connection: Connection[TupleRow],
    member_id: UUID,
    claim_id: UUID,
    state: str,
    purchase_id: UUID,
    points: int,
    now: datetime,
) -> None:
    """Keep what became of a claim that waited."""
    connection.execute(
        "UPDATE claims SET state = %s, purchase_id = %s, points = %s, decided_at = %s"
        " WHERE member_id = %s AND claim_id = %s",
        (state, purchase_id, points, now, member_id, claim_id),
    )


def meet(
    connection: Connection[TupleRow],
    *,
    blinds: Iterable[Blind] = (),
    receipts: Iterable[tuple[str | None, date | None, str | None]] = (),
    alone: bool,
) -> None:
    """Wait for whoever is about these identifiers or receipts (store, date, number) on the other side, till the end.

    A purchase that nobody is known for and whoever looks for it may run at the same time and not see each other. Both
    come here before their last look, purchases together and a searcher ``alone``, so the second sees the first.
    Places are few, so that a batch holds few locks; a purchase comes here last of all, so that nobody waits in a
    circle.
    """
    named = {f"{kind} {blind.hex()}" for kind, blind in blinds} | {f"{place}" for place in receipts}
    places = sorted({_FIRST_PLACE + crc32(name.encode()) % _PLACES for name in named})
    take = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    connection.execute(f"SELECT {take}(place) FROM unnest(%s::bigint[]) AS place", (places,), prepare=True)


def looked_for(
    connection: Connection[TupleRow], rows: Sequence[Mapping[str, Any]], blinds: Sequence[Blind]
) -> tuple[set[UUID], set[Blind]]:
    """Which of these purchases somebody has claimed, and which of these identifiers a member has by now.

    What it finds stays so until this transaction ends, for whoever would change it waits (``meet``).
    """
    places = [(row["store_id"], row["business_date"], row["reference"]) for row in rows]
    named = [[row["purchase_id"] for row in rows], *(list(column) for column in zip(*places, strict=True))]
    with connection.pipeline():
        meet(connection, blinds=blinds, receipts=places, alone=False)
        claimed = connection.execute(_CLAIMED, named, prepare=True)
        enrolled = connection.execute(
            _ENROLLED, ([k for k, _ in blinds], [b for _, b in blinds]), prepare=True
        )
        return {row[0] for row in claimed}, {(row[0], bytes(row[1])) for row in enrolled}


def owner_of(connection: Connection[TupleRow], blind: Blind) -> UUID | None:
    """The member who has this identifier, or None."""
    row = connection.execute(
        "SELECT member_id FROM identifier_index WHERE kind = %s AND blind = %s", blind
    ).fetchone()
    return row[0] if row else None


def claims_of(
    connection: Connection[TupleRow], member_id: UUID, *, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """A member's claims, the latest first."""
    rows = connection.execute(
        f"SELECT {_CLAIM_COLUMNS} FROM claims WHERE member_id = %(member)s"
        " AND (%(before)s::uuid IS NULL OR claim_id < %(before)s) ORDER BY claim_id DESC LIMIT %(limit)s",
        {"member": member_id, "before": before, "limit": limit},
    )
    names = _CLAIM_COLUMNS.replace(" ", "").split(",")
    return [dict(zip(names, row, strict=True)) for row in rows]


def open_claims(connection: Connection[TupleRow], member_id: UUID) -> int:
    """How many of a member's claims still wait for their receipt."""
    row = connection.execute(
        "SELECT count(*) FROM claims WHERE member_id = %s AND state = 'waiting'", (member_id,), prepare=True
    ).fetchone()
    return row[0] if row else 0


def claims_by(connection: Connection[TupleRow], client_id: str, *, since: datetime) -> int:
    """How many claims a client has keyed in since a moment."""
    row = connection.execute(
        "SELECT count(*) FROM claims WHERE actor_id = %s AND created_at >= %s", (client_id, since)
    ).fetchone()
    return row[0] if row else 0

"""Statements on codes and their uses.

Codes are locked in the order of their hashes, after the members and before limits, so that nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.coupons.rules import Coupon, Terms
from loyalty_api.rows import Table, dump
from loyalty_api.wire import round_trip

_COLUMNS = (
    "c.coupon_id, c.batch_id, c.blind, c.tail, c.member_id, c.uses, c.most_uses, c.given_back, c.activated_at,"
    " c.blocked_at IS NOT NULL, c.taken_back_by IS NOT NULL, b.giver IS NOT NULL, coalesce(c.name, b.name), b.kind,"
    " coalesce(c.valid_from, b.valid_from), coalesce(c.valid_until, b.valid_until), b.stores, b.audience,"
    " b.needs_activation, b.blocked_at IS NOT NULL"
)
_SELECT = f"SELECT {_COLUMNS} FROM coupon_codes c JOIN coupon_batches b ON b.batch_id = c.batch_id"
_SHOWN = (
    f"{_SELECT} WHERE c.blind = ANY (array(SELECT decode(h, 'hex') FROM json_array_elements_text($1::json) h))"
    " ORDER BY c.blind"
)
_LOCKED = f"{_SHOWN} FOR NO KEY UPDATE OF c"
_HELD = (
    "SELECT blind, count(*) FROM coupon_holds"
    " WHERE blind = ANY (array(SELECT decode(h, 'hex') FROM json_array_elements_text($1::json) h))"
    " AND expires_at > $2::timestamptz"
    " AND reservation_id::text <> ALL (array(SELECT json_array_elements_text($3::json))) GROUP BY blind"
)
_NAMES = (
    "WITH shown AS (SELECT json_array_elements_text($1::json) AS name) SELECT name FROM shown"
    " WHERE EXISTS (SELECT FROM coupon_batches b WHERE b.name = shown.name)"
    " OR EXISTS (SELECT FROM brought_codes c WHERE c.name = shown.name)"
)
_LEADS = (
    "SELECT blind, array_agg(coupon_blind) FROM brought_codes"
    " WHERE blind = ANY (array(SELECT decode(h, 'hex') FROM json_array_elements_text($1::json) h)) GROUP BY blind"
)

CODES = Table(
    "coupon_codes",
    blind="bytea", coupon_id="uuid", batch_id="uuid", member_id="uuid", tail="varchar", most_uses="integer",
)  # fmt: skip
COUNTED = Table(
    "coupon_codes",
    statement="UPDATE coupon_codes c SET uses = c.uses + given.more FROM {given} WHERE c.blind = given.blind",
    blind="bytea", more="integer",
)  # fmt: skip
"""Counts uses of codes whose rows the caller holds; a use too many breaks the table's own check."""
USES = Table(
    "coupon_uses",
    member_id="uuid", purchase_id="uuid", coupon_id="uuid", blind="bytea", store_id="varchar", terminal="varchar",
    reference="varchar", client_id="varchar", cashier="varchar", occurred_at="timestamptz", recorded_at="timestamptz",
)  # fmt: skip
USE = (
    "purchase_id", "member_id", "store_id", "terminal", "reference", "client_id", "cashier", "occurred_at",
    "recorded_at", "given_back_at",
)  # fmt: skip


def _read(row: Sequence[Any]) -> Coupon:
    (
        coupon_id, batch_id, blind, tail, member_id, uses, most_uses, given_back, activated_at, blocked, taken_back,
        given, name, kind, valid_from, valid_until, stores, audience, needs_activation, all_blocked,
    ) = row  # fmt: skip
    terms = Terms(name, kind, valid_from, valid_until, tuple(stores), audience, needs_activation, all_blocked)
    return Coupon(
        coupon_id, batch_id, blind, tail, member_id, uses, most_uses, given_back, activated_at, blocked, terms,
        taken_back, given,
    )  # fmt: skip


def shown(
    connection: Connection[TupleRow],
    blinds: Iterable[bytes],
    names: Iterable[str],
    *,
    lock: bool,
    now: datetime | None,
    own: Iterable[UUID] = (),
) -> tuple[dict[bytes, Coupon], frozenset[str]]:
    """The coupons with these hashes, and which of the names are those of coupons, in one round trip.

    With ``lock`` nobody else uses them until the transaction ends. What others hold at ``now`` is counted, what ``own``
    reservations hold is not.
    """
    wanted = dump(sorted(blind.hex() for blind in blinds))
    asked = [(_LOCKED if lock else _SHOWN, [wanted]), (_NAMES, [dump(sorted(names))])]
    if now is not None:
        # After the lock, as a statement of its own: only so it sees what others have held meanwhile.
        asked.append((_HELD, [wanted, now.isoformat(), dump([str(each) for each in own])]))
    found, known, *more = round_trip(connection, asked)
    holds = more[0] if more else ()
    held = {row[0]: row[1] for row in holds}
    coupons = {row[2]: replace(_read(row), held=held.get(row[2], 0)) for row in found}
    return coupons, frozenset(row[0] for row in known)


def hold(
    connection: Connection[TupleRow], blinds: Iterable[bytes], reservation_id: UUID, expires_at: datetime
) -> None:
    """Hold a use of each of these coupons, which the caller has locked."""
    connection.execute(
        "INSERT INTO coupon_holds (blind, reservation_id, expires_at) SELECT blind, %s, %s"
        " FROM unnest(%s::bytea[]) AS given(blind)",
        (reservation_id, expires_at, list(blinds)),
    )


def let_go(connection: Connection[TupleRow], reservation_ids: Sequence[UUID]) -> None:
    """Hold nothing any more for these reservations."""
    connection.execute(
        "DELETE FROM coupon_holds WHERE reservation_id = ANY(%s)", (list(reservation_ids),), prepare=True
    )


def leads(connection: Connection[TupleRow], blinds: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """Of codes that the merchant brought, by their hashes: the hashes of the coupons that they lead to."""
    wanted = dump(sorted(blind.hex() for blind in blinds))
    (found,) = round_trip(connection, [(_LEADS, [wanted])])
    return {row[0]: list(row[1]) for row in found}


def find(connection: Connection[TupleRow], coupon_id: UUID, *, lock: bool = False) -> Coupon | None:
    """A coupon by its id."""
    locking = " FOR NO KEY UPDATE OF c" if lock else ""
    row = connection.execute(
        f"{_SELECT} WHERE c.coupon_id = %s{locking}", (coupon_id,), prepare=True
    ).fetchone()
    return _read(row) if row else None


def some(
    connection: Connection[TupleRow],
    blinds: Sequence[bytes],
    *,
    now: datetime | None = None,
    lock: bool = False,
) -> dict[bytes, Coupon]:
    """The coupons with these hashes."""
    return shown(connection, blinds, (), lock=lock, now=now)[0]


def range_of(connection: Connection[TupleRow], first: UUID, last: UUID, *, limit: int) -> list[Coupon]:
    """Coupons by their ids, from one to another, both included."""
    rows = connection.execute(
        f"{_SELECT} WHERE c.coupon_id BETWEEN %s AND %s ORDER BY c.coupon_id LIMIT %s",
        (first, last, limit),
        prepare=True,
    )
    return [_read(row) for row in rows]


def block(connection: Connection[TupleRow], coupon_id: UUID, now: datetime) -> None:
    """Block a coupon, for good."""
    connection.execute(
        "UPDATE coupon_codes SET blocked_at = %s WHERE coupon_id = %s AND blocked_at IS NULL",
        (now, coupon_id),
    )


def activate(connection: Connection[TupleRow], coupon_id: UUID, now: datetime) -> None:
    """Note that its member has activated a coupon; the first time counts."""
    connection.execute(
        "UPDATE coupon_codes SET activated_at = %s WHERE coupon_id = %s AND activated_at IS NULL",
        (now, coupon_id),
    )


def of_member(
    connection: Connection[TupleRow], member_id: UUID, *, before: UUID | None, limit: int
) -> list[tuple[UUID, bytes]]:
    """The ids and hashes of a member's coupons that have been made, the latest first."""
    rows = connection.execute(
        "SELECT coupon_id, blind FROM member_coupons WHERE member_id = %(member)s AND blind IS NOT NULL"
        " AND (%(before)s::uuid IS NULL OR coupon_id < %(before)s) ORDER BY coupon_id DESC LIMIT %(limit)s",
        {"member": member_id, "before": before, "limit": limit},
        prepare=True,
    )
    return [(row[0], row[1]) for row in rows]


def uses_of(
    connection: Connection[TupleRow], coupon_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[dict[str, Any]]:
    """Where, when and by whom a coupon was used, the latest first; uses that were given back too."""
    rows = connection.execute(
        f"SELECT {', '.join(USE)} FROM coupon_uses WHERE coupon_id = %(coupon)s AND (%(at)s::timestamptz IS NULL"
        " OR (recorded_at, purchase_id) < (%(at)s, %(id)s::uuid))"
        " ORDER BY recorded_at DESC, purchase_id DESC LIMIT %(limit)s",
        {"coupon": coupon_id, "at": before and before[0], "id": before and before[1], "limit": limit},
        prepare=True,
    )
    return [dict(zip(USE, row, strict=True)) for row in rows]


def used_in(
    connection: Connection[TupleRow], member_id: UUID, purchase_id: UUID, *, given_back_by: UUID | None
) -> list[bytes]:
    """The hashes of the coupons that a purchase has used, or of those of them that a return has given back."""
    state = "given_back_by = %s" if given_back_by else "given_back_by IS NULL"
    rows = connection.execute(
        f"SELECT blind FROM coupon_uses WHERE member_id = %s AND purchase_id = %s AND {state}",
        (member_id, purchase_id, given_back_by) if given_back_by else (member_id, purchase_id),
    )
    return [row[0] for row in rows]


def give_back(
    connection: Connection[TupleRow],
    member_id: UUID,
    purchase_id: UUID,
    blinds: Sequence[bytes],
    *,
    because: UUID,
    now: datetime,
) -> None:
    """Give back the uses of coupons that the caller holds."""
    connection.execute(
        "UPDATE coupon_codes SET uses = uses - 1, given_back = given_back + 1 WHERE blind = ANY(%s)",
        (list(blinds),),
    )
    connection.execute(
        "UPDATE coupon_uses SET given_back_at = %s, given_back_by = %s"
        " WHERE member_id = %s AND purchase_id = %s AND blind = ANY(%s)",
        (now, because, member_id, purchase_id, list(blinds)),
    )


def take_again(
    connection: Connection[TupleRow], member_id: UUID, purchase_id: UUID, blinds: Sequence[bytes]
) -> None:
    """Count uses again that were given back, of coupons that the caller holds."""
    connection.execute(
        "UPDATE coupon_codes SET uses = uses + 1, given_back = given_back - 1 WHERE blind = ANY(%s)",
        (list(blinds),),
    )
    connection.execute(
        "UPDATE coupon_uses SET given_back_at = NULL, given_back_by = NULL"
        " WHERE member_id = %s AND purchase_id = %s AND blind = ANY(%s)",
        (member_id, purchase_id, list(blinds)),
    )


def move_uses(
    connection: Connection[TupleRow], purchase_id: UUID, *, from_member: UUID, to_member: UUID
) -> None:
    """Let the uses of a purchase lie with the member who has it now."""
    names = ", ".join(USES.columns)
    connection.execute(
        "WITH moved AS (DELETE FROM coupon_uses WHERE member_id = %(old)s AND purchase_id = %(purchase)s RETURNING *)"
        f" INSERT INTO coupon_uses ({names}, given_back_at, given_back_by)"
        f" SELECT %(new)s, {', '.join(USES.columns[1:])}, given_back_at, given_back_by FROM moved",
        {"old": from_member, "new": to_member, "purchase": purchase_id},
    )

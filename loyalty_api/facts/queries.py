"""The statements behind counters and limits.

Counters are written by whoever holds the member's lock. The rows of limits are locked in the order of their keys, after
the members, and the last of all, so that nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.rows import Table
from loyalty_api.rulekit.facts import Needs

COUNTERS = Table(
    "member_counters",
    "ON CONFLICT (member_id, key) DO UPDATE SET value = member_counters.value + excluded.value, counted_at = now()",
    member_id="uuid",
    key="varchar",
    value="bigint",
)
"""Adds to counters; each key once in a statement."""
GIVEN_BACK = Table(
    "member_counters",
    statement="UPDATE member_counters SET value = member_counters.value + given.value FROM {given}"
    " WHERE member_counters.member_id = given.member_id AND member_counters.key = given.key",
    member_id="uuid",
    key="varchar",
    value="bigint",
)
"""Adds to counters that are still there, and takes back with a number below zero; one that was purged stays away."""
LIMITS = Table(
    "rule_limits",
    statement="UPDATE rule_limits SET taken = rule_limits.taken + given.taken,"
    " most = greatest(rule_limits.most, rule_limits.taken + given.taken)"
    " FROM {given} WHERE rule_limits.key = given.key",
    key="varchar",
    taken="bigint",
)
"""Adds to what is taken of limits whose rows the caller holds, or takes it back with a number below zero."""

READ = (
    "SELECT c.member_id, c.key, c.value FROM (SELECT member_id, key, value FROM member_counters UNION ALL"
    " SELECT member_id, key, amount FROM counter_holds WHERE expires_at > $6::timestamptz) c"
    " WHERE c.member_id = {named} AND c.key = ANY($4::text[])"
    " UNION ALL SELECT NULL, key, taken - coalesce((SELECT sum(amount) FROM limit_holds h WHERE h.key = l.key"
    " AND h.expires_at <= $6::timestamptz), 0)::bigint FROM rule_limits l WHERE key = ANY($5::text[])"
)
"""Counters of the members that stand for ``{named}``, and limits, under the keys of ``needed``; a limit's row has no
member and what is taken of it. A hold that has ended takes nothing.

What reservations hold of a counter is a row of its own, to be added to it: who counts holds the member, so what is read
under that lock needs no row that lanes take of. A limit has nobody to hold, so what is held of it is taken.
"""

_TAKE = (
    "INSERT INTO rule_limits AS l (key, most, taken) SELECT given.key, given.most, given.taken"
    " FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) AS given(key, most, taken) ORDER BY given.key"
    " ON CONFLICT (key) DO UPDATE SET taken = l.taken + excluded.taken, most = greatest(l.most, excluded.most)"
    " WHERE l.taken + excluded.taken <= excluded.most RETURNING key, taken"
)
_HOLD = (
    "INSERT INTO rule_limits AS l (key, most, taken) SELECT given.key, given.most, 0"
    " FROM unnest(%s::text[], %s::bigint[]) AS given(key, most) ORDER BY given.key"
    " ON CONFLICT (key) DO UPDATE SET most = greatest(l.most, excluded.most) RETURNING key, taken"
)


def needed(needs: Needs, now: datetime) -> list[str]:
    """The parameters of ``READ`` behind those that name the members."""
    return [_array(needs.counters), _array(needs.limits), now.isoformat()]


def _array(keys: frozenset[str]) -> str:
    """An array as PostgreSQL writes it; keys are made of rules' ids, which need no quotes."""
    return "{" + ",".join([f'"{key}"' for key in sorted(keys)]) + "}"


def read(connection: Connection[TupleRow], member_id: UUID, needs: Needs, now: datetime) -> list[TupleRow]:
    """The rows of ``READ`` for one member."""
    places = {"{named}": "member", "$4": "counters", "$5": "limits", "$6": "now"}
    sql = READ
    for place, name in places.items():
        sql = sql.replace(place, f"%({name})s")
    named = dict(zip(places.values(), (member_id, *needed(needs, now)), strict=True))
    return connection.execute(sql, named, prepare=True).fetchall()


def take(
    connection: Connection[TupleRow], taken: Mapping[str, int], most: Mapping[str, int]
) -> dict[str, int]:
    """Take of limits where that much is left of ``most``; what is taken by now of those of which it was taken."""
    keys = sorted(taken)
    rows = connection.execute(
        _TAKE, (keys, [most[key] for key in keys], [taken[key] for key in keys]), prepare=True
    )
    return {row[0]: row[1] for row in rows}


def standing(
    connection: Connection[TupleRow], keys: Sequence[str], now: datetime
) -> dict[str, tuple[int, int]]:
    """What is taken of each limit at ``now``, and how much of that is held; a hold that has ended takes nothing."""
    rows = connection.execute(
        "SELECT l.key, l.taken - coalesce(sum(h.amount) FILTER (WHERE h.expires_at <= %(now)s), 0)::bigint,"
        " coalesce(sum(h.amount) FILTER (WHERE h.expires_at > %(now)s), 0)::bigint FROM rule_limits l"
        " LEFT JOIN limit_holds h ON h.key = l.key WHERE l.key = ANY(%(keys)s) GROUP BY l.key, l.taken",
        {"keys": list(keys), "now": now},
        prepare=True,
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def tell_once(connection: Connection[TupleRow], most: Mapping[str, int]) -> list[str]:
    """Note that limits of this size are used up; those of which it was not noted before, unless they were smaller.

    The caller holds them.
    """
    keys = sorted(most)
    rows = connection.execute(
        "UPDATE rule_limits l SET told_most = given.most FROM unnest(%s::text[], %s::bigint[]) AS given(key, most)"
        " WHERE l.key = given.key AND (l.told_most IS NULL OR l.told_most < given.most) RETURNING l.key",
        (keys, [most[key] for key in keys]),
    )
    return sorted(row[0] for row in rows)


def hold(connection: Connection[TupleRow], most: Mapping[str, int]) -> list[TupleRow]:
    """Lock limits, made where there are none yet; (key, what is taken) of each."""
    keys = sorted(most)
    return connection.execute(_HOLD, (keys, [most[key] for key in keys]), prepare=True).fetchall()


def set_aside(
    connection: Connection[TupleRow], held: Mapping[str, int], reservation_id: UUID, expires_at: datetime
) -> None:
    """Note how much of what is taken of limits a reservation holds, and until when."""
    connection.execute(
        "INSERT INTO limit_holds (key, reservation_id, amount, expires_at)"
        " SELECT key, %s, amount, %s FROM unnest(%s::text[], %s::bigint[]) AS given(key, amount)",
        (reservation_id, expires_at, list(held), list(held.values())),
    )


def hold_counters(
    connection: Connection[TupleRow],
    member_id: UUID,
    held: Mapping[str, int],
    reservation_id: UUID,
    expires_at: datetime,
) -> None:
    """Note how much a reservation holds of counters of a member, whom the caller holds, and until when."""
    connection.execute(
        "INSERT INTO counter_holds (member_id, key, reservation_id, amount, expires_at)"
        " SELECT %s, key, %s, amount, %s FROM unnest(%s::text[], %s::bigint[]) AS given(key, amount)",
        (member_id, reservation_id, expires_at, list(held), list(held.values())),
    )


def let_go(
    connection: Connection[TupleRow], reservation_ids: Sequence[UUID]
) -> dict[tuple[UUID | None, str], int]:
    """Forget what reservations hold of counters by member and key, and of limits by None and key.

    The caller holds the limits and says what becomes of it.
    """
    rows = connection.execute(
        "WITH gone AS (DELETE FROM limit_holds WHERE reservation_id = ANY(%(these)s) RETURNING key, amount),"
        " uncounted AS (DELETE FROM counter_holds WHERE reservation_id = ANY(%(these)s)"
        " RETURNING member_id, key, amount)"
        " SELECT NULL, key, sum(amount)::bigint FROM gone GROUP BY key"
        " UNION ALL SELECT member_id, key, sum(amount)::bigint FROM uncounted GROUP BY member_id, key",
        {"these": list(reservation_ids)},
    )
    return {(row[0], row[1]): row[2] for row in rows}


def held_keys(connection: Connection[TupleRow], reservation_ids: Sequence[UUID]) -> list[str]:
    """The limits of which reservations hold something."""
    rows = connection.execute(
        "SELECT DISTINCT key FROM limit_holds WHERE reservation_id = ANY(%s)", (list(reservation_ids),)
    )
    return sorted(row[0] for row in rows)


def ended_in(connection: Connection[TupleRow], keys: Sequence[str], now: datetime) -> list[UUID]:
    """The reservations whose time is over and that hold something of these limits still."""
    rows = connection.execute(
        "SELECT DISTINCT reservation_id FROM limit_holds WHERE key = ANY(%s) AND expires_at <= %s",
        (list(keys), now),
        prepare=True,
    )
    return [row[0] for row in rows]


def taken_of(connection: Connection[TupleRow], keys: Sequence[str], *, lock: bool = False) -> dict[str, int]:
    """What is taken of each limit, as of now; with ``lock`` nobody else takes of them until we are done."""
    rows = connection.execute(
        f"SELECT key, taken FROM rule_limits WHERE key = ANY(%s) ORDER BY key {'FOR UPDATE' if lock else ''}",
        (list(keys),),
        prepare=True,
    )
    return {row[0]: row[1] for row in rows}

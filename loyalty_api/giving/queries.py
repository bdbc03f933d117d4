"""Occasions: found by an index for one day and one rule, and settled one by one under their member's lock.

The three that find them are one INSERT each, whose rows are those who have that day and nobody else: nothing is read of
members whose day it is not. An occasion that is there already stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

Connected = Connection[TupleRow]
_LOCK = 7_310_028
# Who may have none today gets none for today: nothing is noted of them.
_MAY = "m.kind = 'person' AND m.status = 'active' AND NOT m.is_staff AND NOT m.no_gifts"
_NOTE = "INSERT INTO gift_occasions (member_id, rule, occasion, due_on, noted_at)"
_ONCE = "ON CONFLICT DO NOTHING"
_BIRTHDAYS = (
    f"{_NOTE} SELECT m.member_id, %(rule)s, %(occasion)s, %(due)s, %(now)s FROM member_profiles p"
    " JOIN members m USING (member_id)"
    f" WHERE p.birthday = ANY(%(blinds)s) AND p.birthday <> ''::bytea AND {_MAY} {_ONCE}"
)
_ANNIVERSARIES = (
    f"{_NOTE} SELECT m.member_id, %(rule)s, 'anniversary:' || given.years, %(due)s, %(now)s"
    " FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[], %(years)s::integer[])"
    " AS given(starts, ends, years)"
    f" JOIN members m ON m.enrolled_at >= given.starts AND m.enrolled_at < given.ends AND {_MAY} {_ONCE}"
)
_BOUGHT = "status NOT IN ('voided', 'returned', 'moved')"
# As an array, so that the planner cannot wish for an order that has it read the whole index by member.
_SILENCES = (
    f"{_NOTE} SELECT m.member_id, %(rule)s, %(occasion)s, %(due)s, %(now)s FROM members m WHERE m.member_id = ANY"
    " (array(SELECT member_id FROM purchases WHERE occurred_at >= %(starts)s AND occurred_at < %(ends)s"
    f" AND {_BOUGHT}))"
    f" AND {_MAY} AND NOT m.no_profiling AND NOT EXISTS (SELECT FROM purchases later"
    f" WHERE later.member_id = m.member_id AND later.occurred_at >= %(ends)s AND later.{_BOUGHT}) {_ONCE}"
)
_WAITING = (
    "SELECT member_id, occasion, due_on, list_id FROM gift_occasions WHERE rule = %s AND state = 'waiting'"
    " AND (member_id, occasion) > (%s, %s) ORDER BY member_id, occasion LIMIT %s"
)


@dataclass(frozen=True, slots=True)
class Occasion:
    """A gift that is due: to whom, by which rule, for what, on which local day, and from which list if it is one's."""

    member_id: UUID
    rule: str
    occasion: str
    due_on: date
    list_id: UUID | None


def take_turn(connection: Connected) -> bool:
    """Whether nobody else looks for occasions now, nor will until we are done; nobody waits for a turn."""
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK,)).fetchone()
    return bool(row and row[0])


def walks(connection: Connected) -> dict[str, date]:
    """Through which day the occasions of each rule were looked for."""
    rows = connection.execute("SELECT rule, through FROM gift_walks")
    return {row[0]: row[1] for row in rows}


def note_walk(connection: Connected, rule: str, through: date) -> None:
    """Note that a rule's occasions were looked for through a day."""
    connection.execute(
        "INSERT INTO gift_walks (rule, through) VALUES (%s, %s)"
        " ON CONFLICT (rule) DO UPDATE SET through = greatest(gift_walks.through, excluded.through)",
        (rule, through),
    )


def forget_walks(connection: Connected, rules: Sequence[str]) -> None:
    """Forget the walks of all other rules: one that comes back begins on that day."""
    connection.execute("DELETE FROM gift_walks WHERE rule <> ALL(%s)", (list(rules),))


def note_birthdays(
    connection: Connected, *, rule: str, occasion: str, due: date, blinds: Sequence[bytes], now: datetime
) -> int:
    """Note whose birthday has one of these blind indexes; how many are new."""
    asked = {"rule": rule, "occasion": occasion, "due": due, "blinds": list(blinds), "now": now}
    return connection.execute(_BIRTHDAYS, asked).rowcount


def note_anniversaries(
    connection: Connected,
    *,
    rule: str,
    due: date,
    spans: Sequence[tuple[datetime, datetime, int]],
    now: datetime,
) -> int:
    """Note who joined within one of the spans, so many years ago; how many are new."""
    starts, ends, years = ([span[n] for span in spans] for n in range(3))
    asked = {"rule": rule, "due": due, "starts": starts, "ends": ends, "years": years, "now": now}
    return connection.execute(_ANNIVERSARIES, asked).rowcount


def note_silences(
    connection: Connected,
    *,
    rule: str,
    occasion: str,
    due: date,
    starts: datetime,
    ends: datetime,
    now: datetime,
) -> int:
    """Note who bought from ``starts`` to before ``ends`` and never since; how many are new."""
    asked = {"rule": rule, "occasion": occasion, "due": due, "starts": starts, "ends": ends, "now": now}
    return connection.execute(_SILENCES, asked).rowcount


def first_enrolment(connection: Connected) -> datetime | None:
    """When the first member joined."""
    row = connection.execute("SELECT min(enrolled_at) FROM members WHERE kind = 'person'").fetchone()
    return row[0] if row else None


def birthdays_unread(connection: Connected) -> bool:
    """Whether there are profiles whose birthday is not indexed yet."""
    return (
        connection.execute("SELECT FROM member_profiles WHERE birthday IS NULL LIMIT 1").fetchone()
        is not None
    )


def waiting(connection: Connected, rule: str, *, after: tuple[UUID, str], limit: int) -> list[Occasion]:
    """Occasions of a rule that wait to be settled, behind a place, in the order of members."""
    rows = connection.execute(_WAITING, (rule, *after, limit), prepare=True)
    return [Occasion(row[0], rule, *row[1:]) for row in rows]


def lock_free(connection: Connected, members: Sequence[UUID]) -> set[UUID]:
    """Lock those of the members whom nobody is serving, in the order in which all lock them."""
    rows = connection.execute(
        "SELECT member_id FROM members WHERE member_id = ANY(%s) ORDER BY member_id FOR NO KEY UPDATE SKIP LOCKED",
        (list(members),),
    )
    return {row[0] for row in rows}


def settle(
    connection: Connected, due: Occasion, *, gift_id: UUID | None, reason: str | None, now: datetime
) -> None:
    """Note what became of an occasion: a gift, or why there is none."""
    state = "given" if gift_id else "refused"
    connection.execute(
        "UPDATE gift_occasions SET state = %s, gift_id = %s, reason = %s, settled_at = %s"
        " WHERE member_id = %s AND rule = %s AND occasion = %s AND state = 'waiting'",
        (state, gift_id, reason, now, due.member_id, due.rule, due.occasion),
        prepare=True,
    )


def refuse_others(connection: Connected, rules: Sequence[str], *, limit: int, now: datetime) -> int:
    """Refuse up to ``limit`` occasions of rules that are gone; how many those were."""
    return connection.execute(
        "UPDATE gift_occasions o SET state = 'refused', reason = 'rule_ended', settled_at = %s FROM (SELECT member_id,"
        " rule, occasion FROM gift_occasions WHERE state = 'waiting' AND rule <> ALL(%s)"
        " LIMIT %s FOR UPDATE SKIP LOCKED) gone"
        " WHERE (o.member_id, o.rule, o.occasion) = (gone.member_id, gone.rule, gone.occasion)",
        (now, list(rules), limit),
    ).rowcount


def last_bought(connection: Connected, member_id: UUID) -> datetime | None:
    """When the member last bought something that did not come back."""
    row: Any = connection.execute(
        f"SELECT max(occurred_at) FROM purchases WHERE member_id = %s AND {_BOUGHT}",
        (member_id,),
        prepare=True,
    ).fetchone()
    found: datetime | None = row[0]
    return found

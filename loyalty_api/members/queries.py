"""Statements on members: the hot ones, written by hand, and the reads of lists.

A till asks for a member on every purchase: finding one is a single primary-key read of the look-up table, and
the lock and the version are one statement each. The look-up table of identifiers is never joined with tables
of a member's, so that these statements stay on one node when members are distributed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.members.models import Member, MemberProfile, NameIndex
from loyalty_api.members.rules import Status
from loyalty_api.rows import Table
from loyalty_api.vault import DataKey

_COLUMNS = (
    "member_id, kind, status, version, profile_version, language, home_store, is_staff, tags, token_epoch,"
    " draw_token, enrolled_at, created_by, updated_at, no_gifts, no_profiling"
)
_READ = f"SELECT {_COLUMNS} FROM members WHERE member_id = %s"
# Locks out every other writer of this member, but not the check of a foreign key that points at it.
_LOCK = f"{_READ} FOR NO KEY UPDATE"
LOCK_NOW = _LOCK.replace("%s", "$1")
"""The same for ``wire.round_trip``; ``person_of`` reads what it brings."""
# The last condition always holds. The planner takes it to hold for few rows, so it looks members up by their key
# instead of reading all of them.
VERSIONS = Table(
    "members",
    statement="UPDATE members SET version = given.version FROM {given} WHERE members.member_id = given.member_id"
    " AND given.version + 0 = given.version",
    member_id="uuid",
    version="bigint",
)
"""Sets the versions of members whose locks the caller holds."""
_TOUCH = "UPDATE members SET version = version + 1, updated_at = %s WHERE member_id = %s RETURNING version"


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member as it was read: times in UTC, ``draw_token`` 16 bytes.

    With ``no_gifts`` the member wants none, with ``no_profiling`` none that follow from what was bought.
    """

    member_id: UUID
    kind: str
    status: Status
    version: int
    profile_version: int
    language: str | None
    home_store: str | None
    is_staff: bool
    tags: list[str]
    token_epoch: int
    draw_token: bytes
    enrolled_at: datetime
    created_by: str
    updated_at: datetime
    no_gifts: bool
    no_profiling: bool


@dataclass(frozen=True, slots=True)
class Located:
    """Whom an active identifier belongs to, and to which person of a shared account."""

    member_id: UUID
    identifier_id: UUID
    person_id: UUID | None


@dataclass(frozen=True, slots=True)
class SealedMember:
    """A member with its profile as it is stored, and the wrapped key that opens it (none once erased)."""

    row: MemberRow
    profile: bytes | None
    key: bytes | None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which members a list shows: enrolled from … to before …; ``names`` are blind indexes of words."""

    status: str | None = None
    tag: str | None = None
    enrolled_from: datetime | None = None
    enrolled_to: datetime | None = None
    member_id: UUID | None = None
    names: Sequence[bytes] = ()


def locate(session: Session, *, kind: str, blind: bytes) -> Located | None:
    """Whom the active identifier with this blind index belongs to."""
    row = (
        driver(session)
        .execute(
            "SELECT member_id, identifier_id, person_id FROM identifier_index WHERE kind = %s AND blind = %s",
            (kind, blind),
            prepare=True,
        )
        .fetchone()
    )
    return Located(*row) if row else None


def standing(session: Session, *, member_id: UUID) -> tuple[Status, list[str]]:
    """A member's status and tags.

    :raises NotFound: there is no such member.
    """
    row = driver(session).execute(
        "SELECT status, tags FROM members WHERE member_id = %s AND kind = 'person'",
        (member_id,),
        prepare=True,
    )
    found = row.fetchone()
    if found is None:
        raise NotFound("There is no such member.")
    return found[0], found[1]


def status_of(session: Session, *, member_id: UUID) -> Status:
    """The member's status."""
    row = driver(session).execute(
        "SELECT status FROM members WHERE member_id = %s", (member_id,), prepare=True
    )
    found = row.fetchone()
    if found is None:
        raise NotFound("There is no such member.")
    status: Status = found[0]
    return status


def lock(session: Session, *, member_id: UUID) -> MemberRow:
    """The member, locked against every other writer until the transaction ends.

    :raises NotFound: there is none.
    """
    row = driver(session).execute(_LOCK, (member_id,), prepare=True).fetchone()
    if row is None:
        raise NotFound("There is no such member.")
    return MemberRow(*row)


def lock_person(session: Session, *, member_id: UUID) -> MemberRow:
    """The member, locked as by ``lock``; a store's walk-in account is nobody.

    :raises NotFound: there is no such member.
    """
    found = lock(session, member_id=member_id)
    if found.kind != "person":
        raise NotFound("There is no such member.")
    return found


def person_of(rows: Sequence[Sequence[Any]]) -> MemberRow:
    """The locked member among the rows that ``LOCK_NOW`` brought; a store's walk-in account is nobody.

    :raises NotFound: there is no such member.
    """
    found = MemberRow(*rows[0]) if rows else None
    if found is None or found.kind != "person":
        raise NotFound("There is no such member.")
    return found


def ensure_known(session: Session, *, member_id: UUID) -> None:
    """Refuse an id that is no member's.

    :raises NotFound: there is no such member.
    """
    query = select(Member.member_id).where(Member.member_id == member_id, Member.kind == "person")
    if session.execute(query).first() is None:
        raise NotFound("There is no such member.")


def known(session: Session, *, member_id: UUID) -> MemberRow:
    """The member as it stands, not locked; a store's walk-in account is nobody.

    :raises NotFound: there is no such member.
    """
    return person_of(driver(session).execute(_READ, (member_id,), prepare=True).fetchall())


def touch(session: Session, *, member_id: UUID, now: datetime) -> int:
    """Move the member's version on, because something that is shown has changed; returns the new one."""
    row = driver(session).execute(_TOUCH, (now, member_id), prepare=True).fetchone()
    if row is None:
        raise NotFound("There is no such member.")
    version: int = row[0]
    return version


def changed(session: Session, *, member_id: UUID, now: datetime, **columns: Any) -> None:
    """Set columns of the member's row and move both versions on: what people edit has changed."""
    sets = "".join(f"{column} = %({column})s, " for column in columns)
    driver(session).execute(
        f"UPDATE members SET {sets}version = version + 1, profile_version = profile_version + 1,"
        " updated_at = %(now)s WHERE member_id = %(member_id)s",
        {**columns, "now": now, "member_id": member_id},
    )


def works_here(session: Session, *, member_id: UUID) -> bool:
    """Whether an identifier in use says that somebody of the account works for the merchant."""
    row = driver(session).execute(
        "SELECT 1 FROM identifiers WHERE member_id = %s AND kind = 'staff' AND status = 'active' LIMIT 1",
        (member_id,),
    )
    return row.fetchone() is not None


def epoch(session: Session, *, member_id: UUID) -> int | None:
    """The member's tokens with a lower epoch do not hold any more; None when there is no such member."""
    row = (
        driver(session)
        .execute(
            "SELECT token_epoch FROM members WHERE member_id = %s AND kind = 'person' AND status <> 'erased'",
            (member_id,),
        )
        .fetchone()
    )
    return row[0] if row else None


def count(session: Session) -> int:
    """How many people are members. Walk-in accounts and erased ones are not counted."""
    query = select(func.count()).select_from(Member).where(Member.kind == "person", Member.status != "erased")
    return session.execute(query).scalar_one()


def read(session: Session, *, member_id: UUID) -> SealedMember:
    """One member with its profile.

    :raises NotFound: there is none, or it is a walk-in account.
    """
    rows = _sealed(session, _members(Filters(member_id=member_id)))
    if not rows:
        raise NotFound("There is no such member.")
    return rows[0]


def page(
    session: Session, *, filters: Filters, after: Sequence[Any] | None, limit: int
) -> list[SealedMember]:
    """Up to ``limit`` members by the time of enrolment, from behind ``after`` (that time and the id)."""
    query = _members(filters).order_by(Member.enrolled_at, Member.member_id).limit(limit)
    if after is not None:
        query = query.where(tuple_(Member.enrolled_at, Member.member_id) > tuple_(*after))
    return _sealed(session, query)


def _members(filters: Filters) -> Select[Any]:
    query = (
        select(*Member.__table__.columns, MemberProfile.sealed, DataKey.wrapped)
        .outerjoin(MemberProfile, MemberProfile.member_id == Member.member_id)
        .outerjoin(DataKey, DataKey.owner_id == Member.member_id)
        .where(Member.kind == "person")
    )
    if filters.status:
        query = query.where(Member.status == filters.status)
    if filters.tag:
        query = query.where(Member.tags.contains([filters.tag]))
    if filters.enrolled_from:
        query = query.where(Member.enrolled_at >= filters.enrolled_from)
    if filters.enrolled_to:
        query = query.where(Member.enrolled_at < filters.enrolled_to)
    if filters.member_id:
        query = query.where(Member.member_id == filters.member_id)
    if filters.names:
        query = query.where(Member.member_id.in_(_named(filters.names)))
    return query


def _named(blinds: Iterable[bytes]) -> Select[Any]:
    """The members whose names hold every one of these words."""
    words = set(blinds)
    return (
        select(NameIndex.member_id)
        .where(NameIndex.blind.in_(words))
        .group_by(NameIndex.member_id)
        .having(func.count() == len(words))
    )


def _sealed(session: Session, query: Select[Any]) -> list[SealedMember]:
    return [
        SealedMember(MemberRow(*row[:-2]), profile=row[-2], key=row[-1]) for row in session.execute(query)
    ]

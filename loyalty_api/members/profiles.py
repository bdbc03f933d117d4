"""Profiles: sealed under the member's own key, and found by the words of the name and by the birthday.

Both are blind indexes. That of a birthday knows the month and the day, never the year, and whoever lacks the keys sees
no more than that two members share one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow
from sqlalchemy.orm import Session

from loyalty_api.db import driver
from loyalty_api.members.normal import normalise
from loyalty_api.members.queries import MemberRow, SealedMember
from loyalty_api.members.rules import name_words
from loyalty_api.vault import Unreadable, Vault, open_sealed, seal

FIELDS = ("given_name", "family_name", "birth_date", "email", "phone", "address")
Profile = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A member with its profile in clear. A profile holds those of ``FIELDS`` that are known."""

    row: MemberRow
    profile: Profile


def data_key(session: Session, *, vault: Vault, member_id: UUID) -> bytes:
    """The key that the member's values are sealed under; it is made when there is none.

    :raises Unreadable: it is gone.
    """
    key = vault.owner_key(session, member_id)
    if key is None:
        raise Unreadable("The member has been erased.")
    return key


def canonical(profile: Profile) -> dict[str, Any]:
    """The profile with contacts in their one spelling and without what is empty.

    :raises BadIdentifier: the phone number or the e-mail address is none.
    """
    known = {name: value for name, value in profile.items() if value is not None}
    if "phone" in known:
        known["phone"] = normalise("phone", known["phone"], "/profile/phone")
    if "email" in known:
        known["email"] = normalise("email", known["email"], "/profile/email")
    return known


def opened(vault: Vault, found: SealedMember) -> Record:
    """The member with its profile in clear; without a key there is nothing left to read."""
    if found.profile is None or found.key is None:
        return Record(found.row, {})
    member_id = found.row.member_id
    return Record(found.row, _document(vault, member_id, found.profile, found.key))


def birth_date(connection: Connection[TupleRow], *, vault: Vault, member_id: UUID) -> date | None:
    """The day on which a member was born, where the profile says it and has not been erased."""
    row = connection.execute(
        "SELECT p.sealed, k.wrapped FROM member_profiles p JOIN data_keys k ON k.owner_id = p.member_id"
        " WHERE p.member_id = %s",
        (member_id,),
        prepare=True,
    ).fetchone()
    if row is None:
        return None
    born = _document(vault, member_id, row[0], row[1]).get("birth_date")
    return date.fromisoformat(born) if born else None


def write(session: Session, *, vault: Vault, member_id: UUID, profile: Profile) -> None:
    """Keep ``profile`` (canonical) in place of what was there, and index the words of the name."""
    key = data_key(session, vault=vault, member_id=member_id)
    driver(session).execute(
        "INSERT INTO member_profiles (member_id, sealed, birthday) VALUES (%s, %s, %s)"
        " ON CONFLICT (member_id) DO UPDATE SET sealed = excluded.sealed, birthday = excluded.birthday",
        (member_id, seal(key, orjson.dumps(profile), _place(member_id)), _birthday(vault, profile)),
    )
    words = name_words(profile.get("given_name"), profile.get("family_name"))
    connection = driver(session)
    connection.execute("DELETE FROM name_index WHERE member_id = %s", (member_id,))
    connection.execute(
        "INSERT INTO name_index (blind, member_id) SELECT unnest(%s::bytea[]), %s",
        (name_blinds(vault, words), member_id),
    )


def birthday_blinds(vault: Vault, days: Iterable[str]) -> list[bytes]:
    """The blind indexes of birthdays, each as ``MM-DD``."""
    return [vault.blind("birthday", day) for day in days]


def index_birthdays(session: Session, *, vault: Vault, limit: int) -> int:
    """Index the birthdays of up to ``limit`` profiles that nobody has looked at yet; how many those were.

    A profile that is being written this moment is passed over: whoever writes it indexes it too.
    """
    connection = driver(session)
    rows = connection.execute(
        "SELECT p.member_id, p.sealed, k.wrapped FROM member_profiles p"
        " LEFT JOIN data_keys k ON k.owner_id = p.member_id"
        " WHERE p.birthday IS NULL ORDER BY p.member_id LIMIT %s FOR NO KEY UPDATE OF p SKIP LOCKED",
        (limit,),
    ).fetchall()
    found = [
        (member_id, _birthday(vault, _document(vault, member_id, sealed, wrapped)))
        for member_id, sealed, wrapped in rows
    ]
    connection.execute(
        "UPDATE member_profiles p SET birthday = given.blind FROM unnest(%s::uuid[], %s::bytea[]) AS given(id, blind)"
        " WHERE p.member_id = given.id",
        ([member_id for member_id, _ in found], [blind for _, blind in found]),
    )
    return len(found)


def _document(vault: Vault, member_id: UUID, sealed: bytes, wrapped: bytes | None) -> Profile:
    """A profile in clear; without a key there is nothing left to read."""
    if wrapped is None:
        return {}
    key = vault.unwrap(wrapped, member_id.bytes)
    profile: dict[str, Any] = orjson.loads(open_sealed(key, sealed, _place(member_id)))
    return profile


def _birthday(vault: Vault, profile: Profile) -> bytes:
    """The blind index of a profile's birthday, empty where none is known. A birth date is written YYYY-MM-DD."""
    born = profile.get("birth_date")
    return vault.blind("birthday", str(born)[5:10]) if born else b""


def name_blinds(vault: Vault, words: Iterable[str]) -> list[bytes]:
    """The blind indexes of the words of a name, in a fixed order so that writers never wait in a circle."""
    return sorted(vault.blind("name", word) for word in words)


def _place(member_id: UUID) -> bytes:
    return b"profile/" + member_id.bytes

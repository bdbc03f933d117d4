"""The tables of members. Whatever tells who somebody is lies sealed or as a blind index, never in clear.

Every table of a member's carries ``member_id`` in its key, so that they can be distributed by member; the
look-up tables are keyed by themselves.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, DateTime, Integer, LargeBinary, String, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from loyalty_api.db import Base

_AT = DateTime(timezone=True)


class Member(Base):
    """A member, or a store's walk-in account. ``version`` moves with anything that is shown of the member,
    ``profile_version`` with what people edit."""

    __tablename__ = "members"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(BigInteger)
    profile_version: Mapped[int] = mapped_column(BigInteger)
    language: Mapped[str | None] = mapped_column(String(16))
    home_store: Mapped[str | None] = mapped_column(String(44))
    is_staff: Mapped[bool] = mapped_column(Boolean)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    token_epoch: Mapped[int] = mapped_column(Integer)
    draw_token: Mapped[bytes] = mapped_column(LargeBinary)
    enrolled_at: Mapped[datetime] = mapped_column(_AT)
    created_by: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime] = mapped_column(_AT)
    no_gifts: Mapped[bool] = mapped_column(Boolean)
    no_profiling: Mapped[bool] = mapped_column(Boolean)


class MemberProfile(Base):
    """Name, birthday and contact of a member: one JSON document sealed under the member's key.

    ``birthday`` is the blind index of the month and day; empty: not known, None: nobody has looked yet.
    """

    __tablename__ = "member_profiles"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    birthday: Mapped[bytes | None] = mapped_column(LargeBinary)


class Identifier(Base):
    """Something that finds a member, or did. ``contested``: it was another's when it was given."""

    __tablename__ = "identifiers"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    identifier_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    person_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(_AT)
    ended_at: Mapped[datetime | None] = mapped_column(_AT)
    replaced_by: Mapped[UUID | None]


class IdentifierIndex(Base):
    """Active identifiers by their blind index: what makes each of them unique over the whole program."""

    __tablename__ = "identifier_index"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    blind: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    member_id: Mapped[UUID]
    identifier_id: Mapped[UUID]
    person_id: Mapped[UUID | None]


class Person(Base):
    """One of several people who share an account; ``sealed`` is the name tag that entries show."""

    __tablename__ = "people"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(_AT)
    ended_at: Mapped[datetime | None] = mapped_column(_AT)


class NameIndex(Base):
    """The words of members' names by their blind index."""

    __tablename__ = "name_index"

    blind: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)

"""What members agreed to and asked for. Acceptances are only ever added."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, String
from sqlalchemy.orm import Mapped, mapped_column

from loyalty_api.db import Base

_AT = DateTime(timezone=True)


class TermsAcceptance(Base):
    """A member accepted a version of the program's terms: when, how, and who told us."""

    __tablename__ = "terms_acceptances"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    acceptance_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(16))
    accepted_at: Mapped[datetime] = mapped_column(_AT)
    recorded_at: Mapped[datetime] = mapped_column(_AT)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[str] = mapped_column(String(64))


class PrivacyRequest(Base):
    """Something a member asked about their data, and by when it must be answered."""

    __tablename__ = "privacy_requests"

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    requested_at: Mapped[datetime] = mapped_column(_AT)
    due_at: Mapped[datetime] = mapped_column(_AT)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[str] = mapped_column(String(64))

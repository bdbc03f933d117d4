"""Clients and the keys that sign their tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from loyalty_api import ids
from loyalty_api.auth.rules import ClientKind
from loyalty_api.db import Base


class Client(Base):
    """A credential that somebody calls us with. ``epoch`` rises when its earlier tokens must not hold."""

    __tablename__ = "clients"
    __table_args__ = (
        CheckConstraint("kind IN ('terminal', 'staff', 'mobile', 'partner', 'admin')", name="kind"),
        CheckConstraint("kind <> 'terminal' OR store_id IS NOT NULL", name="terminal_has_store"),
        CheckConstraint("rate > 0", name="rate"),
        CheckConstraint("length(secret_hash) = 32", name="secret_hash"),
        Index("ix_clients_changed_at", "changed_at"),
    )

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[ClientKind] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    store_id: Mapped[str | None] = mapped_column(String(64))
    rate: Mapped[int] = mapped_column(Integer)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    epoch: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_by: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    changed_by: Mapped[str] = mapped_column(String(64))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @property
    def public_id(self) -> str:
        """The ``client_id`` of OAuth: ``cli_…``."""
        return ids.show("cli", self.client_id)


class SigningKey(Base):
    """A key that signs access tokens; the private half is sealed by the vault's key ring."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    private_key: Mapped[bytes] = mapped_column(LargeBinary)
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    use_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    verify_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

"""What happened, written in the same transaction as the thing itself (a transactional outbox).

An event names ids and never a person. Rows of one member are written under that member's lock, so their
``event_id`` order is the order in which they happened. ``position`` is given once an event is visible to all,
by ``settle``: a reader that remembers the last position it saw never misses an event that committed late.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, DateTime, Identity, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from loyalty_api.db import Base, driver
from loyalty_api.rows import Table

_SETTLE_LOCK = 7_310_001
INTERNAL = ("awaited_receipt_arrived", "scanned_identifier_enrolled", "awaited_purchase_arrived")
"""Kinds that concern no member yet: features tell each other, nobody else is told."""


class Event(Base):
    """One thing that happened to one member."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_position", "position", postgresql_where=text("position IS NOT NULL")),
        Index("ix_events_unsettled", "event_id", postgresql_where=text("position IS NULL")),
        Index("ix_events_reaction_due", "event_id", postgresql_where=text("reaction_due")),
    )

    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64))
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    body: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    position: Mapped[int | None] = mapped_column(BigInteger)
    reaction_due: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))


EVENTS = Table(
    "events",
    member_id="uuid",
    kind="varchar",
    subject="varchar",
    occurred_at="timestamptz",
    recorded_at="timestamptz",
    body="jsonb",
    reaction_due="boolean",
)


def record(
    session: Session,
    *,
    member_id: UUID,
    kind: str,
    subject: str,
    occurred_at: datetime,
    now: datetime,
    body: Mapping[str, Any] | None = None,
    reaction_due: bool = False,
) -> None:
    """Write an event into the present transaction. The caller holds the member's lock.

    ``body`` holds ids and numbers only, never personal data; a member whose name starts with an underscore is
    for other features and is not told outside. ``reaction_due`` asks that another feature be
    told; ``reactions.py`` knows which.
    """
    row = (member_id, kind, subject, occurred_at, now, dict(body or {}), reaction_due)
    EVENTS.insert(driver(session), [row])
    if reaction_due:
        session.info["reaction_due"] = True


def settle(session: Session) -> None:
    """Give a position to every event that has become visible, in the order they were written.

    One process does it at a time; whoever does not get the lock reads what is settled already.
    """
    connection = driver(session)
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_SETTLE_LOCK,)).fetchone()
    if row and row[0]:
        connection.execute(
            "WITH fresh AS (SELECT member_id, event_id, row_number() OVER (ORDER BY event_id) AS n,"
            " (SELECT coalesce(max(position), 0) FROM events) AS top FROM events WHERE position IS NULL)"
            " UPDATE events e SET position = fresh.top + fresh.n FROM fresh"
            " WHERE e.member_id = fresh.member_id AND e.event_id = fresh.event_id"
        )


def after(session: Session, *, position: int, limit: int) -> list[dict[str, Any]]:
    """Up to ``limit`` settled events after ``position``, oldest first."""
    rows = driver(session).execute(
        "SELECT position, member_id, kind, subject, occurred_at, recorded_at, body FROM events"
        " WHERE position > %s AND kind <> ALL(%s) ORDER BY position LIMIT %s",
        (position, list(INTERNAL), limit),
    )
    names = ("position", "member_id", "kind", "subject", "occurred_at", "recorded_at", "body")
    return [{**dict(zip(names, row, strict=True)), "body": _told(row[-1])} for row in rows]


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a body is for the outside: members that start with an underscore are between features."""
    return {name: value for name, value in body.items() if not name.startswith("_")}

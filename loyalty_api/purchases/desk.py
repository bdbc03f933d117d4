"""The till's desk: what its use cases lean on, who hands a receipt in, and the receipt as it arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.draws.service import Draws
from loyalty_api.products.service import Catalogue
from loyalty_api.program.service import Programs
from loyalty_api.purchases import rules
from loyalty_api.purchases.queries import Blind
from loyalty_api.quotes import Quote
from loyalty_api.rating.rules import Program
from loyalty_api.stores.service import Directory
from loyalty_api.suggestions.service import Memory
from loyalty_api.values import dataclass
from loyalty_api.vault import Vault


@dataclass(frozen=True, slots=True)
class Desk:
    """What the till's use cases lean on in this process."""

    vault: Vault
    programs: Programs[Program]
    catalogue: Catalogue
    directory: Directory
    draws: Draws
    suggestions: Memory = field(default_factory=Memory)


@dataclass(frozen=True, slots=True)
class Reported:
    """One receipt as it arrived: its validated body, the id it gets if it is new, and who was scanned.

    ``held`` is what things that are reserved for its quote are found by; None without one of our quotes.
    """

    body: Mapping[str, Any]
    purchase_id: UUID
    mark: bytes
    blind: Blind | None = None
    member_id: UUID | None = None
    quote: Quote | None = None
    held: bytes | None = None

    @property
    def key(self) -> rules.ReceiptKey:
        """Store, terminal, business date and reference."""
        return rules.receipt_key(self.body)


@dataclass(frozen=True, slots=True)
class Who:
    """The client that reports, for entries and audit."""

    client_id: str
    kind: str


def program_of(
    connection: Connection[TupleRow], desk: Desk, report: Reported, now: datetime
) -> Program | None:
    """The rules a receipt is rated by: those in force when it happened, or of a quote that is still honoured."""
    at = min(report.body["occurred_at"], now)
    if report.quote and report.quote.covers(at):
        return desk.programs.numbered(connection, report.quote.version, at=at, pauses=report.quote.pauses)
    return desk.programs.at(connection, at)


def asked_of(
    reported: Sequence[Reported], programs: Mapping[UUID, Program | None], now: datetime
) -> list[tuple[Program | None, datetime, str]]:
    """By which rules, when and where each receipt is rated."""
    return [
        (programs[one.purchase_id], min(one.body["occurred_at"], now), one.body["store"]) for one in reported
    ]

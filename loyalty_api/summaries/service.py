"""The member summary: balance, tier, next expiry, card, and what waits to be looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.cache import Key, SummaryCache
from loyalty_api.db import Database, driver
from loyalty_api.documents import JSON_OPTIONS
from loyalty_api.errors import NotFound
from loyalty_api.gifts import service as gifts
from loyalty_api.ledger import queries as ledger
from loyalty_api.ledger import reading
from loyalty_api.ledger.reading import Shown
from loyalty_api.members import service as members
from loyalty_api.program.rules import Settings
from loyalty_api.program.service import Programs
from loyalty_api.purchases import claims
from loyalty_api.tiers import service as tiers
from loyalty_api.tiers.reading import summary as tier_summary
from loyalty_api.tiers.rules_outlook import Outlook
from loyalty_api.vault import Unreadable, Vault


class Summaries:
    """Summaries by protocol A: PostgreSQL says which version is current, Redis may hold the document of it.

    Documents lie sealed in Redis, because they hold the card.
    """

    def __init__(
        self, *, database: Database, cache: SummaryCache, vault: Vault, programs: Programs[Any]
    ) -> None:
        self._database, self._cache, self._vault, self._programs = database, cache, vault, programs

    def read(
        self, *, member_id: UUID, now: datetime, program_version: int, program: Settings | None
    ) -> tuple[bytes, str]:
        """The summary as JSON text, and its ETag.

        :raises NotFound: there is no such member.
        """
        row = self._database.look_up(ledger.BALANCE_NOW, str(member_id))
        if row is None:
            raise NotFound("There is no such member.")
        key = Key(self._database.incarnation, member_id, row[0], program_version)
        held = self._held(key, now)
        if held is not None:
            return held
        return self._made(member_id, now, program_version, program)

    def _held(self, key: Key, now: datetime) -> tuple[bytes, str] | None:
        sealed = self._cache.get(key)
        if sealed is None:
            return None
        try:
            kept = self._vault.unwrap(sealed, key.text().encode())
        except Unreadable:
            return None
        until, _, document = kept.partition(b"\n")
        if int(until) and reading.instant(now) >= int(until):
            return None
        return document, etag_of(key, int(until))

    def _made(
        self, member_id: UUID, now: datetime, program_version: int, program: Settings | None
    ) -> tuple[bytes, str]:
        with self._database.unit_of_work(snapshot=True) as session:
            found = reading.shown(driver(session), member_id, now)
            standing = tiers.look(driver(session), self._programs, member_id=member_id, now=now)
            document = _document(session, self._vault, found, now, program, standing and standing[1])
        key = Key(self._database.incarnation, member_id, found.version, program_version)
        text = orjson.dumps(document, option=JSON_OPTIONS)
        until: datetime | None = document["valid_until"]
        holds_until = reading.instant(until) if until else 0
        sealed = self._vault.wrap(b"%d\n%s" % (holds_until, text), key.text().encode())
        self._cache.put(key, sealed, now=now, valid_until=until)
        return text, etag_of(key, holds_until)


def etag_of(key: Key, until: int) -> str:
    """What a summary is the state at; it holds until ``until`` (microseconds since 1970, 0: until a write)."""
    return f"{key.incarnation}-{key.version}-{key.program_version}-{until}"


def _document(
    session: Session,
    vault: Vault,
    found: Shown,
    now: datetime,
    program: Settings | None,
    standing: Outlook | None,
) -> dict[str, Any]:
    """The state at one version: nothing in it may change without the version or ``valid_until``."""
    balance = reading.balance_document(found, now=now, program=program)
    expiring = balance["expiring"]
    unopened, until = gifts.unopened(session, member_id=found.member_id, now=now)
    moments = [found.valid_until, standing and standing.changes_at, until]
    open_claims = claims.waiting(session, member_id=found.member_id)
    return {
        "member_id": ids.show("mbr", found.member_id),
        "balance": {name: balance[name] for name in ("available", "pending", "held", "debt", "worth")},
        "pending_next": balance["pending_next"],
        "expiring_next": expiring[0] if expiring else None,
        "tier": tier_summary(standing) if standing else None,
        "card": _card(session, vault, found.member_id),
        "offers": {"count": 0},
        "gifts": {"unopened": unopened},
        "claims": {"open": open_claims},
        "version": found.version,
        "valid_until": min([moment for moment in moments if moment], default=None),
    }


def _card(session: Session, vault: Vault, member_id: UUID) -> dict[str, Any] | None:
    """The card to show, if the member has one."""
    try:
        card = members.card_to_show(session, vault=vault, member_id=member_id)
    except NotFound:
        return None
    return {"format": "code128", "value": card.value, "valid_until": None}

"""What a batch refused for good, kept for a person (R7), sealed: it may hold what was scanned."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.batches import queries
from loyalty_api.db import driver
from loyalty_api.documents import NotJson, load_json
from loyalty_api.errors import LoyaltyError, NotFound
from loyalty_api.vault import INSTALLATION, Unreadable, Vault, open_sealed, seal

_CONTEXT = b"reject"


class RejectUnknown(NotFound):
    """There is no refused item with this id that is still open."""

    code, title = "reject_unknown", "There is no such refused item"


def keep(
    session: Session,
    vault: Vault,
    *,
    raw: bytes,
    type: str,
    store_id: str | None,
    reference: str | None,
    error: LoyaltyError,
    client_id: str,
    now: datetime,
) -> None:
    """Keep a refused item, once however often it is sent."""
    data_key = vault.owner_key(session, INSTALLATION)
    if data_key is None:
        raise Unreadable
    faults = [
        {"pointer": storable(f.pointer), "code": f.code, "message": storable(f.message)}
        for f in error.errors[:50]
    ]
    queries.add_reject(
        driver(session),
        reject_id=ids.new(),
        client_id=client_id,
        store_id=store_id,
        type=type,
        reference=reference,
        code=error.code,
        errors=orjson.dumps(faults).decode(),
        sealed=seal(data_key, raw, _CONTEXT),
        fingerprint=vault.blind("reject", sha256(raw.strip()).hexdigest()),
        now=now,
    )


def storable(text: str) -> str:
    """What an item says of itself, without NUL: PostgreSQL cannot keep it, and no item may stop a batch for ever."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def rejects(
    session: Session, vault: Vault, *, store_id: str | None, before: UUID | None, cleared: bool, limit: int
) -> list[dict[str, Any]]:
    """What was refused and waits for a person, the latest first, with the item as it came."""
    rows = queries.rejects(driver(session), store_id=store_id, before=before, cleared=cleared, limit=limit)
    data_key = vault.owner_key(session, INSTALLATION)
    for row in rows:
        raw = open_sealed(data_key or b"", row.pop("sealed"), _CONTEXT)
        row["item"] = _shown(raw)
    return rows


def _shown(raw: bytes) -> Any:
    """The item as a document, or as text when it is none, or one that is nested deeper than we can write."""
    try:
        return load_json(raw)
    except NotJson:
        return raw[:2000].decode("utf-8", "replace")


def clear(
    session: Session, *, reject_id: UUID, store_id: str | None, note: str | None, by: str, now: datetime
) -> None:
    """A person has seen to a refused item: of ``store_id`` alone, if that is the only store they speak for.

    :raises RejectUnknown: there is no such item that is still open.
    """
    done = queries.clear_reject(
        driver(session), reject_id=reject_id, store_id=store_id, note=note, by=by, now=now
    )
    if not done:
        raise RejectUnknown

"""Clients: created with a secret that is shown once, changed, revoked, and recognised by that secret.

``now`` is machine time here, even where business time stands still: processes learn of a change by how long
ago it was.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.auth.models import Client
from loyalty_api.auth.rules import CLIENT_KINDS, DEFAULT, BadClient, ClientKind, check_client
from loyalty_api.errors import Conflict, Fault, NotFound

COMMAND_LINE = "command-line"
DEFAULT_RATE = 6000


class ClientUnknown(NotFound):
    """There is no client with this id."""

    code, title = "client_unknown", "There is no such client"


class ClientRevoked(Conflict):
    """A revoked client stays revoked: make a new one."""

    code, title = "client_revoked", "This client has been revoked"


def create_client(
    session: Session,
    *,
    kind: str,
    name: str,
    scopes: Collection[str] | None = None,
    store_id: str | None = None,
    rate: int | None = None,
    now: datetime,
    actor: str = COMMAND_LINE,
) -> tuple[Client, str]:
    """A new client and its secret, which is kept nowhere: only its hash is.

    Without ``scopes`` it gets those its kind usually has. ``rate`` in requests a minute. ``actor`` is who
    made it.

    :raises BadClient: its kind may not be like this.
    """
    known = _kind(kind)
    listed = frozenset(DEFAULT[known] if scopes is None else scopes)
    rate = DEFAULT_RATE if rate is None else rate
    check_client(kind=known, scopes=listed, store_id=store_id, rate=rate)
    secret = secrets.token_urlsafe(32)
    client = Client(
        client_id=ids.new(),
        kind=known,
        name=name,
        scopes=sorted(listed),
        store_id=store_id,
        rate=rate,
        secret_hash=_hash(secret),
        epoch=1,
        version=1,
        created_at=now,
        created_by=actor,
        changed_at=now,
        changed_by=actor,
    )
    session.add(client)
    session.flush()
    return client, secret


def list_clients(session: Session, *, after: UUID | None = None, limit: int = 50) -> list[Client]:
    """Up to ``limit`` clients, oldest first, after the one with the id ``after``."""
    query = select(Client).order_by(Client.client_id).limit(limit)
    if after is not None:
        query = query.where(Client.client_id > after)
    return list(session.scalars(query))


def get_client(session: Session, *, client_id: UUID, lock: bool = False) -> Client:
    """The client with this id; ``lock`` keeps others from changing it until the transaction ends.

    :raises ClientUnknown: there is none.
    """
    client = session.get(Client, client_id, with_for_update=lock)
    if client is None:
        raise ClientUnknown
    return client


def edit_client(
    session: Session,
    *,
    client: Client,
    name: str | None = None,
    scopes: Collection[str] | None = None,
    rate: int | None = None,
    now: datetime,
    actor: str = COMMAND_LINE,
) -> Client:
    """Change what is given. New scopes or another rate end the tokens it has, so that they count at once.

    :raises ClientRevoked: it has been revoked.
    :raises BadClient: its kind may not be like this.
    """
    if client.revoked_at is not None:
        raise ClientRevoked
    listed = frozenset(client.scopes if scopes is None else scopes)
    rate = client.rate if rate is None else rate
    check_client(kind=client.kind, scopes=listed, store_id=client.store_id, rate=rate)
    if sorted(listed) != client.scopes or rate != client.rate:
        client.epoch += 1
    client.name, client.scopes, client.rate = name or client.name, sorted(listed), rate
    return _changed(session, client, now, actor)


def revoke_client(session: Session, *, client_id: UUID, now: datetime, actor: str = COMMAND_LINE) -> Client:
    """End a client: no new tokens from now on, and the ones it has stop within a second. Again is no error.

    :raises ClientUnknown: there is none.
    """
    client = get_client(session, client_id=client_id, lock=True)
    if client.revoked_at is not None:
        return client
    client.revoked_at = now
    client.epoch += 1
    return _changed(session, client, now, actor)


def authenticate(session: Session, *, client_id: str, secret: str) -> Client | None:
    """The client that this id and secret belong to, unless it is revoked; None for anything else."""
    key = ids.read("cli", client_id)
    client = session.get(Client, key) if key else None
    # The hash is compared whoever it is, so that an unknown id takes as long as a wrong secret.
    right = hmac.compare_digest(_hash(secret), client.secret_hash if client else bytes(32))
    return client if client is not None and right and client.revoked_at is None else None


def _changed(session: Session, client: Client, now: datetime, actor: str) -> Client:
    client.version += 1
    client.changed_at, client.changed_by = now, actor
    session.flush()
    return client


def _kind(kind: str) -> ClientKind:
    if kind not in CLIENT_KINDS:
        fault = Fault("/kind", "invalid_value", f"A client is one of {', '.join(CLIENT_KINDS)}.")
        raise BadClient(fault.message, errors=[fault])
    return kind


def _hash(secret: str) -> bytes:
    # 256 random bits cannot be searched for, so a plain hash is enough; a slow one would cost tills time.
    return hashlib.sha256(secret.encode()).digest()

"""The same key twice gets the first answer.

The row of a key is written in the same transaction as the effect, and the answer beside it before the commit: either
both are there or neither. A second request with the key waits in PostgreSQL for the first one to end, then gets its
answer, or is refused when its body differs. Answers are encrypted; fingerprints are keyed hashes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from datetime import datetime
from functools import wraps
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from flask import Response, current_app, request
from psycopg import errors as pg
from sqlalchemy.orm import Session

from loyalty_api import clock
from loyalty_api.db import driver, send_with_commit, undo
from loyalty_api.documents import JSON_OPTIONS
from loyalty_api.errors import Forbidden, Invalid, LoyaltyError, Unauthorized
from loyalty_api.http import unit_of_work
from loyalty_api.security import principal
from loyalty_api.trouble import PROBLEM, InProgress, problem
from loyalty_api.values import dataclass
from loyalty_api.vault import INSTALLATION, Unreadable, Vault, open_sealed, seal
from loyalty_api.wire import round_trip

MAX_KEY = 128
HEADER = "Idempotency-Key"


_EFFECTS = "effects"
_TAKE = (
    "INSERT INTO idempotency_keys (client_id, key, fingerprint, created_at) VALUES ($1, $2, $3::bytea, $4::timestamptz)"
    " ON CONFLICT DO NOTHING RETURNING true"
)
_SAVEPOINT = f"SAVEPOINT {_EFFECTS}"
_KEEP = (
    "UPDATE idempotency_keys SET status = $1::smallint, headers = $2::jsonb, answer = $3::bytea, owner_id = $4::uuid"
    " WHERE client_id = $5 AND key = $6"
)


class KeyMissing(Invalid):
    """A write without a key cannot be repeated safely."""

    code, title, status = "idempotency_key_required", "Send an Idempotency-Key", 400


class KeyMalformed(Invalid):
    """A key is 1 to 128 printable ASCII characters."""

    code, title, status = "idempotency_key_malformed", "This is not an Idempotency-Key", 400


class KeyReused(Invalid):
    """The key was used before with another body."""

    code, title = "idempotency_key_reused", "This key was used for another request"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write answers, when a bare document does not say enough.

    ``owner`` is the member whose key encrypts the stored answer; ``status`` overrides the operation's own.
    """

    document: Any
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    owner: UUID | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer as it was first given."""

    status: int
    headers: dict[str, str]
    body: bytes


def request_key(*, required: bool = True) -> str | None:
    """The present request's key.

    :raises KeyMissing: there is none and one is needed.
    :raises KeyMalformed: it is too long or not printable ASCII.
    """
    key = request.headers.get(HEADER)
    if key is None:
        if required:
            raise KeyMissing
        return None
    if not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
        raise KeyMalformed
    return key


def fingerprint(vault: Vault, *, method: str, path: str, body: Any) -> bytes:
    """A keyed hash of what a request asks for; the same document in another spelling is the same request."""
    canonical = orjson.dumps([method, path, body], option=orjson.OPT_SORT_KEYS)
    return vault.blind("request", sha256(canonical).hexdigest())


def claim(
    session: Session, *, client_id: str, key: str, mark: bytes, vault: Vault, now: datetime
) -> Stored | None:
    """Take the key for this transaction, or give the answer that was stored under it.

    :raises KeyReused: the key belongs to another request.
    :raises InProgress: the request that holds it did not end within the lock time-out.
    """
    connection = driver(session)
    row_of_key = [client_id, key, "\\x" + mark.hex(), now.isoformat()]
    try:
        # What follows can be undone without the key: both in one round trip.
        taken, _ = round_trip(connection, [(_TAKE, row_of_key), (_SAVEPOINT, [])])
    except pg.LockNotAvailable as error:
        raise InProgress(retry_after=1) from error
    if taken:
        return None
    row = connection.execute(
        "SELECT fingerprint, status, headers, answer, owner_id FROM idempotency_keys"
        " WHERE client_id = %s AND key = %s",
        (client_id, key),
    ).fetchone()
    if row is None or row[0] != mark:
        raise KeyReused
    data_key = vault.owner_key(session, row[4] or INSTALLATION, create=False)
    if data_key is None:
        raise Unreadable("The answer was erased together with its member.")
    return Stored(row[1], row[2] or {}, open_sealed(data_key, row[3], key.encode()))


def keep(
    session: Session, *, client_id: str, key: str, answer: Stored, owner: UUID | None, vault: Vault
) -> None:
    """Store the answer that is about to be committed with its effect."""
    data_key = vault.owner_key(session, owner or INSTALLATION)
    if data_key is None:
        raise Unreadable
    sealed = seal(data_key, answer.body, key.encode())
    row = [
        str(answer.status), orjson.dumps(answer.headers).decode(), "\\x" + sealed.hex(),
        str(owner) if owner else None, client_id, key,
    ]  # fmt: skip
    send_with_commit(session, [(_KEEP, row)])


def idempotent(
    *, required: bool = True, status: int = 200
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Run a write in one unit of work under its key.

    The view gets a ``session`` first and returns a document or an ``Answer``. A refusal that the view decides (any
    LoyaltyError but 401, 403 and 5xx) undoes its effects and is stored like an answer.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def write(**arguments: Any) -> Response:
            key = request_key(required=required)
            with unit_of_work() as session:
                if key is None:
                    return _respond(_stored(view(session, **arguments), status)[0])
                return _once(session, view, arguments, key=key, status=status)

        write.idempotency = "required" if required else "optional"  # type: ignore[attr-defined]
        return write

    return decorate


def _once(
    session: Session, view: Callable[..., Any], arguments: dict[str, Any], *, key: str, status: int
) -> Response:
    vault: Vault = current_app.extensions["vault"]
    client_id = _holder()
    mark = fingerprint(vault, method=request.method, path=request.path, body=arguments.get("body"))
    found = claim(session, client_id=client_id, key=key, mark=mark, vault=vault, now=clock.machine_now())
    if found is not None:
        return _respond(found, replayed=True)
    try:
        answer, owner = _stored(view(session, **arguments), status)
        session.flush()
    except (Unauthorized, Forbidden):
        raise
    except LoyaltyError as error:
        if error.status >= 500 or error.status == 429:
            raise
        undo(session, to=_EFFECTS)
        refusal = problem(error)
        answer, owner = (
            Stored(refusal.status_code, {"Content-Type": PROBLEM}, refusal.get_data()),
            None,
        )
    keep(session, client_id=client_id, key=key, answer=answer, owner=owner, vault=vault)
    return _respond(answer)


def _holder() -> str:
    """Whose keys these are: a client's, or one member's: members of one backend share no answers."""
    caller = principal()
    return caller.client_id if caller.member_id is None else f"{caller.client_id}/{caller.member_id.hex}"


def _stored(result: Any, status: int) -> tuple[Stored, UUID | None]:
    answer = result if isinstance(result, Answer) else Answer(result)
    body = b"" if answer.document is None else orjson.dumps(answer.document, option=JSON_OPTIONS)
    return Stored(answer.status or status, dict(answer.headers), body), answer.owner


def _respond(answer: Stored, *, replayed: bool = False) -> Response:
    headers = {"Content-Type": "application/json", **answer.headers} if answer.body else dict(answer.headers)
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    response = Response(answer.body, status=answer.status, headers=headers)
    if not answer.body:
        del response.headers["Content-Type"]
    return response

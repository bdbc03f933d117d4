"""A client and its token in a line, for tests that need a caller."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import flask
from sqlalchemy.exc import OperationalError

from loyalty_api.auth import service, tokens
from loyalty_api.auth.authority import Authority
from loyalty_api.auth.models import Client
from loyalty_api.auth.rules import ALLOWED, DEFAULT, MEMBER_SCOPES, ClientKind
from loyalty_api.db import Database

STORE = "str_1"
_TRIES = 3


def make_client(
    app: flask.Flask,
    kind: ClientKind = "terminal",
    *,
    store: str | None = STORE,
    scopes: Collection[str] | None = None,
    rate: int = 1_000_000,
) -> tuple[Client, str]:
    """A client of ``kind`` and its secret; ``scopes``: else its kind's usual; ``store`` binds terminals."""
    for _ in range(_TRIES):
        # A busy machine may be silent for long; a client would ask again, and here nobody else does.
        with suppress(OperationalError):
            return _made(app, kind, store if kind == "terminal" else None, scopes, rate)
    return _made(app, kind, store if kind == "terminal" else None, scopes, rate)


def _made(
    app: flask.Flask, kind: ClientKind, store_id: str | None, scopes: Collection[str] | None, rate: int
) -> tuple[Client, str]:
    database: Database = app.extensions["database"]
    with database.unit_of_work() as session:
        return service.create_client(
            session,
            kind=kind,
            name=f"A {kind}",
            scopes=scopes,
            store_id=store_id,
            rate=rate,
            now=datetime.now(UTC),
        )


def token_for(
    app: flask.Flask,
    kind: ClientKind = "terminal",
    *,
    store: str | None = STORE,
    scopes: Collection[str] | None = None,
    rate: int = 1_000_000,
) -> str:
    """The access token of a new client of ``kind``; ``scopes=("all",)``: all that its kind may hold."""
    wanted = ALLOWED[kind] if scopes == ("all",) else scopes
    client, _ = make_client(app, kind, store=store, scopes=wanted, rate=rate)
    return _sign(app, client, frozenset(wanted or DEFAULT[kind]) - MEMBER_SCOPES)


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def member_token_for(
    app: flask.Flask, member_id: UUID, *, epoch: int = 1, scopes: Collection[str] = MEMBER_SCOPES
) -> str:
    """A member's token, through a mobile backend of its own. ``epoch`` is the member's token epoch."""
    client, _ = make_client(app, "mobile")
    authority: Authority = app.extensions["authority"]
    database: Database = app.extensions["database"]
    with database.unit_of_work() as session:
        issuer = authority.signing(session)
    return tokens.member_token(
        issuer,
        client=client,
        member_id=member_id,
        member_epoch=epoch,
        vault=authority.vault,
        scopes=scopes,
        now=time.time(),
        seconds=900,
    )


def _sign(app: flask.Flask, client: Client, scopes: Collection[str]) -> str:
    authority: Authority = app.extensions["authority"]
    database: Database = app.extensions["database"]
    with database.unit_of_work() as session:
        issuer = authority.signing(session)
    return tokens.client_token(issuer, client=client, scopes=scopes, now=time.time(), seconds=600)

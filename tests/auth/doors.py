"""An application that has nothing but sign-in and a few doors, each an operation of the permission table."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import flask
from flask import Response, request

from loyalty_api.auth import api, api_oauth
from loyalty_api.auth.authority import Authority, MemberEpoch, ResolveMember, build
from loyalty_api.config import Settings
from loyalty_api.db import Database
from loyalty_api.errors import LoyaltyError
from loyalty_api.security import ensure_store, principal
from loyalty_api.throttle import Counter, Throttle
from loyalty_api.trouble import problem
from loyalty_api.vault import Vault

KEYS = (("test", bytes(range(32))),)
ISSUER = "https://loyalty.example"


def make_app(
    database: Database,
    *,
    resolve_member: ResolveMember = lambda _issuer, _subject: None,
    member_epoch: MemberEpoch = lambda _member: None,
    subject_issuers: Mapping[str, str] | None = None,
    shared: Counter | None = None,
    wall: Callable[[], float] = time.time,
    steady: Callable[[], float] = time.monotonic,
) -> flask.Flask:
    """The application; ``app.extensions["authority"]`` is its authority."""
    settings = Settings(
        data_dir=Path("/nonexistent"), issuer=ISSUER, keys=KEYS, subject_issuers=dict(subject_issuers or {})
    )
    app = flask.Flask("doors", static_folder=None)
    vault, throttle = Vault(KEYS), Throttle(shared=shared)
    authority: Authority = build(
        settings=settings,
        database=database,
        vault=vault,
        throttle=throttle,
        resolve_member=resolve_member,
        member_epoch=member_epoch,
        wall=wall,
        steady=steady,
    )
    app.extensions.update(database=database, vault=vault, authority=authority)
    app.register_error_handler(LoyaltyError, problem)
    app.register_blueprint(api.blueprint)
    app.register_blueprint(api_oauth.blueprint)
    add_doors(app)
    authority.gate.install(app)
    throttle.install(app)
    return app


def add_doors(app: flask.Flask) -> None:
    """One door for everyone, one for tills, one for members, one that answers polls with 304."""
    app.add_url_rule("/livez", "livez", lambda: {"open": True})
    app.add_url_rule("/v1/purchases/<store>", "record_purchase", _report, methods=["POST"])
    app.add_url_rule("/v1/me/summary", "me_summary", lambda: {"member": str(principal().member_id)})
    app.add_url_rule("/v1/members/balance", "get_member_balance", _poll)


def _report(store: str) -> dict[str, str]:
    ensure_store(principal(), store)
    return {"client": principal().client_id}


def _poll() -> Response:
    return Response(status=304 if request.if_none_match else 200)

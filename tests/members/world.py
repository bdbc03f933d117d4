"""Members over HTTP, with a caller that each test chooses; every answer is held to its schema."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import flask
from flask import g, request
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from loyalty_api import http, ids, trouble
from loyalty_api.consent import api as consent
from loyalty_api.consent import service as consent_service
from loyalty_api.db import Database
from loyalty_api.errors import LoyaltyError
from loyalty_api.members import api as members
from loyalty_api.members.service import Actor
from loyalty_api.security import Kind, Principal
from loyalty_api.vault import Vault

VAULT = Vault((("test", bytes(range(32))),))
TILL = Actor("terminal", "cli_till")
STORE = "str_1"
_SCOPES: dict[Kind, frozenset[str]] = {
    "terminal": frozenset({"members:lookup", "members:write"}),
    "staff": frozenset({"members:lookup", "members:read", "members:write"}),
    "admin": frozenset({"members:lookup", "members:read", "members:write"}),
    "mobile": frozenset({"members:lookup", "members:write"}),
    "partner": frozenset({"members:write"}),
    "member": frozenset({"me:read", "me:write"}),
}


def principal_of(kind: Kind, *, member_id: UUID | None = None, store: str | None = None) -> Principal:
    """A caller of ``kind`` with the scopes its kind usually has."""
    return Principal(
        client_id=f"cli_{kind}",
        kind=kind,
        scopes=_SCOPES[kind],
        store_id=store,
        member_id=member_id,
        token_id="tok",
        expires_at=time.time() + 86_400,
        rate=6000,
    )


def make_app(database: Database) -> flask.Flask:
    """An application of members and consent, for whoever ``Caller`` says is calling."""
    app = flask.Flask(__name__, static_folder=None)
    app.extensions.update(database=database, vault=VAULT, record_terms=consent_service.record_terms)
    for prefix in ("mbr", "idn", "per"):
        app.url_map.converters[prefix] = http.id_converter(prefix)
    blueprints = (members.blueprint, consent.blueprint)
    for blueprint in blueprints:
        flask.Flask.register_blueprint(app, blueprint)
    app.register_error_handler(LoyaltyError, trouble.problem)
    app.register_error_handler(HTTPException, lambda error: trouble.problem(trouble.problem_of(error)))
    operations = {o.operation_id: o for blueprint in blueprints for o in blueprint.operations}

    @app.before_request
    def sign_in() -> None:
        g.principal = request.environ["caller"]

    @app.after_request
    def hold_to_schema(response: flask.Response) -> flask.Response:
        operation = operations.get((request.endpoint or "").rpartition(".")[2])
        if operation and operation.answer and response.status_code == operation.status:
            assert operation.answer.validate(response.get_json()) == {}
        elif response.status_code >= 400:
            assert trouble.ProblemSchema().validate(response.get_json()) == {}
        return response

    return app


class Caller:
    """Whoever calls: each write gets a new idempotency key unless it brings one."""

    _keys = itertools.count()

    def __init__(self, app: flask.Flask, principal: Principal) -> None:
        self.principal = principal
        self._client = app.test_client()

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> TestResponse:
        key = {"Idempotency-Key": f"{self.principal.client_id}-{next(self._keys)}"}
        return self._client.open(
            f"/v1{path}",
            method=method,
            json=body,
            headers={**key, **headers},
            environ_overrides={"caller": self.principal},
        )

    def get(self, path: str, **headers: str) -> TestResponse:
        return self._send("GET", path, None, _named(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self._send("POST", path, body, _named(headers))

    def patch(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self._send("PATCH", path, body, _named(headers))

    def delete(self, path: str, **headers: str) -> TestResponse:
        return self._send("DELETE", path, None, _named(headers))


def _named(headers: dict[str, str]) -> dict[str, str]:
    """``If_Match`` for ``If-Match``."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


class World:
    """Callers by their kind."""

    def __init__(self, app: flask.Flask) -> None:
        self.app = app
        self.till = self.caller("terminal", store=STORE)
        self.staff = self.caller("staff")
        self.mobile = self.caller("mobile")
        self.partner = self.caller("partner")

    def caller(self, kind: Kind, **more: Any) -> Caller:
        return Caller(self.app, principal_of(kind, **more))

    def member(self, member_id: str) -> Caller:
        """The member's own token."""
        return self.caller("member", member_id=ids.read("mbr", member_id))

    def enrol(self, **body: Any) -> dict[str, Any]:
        """A member that the office enrols."""
        answer = self.staff.post("/members", body)
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.get_json()
        return document

    def look_up(self, kind: str, value: str) -> TestResponse:
        return self.till.post("/members/lookup", {"identifier": {"kind": kind, "value": value}})

    @contextmanager
    def balance(self, **figures: int) -> Iterator[None]:
        """A ledger that says this of everyone."""
        self.app.extensions["member_balance"] = lambda _session, _member, _now: figures
        yield
        del self.app.extensions["member_balance"]

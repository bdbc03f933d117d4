"""A shop to tell stories in: who calls and what happens, in a line; every answer is held against its schema."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from uuid import UUID

import flask
import orjson
from flask.testing import FlaskClient

from loyalty_api import ids
from loyalty_api.app import blueprints
from loyalty_api.db import Database
from loyalty_api.demo import stage
from loyalty_api.http import Operation
from loyalty_api.program import service as programs
from loyalty_api.rating.rules_program import check_document
from loyalty_api.trouble import ProblemSchema
from tests.support.tokens import bearer, member_token_for, token_for

KEYS = (("test", bytes(range(32))),)
NDJSON = "application/x-ndjson"
BASIC: dict[str, Any] = json.loads((resources.files("loyalty_api.demo") / "basic.json").read_text())
PRODUCTS = (
    {"sku": "apple", "name": "Apple", "department": "PRODUCE", "category": ["Food", "Fruit"]},
    {"sku": "bread", "name": "Bread", "department": "BAKERY", "category": ["Food", "Bread"]},
    {"sku": "cigar", "name": "Cigar", "department": "TOBACCO", "legal_class": "tobacco"},
)
_OPERATIONS: Mapping[str, Operation] = {
    operation.operation_id: operation for blueprint in blueprints() for operation in blueprint.operations
}
_receipts = itertools.count(1)
_keys = itertools.count(1)
_problem = ProblemSchema()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, headers and document."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    body: Any

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    @property
    def code(self) -> str | None:
        """The code of a problem."""
        return self.body.get("code") if isinstance(self.body, dict) else None

    @property
    def lines(self) -> list[Any]:
        """The lines of a streamed answer."""
        return [orjson.loads(line) for line in self.raw.splitlines()]


@dataclass(slots=True)
class Caller:
    """One client of the API with its token."""

    app: flask.Flask
    headers: dict[str, str]
    http: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.http = self.app.test_client()

    def get(self, path: str, **headers: str) -> Reply:
        return self.call("GET", path, headers=headers)

    def post(self, path: str, body: Any = None, *, key: str | None = "", **headers: str) -> Reply:
        """With an Idempotency-Key of its own, unless one is given; None sends none."""
        if key is not None:
            headers["Idempotency-Key"] = key or f"key-{next(_keys)}"
        return self.call("POST", path, body={} if body is None else body, headers=headers)

    def put(self, path: str, body: Any, **headers: str) -> Reply:
        return self.call("PUT", path, body=body, headers=headers)

    def patch(self, path: str, body: Any, **headers: str) -> Reply:
        return self.call("PATCH", path, body=body, headers=headers)

    def delete(self, path: str, *, key: str = "", **headers: str) -> Reply:
        headers["Idempotency-Key"] = key or f"key-{next(_keys)}"
        return self.call("DELETE", path, headers=headers)

    def upload(self, method: str, path: str, documents: Iterable[Any]) -> Reply:
        """Documents as NDJSON; bytes are sent as they are."""
        lines = [d if isinstance(d, bytes) else orjson.dumps(d) for d in documents]
        return self.call(method, path, raw=b"\n".join(lines), headers={"Content-Type": NDJSON})

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        data = raw if raw is not None or body is None else orjson.dumps(body)
        if body is not None:
            named.setdefault("Content-Type", "application/json")
        response = self.http.open(path, method=method, data=data, headers={**self.headers, **named})
        found = orjson.loads(response.data) if response.data and "json" in response.mimetype and (
            response.mimetype != NDJSON
        ) else None  # fmt: skip
        reply = Reply(response.status_code, dict(response.headers), response.data, found)
        _hold_against_schema(self.app, method, path, reply, response.mimetype)
        return reply


def _hold_against_schema(app: flask.Flask, method: str, path: str, reply: Reply, mimetype: str) -> None:
    """What is answered is what the document says: the operation's schema, or a problem with a known code."""
    if mimetype == "application/problem+json":
        faults = _problem.validate(reply.body)
        assert not faults, (path, faults)
        return
    with app.test_request_context(path, method=method) as context:
        rule = context.request.url_rule
    operation = _OPERATIONS.get(rule.endpoint.rpartition(".")[2]) if rule else None
    if operation is None or operation.answer is None or reply.status != operation.status:
        return
    documents = reply.lines if operation.answer_type == NDJSON else [reply.body]
    for document in documents:
        faults = operation.answer.validate(document)
        assert not faults, (path, faults)


@dataclass(slots=True)
class Shop:
    """An application with rules, stores and products, and the people who call it."""

    app: flask.Flask
    _callers: dict[tuple[Any, ...], Caller] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        found: Database = self.app.extensions["database"]
        return found

    def caller(self, kind: str, *, store: str = "str_1", scopes: tuple[str, ...] = ("all",)) -> Caller:
        """A client of this kind with all that its kind may do, unless told otherwise."""
        key = (kind, store, scopes)
        if key not in self._callers:
            token = token_for(self.app, kind, store=store, scopes=scopes)  # type: ignore[arg-type]
            self._callers[key] = Caller(self.app, bearer(token))
        return self._callers[key]

    def forget_callers(self) -> None:
        """Make new clients from now on: those there were may have been revoked."""
        self._callers.clear()

    @property
    def office(self) -> Caller:
        """An administrator."""
        return self.caller("admin")

    @property
    def till(self) -> Caller:
        """The lane of ``str_1``."""
        return self.caller("terminal")

    def member(self, member_id: str) -> Caller:
        """A member's own app."""
        found = ids.read("mbr", member_id)
        assert found is not None
        return Caller(self.app, bearer(member_token_for(self.app, found, epoch=self._epoch(found))))

    def _epoch(self, member_id: UUID) -> int:
        row = self.database.fetch_one("SELECT token_epoch FROM members WHERE member_id = %s", (member_id,))
        return int(row[0]) if row else 1

    def enrol(self, card: str | None = None, **more: Any) -> str:
        """A new member, with this card if one is named; its id."""
        identifiers = [{"kind": "card", "value": card}] if card else []
        reply = self.office.post("/v1/members", {"identifiers": identifiers, **more})
        assert reply.status == 201, reply.body
        found: str = reply["member_id"]
        return found

    def balance(self, member_id: str) -> dict[str, Any]:
        """What the office sees of a member's points."""
        found: dict[str, Any] = self.office.get(f"/v1/members/{member_id}/balance").body
        return found

    def publish(self, document: Mapping[str, Any], *, effective_from: datetime) -> int:
        """Publish rules that are in force from any moment, as only a test may; their version."""
        now = effective_from - timedelta(minutes=2)
        with self.database.unit_of_work() as session:
            draft = programs.add_draft(
                session, draft_id=ids.new(), document=document, note=None, check=check_document,
                by="test", now=now,
            )  # fmt: skip
            made = programs.publish(
                session, draft_id=draft.draft_id, effective_from=effective_from, check=check_document,
                by="test", now=now,
            )  # fmt: skip
        self.app.extensions["programs"]._read_at = float("-inf")
        return made.version


def line(amount: int, *, sku: str = "bread", line_id: str = "1", **more: Any) -> dict[str, Any]:
    """A line of a receipt; ``amount`` in minor units."""
    return {"line_id": line_id, "sku": sku, "amount": amount, **more}


def receipt(
    *lines: dict[str, Any], card: str | None = None, at: datetime | None = None, **more: Any
) -> dict[str, Any]:
    """A receipt under a number of its own, paid in cash; its total is what its lines come to."""
    sold = list(lines) or [line(1000)]
    total = sum(item["amount"] - sum(d["amount"] for d in item.get("discounts", ())) for item in sold)
    moment = at or datetime.now(UTC)
    body = {
        "store": "str_1",
        "terminal": "1",
        "business_date": moment.date().isoformat(),
        "reference": f"{next(_receipts):06d}",
        "occurred_at": moment.isoformat(),
        "currency": "USD",
        "lines": sold,
        "total": total,
        "payments": [{"kind": "cash", "amount": total}],
    }
    if card:
        body["identifier"] = {"kind": "card", "value": card}
    return {**body, **more}


def open_shop(app: flask.Flask, *, document: Mapping[str, Any] = BASIC) -> Shop:
    """Publish the rules and put two stores and a few products in place."""
    shop = Shop(app)
    with shop.database.unit_of_work() as session:
        stage.ensure_program(session, document=document, now=datetime.now(UTC))
    stores = [{"store": f"str_{n}", "name": f"Store {n}", "time_zone": "UTC"} for n in (1, 2)]
    assert shop.office.upload("PUT", "/v1/stores", stores).status == 200
    assert shop.office.upload("PUT", "/v1/products", PRODUCTS).status == 200
    return shop

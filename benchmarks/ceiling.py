"""What the framework does at best: two routes of Flask and flask-smorest with as little behind them as can be.

``POST /ceiling/entries`` validates six fields with marshmallow, inserts a row and updates another with SQLAlchemy
Core, in one durable transaction, through the pool that the API uses. ``GET /ceiling/hello`` answers a small
JSON document. Neither signs anybody in, counts, logs or meters. Both are served as ``loyalty serve`` serves.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import flask
import marshmallow as ma
import orjson
import sqlalchemy as sa
from flask_smorest import Api, Blueprint

from benchmarks.load import request
from loyalty_api.db import Database

TABLES = """
CREATE TABLE entries (
    entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    member_id uuid NOT NULL,
    reference varchar(64) NOT NULL,
    store varchar(44) NOT NULL,
    amount bigint NOT NULL,
    currency char(3) NOT NULL,
    occurred_at timestamptz NOT NULL
);
CREATE TABLE balances (member_id uuid PRIMARY KEY, available bigint NOT NULL);
"""
HELLO = request(method="GET", path="/ceiling/hello")
_PATH = "/ceiling/entries"
_metadata = sa.MetaData()
_entries = sa.Table(
    "entries",
    _metadata,
    sa.Column("entry_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("member_id", sa.Uuid),
    sa.Column("reference", sa.String),
    sa.Column("store", sa.String),
    sa.Column("amount", sa.BigInteger),
    sa.Column("currency", sa.String),
    sa.Column("occurred_at", sa.DateTime(timezone=True)),
)
_balances = sa.Table(
    "balances",
    _metadata,
    sa.Column("member_id", sa.Uuid, primary_key=True),
    sa.Column("available", sa.BigInteger),
)
# Built once, as a hot path would: what is compared is the work, not the building of statements.
_INSERT = (
    _entries.insert().values({c.name: sa.bindparam(c.name) for c in _entries.c if not c.primary_key}).inline()
)
_UPDATE = (
    _balances.update()
    .where(_balances.c.member_id == sa.bindparam("of"))
    .values(available=_balances.c.available + sa.bindparam("more"))
)


class EntrySchema(ma.Schema):
    """Six fields."""

    member_id = ma.fields.UUID(required=True)
    reference = ma.fields.String(required=True, validate=ma.validate.Length(1, 64))
    store = ma.fields.String(required=True, validate=ma.validate.Length(1, 44))
    amount = ma.fields.Integer(required=True, strict=True)
    currency = ma.fields.String(required=True, validate=ma.validate.Length(equal=3))
    occurred_at = ma.fields.AwareDateTime(required=True)


def entry_requests(members: Sequence[UUID]) -> Iterator[bytes]:
    """Entries for ever, of one member after the other."""
    mark = b"@" * 24
    body = {
        "reference": mark.decode(),
        "store": "str_330",
        "amount": 1250,
        "currency": "USD",
        "occurred_at": datetime.now(UTC),
    }
    drafts = [
        request(method="POST", path=_PATH, body=orjson.dumps({"member_id": member_id, **body}))
        for member_id in members
    ]
    for n, draft in enumerate(itertools.cycle(drafts)):
        yield draft.replace(mark, f"{n:024d}".encode())


def create_app(database_url: str, threads: int) -> flask.Flask:
    """The application with both routes."""
    app = flask.Flask(__name__, static_folder=None)
    app.config.update(API_TITLE="ceiling", API_VERSION="1", OPENAPI_VERSION="3.1.0")
    app.extensions["engine"] = engine = Database(database_url, threads=threads).engine
    blueprint = Blueprint("ceiling", __name__)

    @blueprint.post(_PATH)  # type: ignore[untyped-decorator]
    @blueprint.arguments(EntrySchema())  # type: ignore[untyped-decorator]
    def add(entry: dict[str, Any]) -> tuple[dict[str, Any], int]:
        points = entry["amount"] // 100
        with engine.begin() as connection:
            connection.execute(_INSERT, entry)
            connection.execute(_UPDATE, {"of": entry["member_id"], "more": points})
        return {"reference": entry["reference"], "points": points}, 201

    @blueprint.get("/ceiling/hello")  # type: ignore[untyped-decorator]
    def hello() -> dict[str, str]:
        return {"hello": "world"}

    Api(app).register_blueprint(blueprint)
    return app


def _load(database_url: str, threads: int) -> Callable[..., Any]:
    return create_app(database_url, threads)


def serve(database_url: str, port: int, workers: int, threads: int) -> None:
    """Serve until SIGTERM, with the server's settings of ``loyalty serve``. Its workers are spawned."""
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    multiprocessing.set_start_method("spawn", force=True)
    server = Server(
        "benchmarks",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        websockets=False,
        workers=workers,
        blocking_threads=threads,
        log_level=LogLevels("info"),
    )
    server.serve(target_loader=partial(_load, database_url, threads), wrap_loader=False)

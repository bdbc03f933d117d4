"""What operators and load balancers ask: is it alive, is it ready, which version runs, what did it count."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

import flask
import marshmallow as ma
import psycopg
import redis
from flask import Response, current_app
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy.exc import SQLAlchemyError

from loyalty_api import __version__, backlog, clock, telemetry
from loyalty_api.config import Settings
from loyalty_api.db import Database
from loyalty_api.errors import Unavailable
from loyalty_api.fields import Choice, Flag, Schema, Text
from loyalty_api.http import Blueprint

Verdict = Literal["ok", "absent", "low", "down", "wrong"]

blueprint = Blueprint("service", __name__, description="The service itself, for those who operate it.")

_ASKED_ANEW_AFTER = 1.0
_LOW_DISK, _FULL_DISK = 1 << 30, 128 << 20
# The first four must be what durability rests on; see the contract in the README.
_DATABASE = (
    "SELECT current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'"
    " AND current_setting('synchronous_commit') <> 'off', pg_is_in_recovery(), to_regclass('alembic_version')"
)
# A capability is offered when the operation that gives it is there.
_CAPABILITIES = {
    "batch": "send_batch",
    "claims": "claim_purchase",
    "explanations": "explain_purchase",
    "member_tokens": "me_summary",
    "members": "enrol_member",
    "outbox": "list_events",
    "product_master": "put_products",
    "program_versions": "publish_program_version",
    "purchases": "record_purchase",
    "purchase_events": "release_purchase",
    "quotes": "create_quote",
    "returns": "record_return",
    "store_master": "put_stores",
}


class NotReady(Unavailable):
    """Something that every answer needs is missing; ``checks`` says what."""

    code, title = "not_ready", "This instance is not ready"


class Readiness(NamedTuple):
    """What was found when each thing we need was looked at."""

    checks: Mapping[str, Verdict]

    @property
    def status(self) -> str:
        """``ready``, ``degraded`` (everything works, slower or not for long) or ``not_ready``."""
        if any(verdict in ("down", "wrong") for name, verdict in self.checks.items() if name != "redis"):
            return "not_ready"
        return "degraded" if {"down", "low"} & set(self.checks.values()) else "ready"


class Probe:
    """Looks at what we need, at most once a second however often it is asked."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings
        self._redis = _redis(settings.redis_url) if settings.redis_url else None
        self._found = Readiness({})
        self._asked = -_ASKED_ANEW_AFTER

    def look(self) -> Readiness:
        """What is there now, or was a moment ago."""
        if time.monotonic() - self._asked >= _ASKED_ANEW_AFTER:
            self._found = Readiness(
                {**self._look_at_database(), "redis": self._look_at_redis(), **self._disk()}
            )
            self._asked = time.monotonic()
        return self._found

    def _look_at_database(self) -> dict[str, Verdict]:
        try:
            row = self._database.fetch_one(_DATABASE, ())
            revision = self._revision() if row and row[2] else ""
        except (psycopg.Error, SQLAlchemyError):
            return {"database": "down"}
        if row is None or row[1]:
            return {"database": "wrong"}
        # A newer schema is one that the next version has prepared: migrations keep the present one working.
        current = revision != "" and revision >= (_head() or "")
        return {
            "database": "ok",
            "durability": "ok" if row[0] else "wrong",
            "migrations": "ok" if current else "wrong",
        }

    def _revision(self) -> str:
        row = self._database.fetch_one("SELECT version_num FROM alembic_version", ())
        return str(row[0]) if row else ""

    def _look_at_redis(self) -> Verdict:
        if self._redis is None:
            return "absent"
        try:
            self._redis.ping()
        except redis.RedisError:
            return "down"
        return "ok"

    def _disk(self) -> dict[str, Verdict]:
        """Room for the embedded database, which is on our own disk; of another one we cannot know."""
        try:
            free = shutil.disk_usage(self._settings.data_dir / "postgres").free
        except OSError:
            return {}
        return {"disk": "wrong" if free < _FULL_DISK else "low" if free < _LOW_DISK else "ok"}


@cache
def _head() -> str | None:
    from loyalty_api import migrating

    return migrating.head()


def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=0.05, socket_connect_timeout=0.05, retry=Retry(NoBackoff(), 0)
    )


def _probe() -> Probe:
    found: Probe | None = current_app.extensions.get("probe")
    if found is None:
        kept = current_app.extensions
        found = kept["probe"] = Probe(kept["database"], kept["settings"])
    return found


class ReadinessSchema(Schema):
    """Whether this instance can answer, and what it looked at."""

    status = Choice("ready", "degraded", required=True)
    checks = ma.fields.Dict(keys=Text(), values=Choice("ok", "absent", "low", "down"), required=True)


class LivenessSchema(Schema):
    """The process runs."""

    status = Choice("alive", required=True)


class ServiceVersionSchema(Schema):
    """What runs here and what it can do."""

    version = Text(required=True, metadata={"description": "version of the program"})
    api = Text(required=True, metadata={"description": "version of the API, the first part of its paths"})
    sandbox = Flag(required=True, metadata={"description": "business time is set by hand here"})
    capabilities = ma.fields.List(
        Text(), required=True, metadata={"description": "what this installation offers; more may be added"}
    )


@blueprint.operation(
    "GET",
    "/livez",
    "livez",
    summary="Is the process alive",
    answer=LivenessSchema(),
    answer_example={"status": "alive"},
)
def livez() -> dict[str, str]:
    """Touches nothing: an answer means that the process runs. Restart it when none comes."""
    return {"status": "alive"}


@blueprint.operation(
    "GET",
    "/readyz",
    "readyz",
    summary="Can this instance answer",
    answer=ReadinessSchema(),
    answer_example={
        "status": "ready",
        "checks": {"database": "ok", "durability": "ok", "migrations": "ok", "redis": "ok", "disk": "ok"},
    },
    errors=(NotReady,),
)
def readyz() -> dict[str, Any]:
    """Send requests here while this is 200; `degraded` means that all works, but slower or not for long.

    Looked at: the database, whether it keeps what it acknowledges, whether its schema is current, Redis
    (which may be missing), and the disk when the database is the embedded one.
    """
    found = _probe().look()
    if found.status == "not_ready":
        raise NotReady(checks=dict(found.checks), retry_after=1)
    return {"status": found.status, "checks": dict(found.checks)}


@blueprint.operation(
    "GET",
    "/version",
    "version",
    summary="Which version runs here",
    answer=ServiceVersionSchema(),
    answer_example={
        "version": "0.1.0",
        "api": "v1",
        "sandbox": False,
        "capabilities": ["batch", "members", "purchases"],
    },
)
def version() -> dict[str, Any]:
    """A client that finds a capability missing does without it."""
    return {
        "version": __version__,
        "api": "v1",
        "sandbox": current_app.extensions["settings"].sandbox,
        "capabilities": capabilities(current_app),
    }


def capabilities(app: flask.Flask) -> list[str]:
    """What ``app`` offers, by the operations it has."""
    there = {rule.endpoint.rpartition(".")[2] for rule in app.url_map.iter_rules()}
    return [name for name, operation in _CAPABILITIES.items() if operation in there]


@blueprint.operation(
    "GET",
    "/metrics",
    "metrics",
    summary="Counts and times, for Prometheus",
    answer_type="text/plain",
    answer_example='loyalty_requests_total{operation="livez",status="200"} 3.0\n',
)
def metrics() -> Response:
    """Requests by operation and status, how long they took, and what is so now. Let only your own network read it.

    `loyalty_check` is 1 for each thing that readiness looks at while it is as it should be; `loyalty_late_seconds` says
    how late points and holds are that time should have moved; `loyalty_waiting` counts what waits to be done or seen.
    """
    counted, content_type = telemetry.exposition()
    return Response(counted + _checks() + _backlog(), content_type=content_type)


def _checks() -> bytes:
    found = {name: int(verdict in ("ok", "absent")) for name, verdict in _probe().look().checks.items()}
    return telemetry.gauge("loyalty_check", "1 while this is as it should be.", found, label="check")


def _backlog() -> bytes:
    """Nothing when the database does not answer, which its check tells."""
    try:
        found = backlog.look(current_app.extensions["database"], now=clock.now())
    except (psycopg.Error, SQLAlchemyError):
        return b""
    late = {"points": found.points_late, "holds": found.holds_late}
    waiting = {"reactions": found.reactions, "rejects": found.rejects, "failed_jobs": found.failed_jobs}
    return telemetry.gauge(
        "loyalty_late_seconds", "How late the oldest is that time should have moved.", late, label="kind"
    ) + telemetry.gauge("loyalty_waiting", "What waits to be done or looked at.", waiting, label="kind")

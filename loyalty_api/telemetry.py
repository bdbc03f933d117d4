"""Logs, metrics and request ids: what an operator sees, and never anything about a person.

A log line is a JSON object on standard error. There is one for each request, with its operation and not its
path: no body, no query and no identifier ever comes here, and of an unexpected error only where it happened,
because the messages of databases and parsers quote what they were given.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, cast

import flask
import orjson
import structlog
from flask import g, request
from structlog.typing import EventDict, ExcInfo, WrappedLogger
from uuid_utils import uuid7

from loyalty_api.errors import LoyaltyError

REQUEST_ID = "X-Request-Id"
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_acceptable = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII).fullmatch
# Messages of these name code and types, not what a caller sent.
_SAFE_TO_QUOTE = (LoyaltyError, AttributeError, ImportError, NameError, NotImplementedError, AssertionError)


def _request_id(environ: Mapping[str, Any]) -> str:
    """The caller's own id of its request if it sent a usable one, else one of ours, ordered by time."""
    given: str | None = environ.get("HTTP_X_REQUEST_ID")
    return given if given and _acceptable(given) else f"req_{uuid7().hex}"


def configure_logging(level: str = "info") -> None:
    """Send this process's logs, structlog's and the standard library's alike, to standard error as JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", key="at"),
        _request,
        _without_values,
    ]
    renderer = structlog.processors.JSONRenderer(serializer=_dumps)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _decoded(renderer)],
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), structlog.stdlib.add_logger_name, *shared],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    telling = root.isEnabledFor(logging.INFO)
    _access.write = structlog.BytesLogger(sys.stderr.buffer).info if telling else None


def _dumps(event: EventDict, **_: Any) -> bytes:
    return orjson.dumps(event, default=repr)


def _decoded(renderer: structlog.processors.JSONRenderer) -> structlog.typing.Processor:
    return lambda logger, name, event: cast(bytes, renderer(logger, name, event)).decode()


def _request(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """The id of the request that a line belongs to."""
    if flask.has_app_context() and "request_id" in g:
        event.setdefault("request_id", g.request_id)
    return event


def _without_values(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """An exception as its kinds and the places it came through, without the values in its message."""
    info: ExcInfo | bool | BaseException | None = event.pop("exc_info", None)
    error = _error_of(info)
    if error is not None:
        event["error"] = described(error)
    return event


def _error_of(info: object) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    return info[1] if isinstance(info, tuple) else sys.exc_info()[1] if info else None


def described(error: BaseException) -> dict[str, Any]:
    """What a log may tell of ``error``: its kind, its SQLSTATE, where it came through, and its cause."""
    found: dict[str, Any] = {"kind": f"{type(error).__module__}.{type(error).__qualname__}"}
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    if state:
        found["sqlstate"] = state
    if isinstance(error, _SAFE_TO_QUOTE):
        found["message"] = str(error)
    found["at"] = _places(error.__traceback__)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        found["cause"] = described(cause)
    return found


def _places(traceback: TracebackType | None) -> list[str]:
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{code.co_filename}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return places


def collect_in(folder: Path) -> None:
    """Let the processes of this server count together, in ``folder``, which is emptied.

    Call it once in the parent, before any worker starts and before anything counts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink()
    os.environ[_FOLDER] = str(folder)


class Metrics:
    """Requests counted and timed by operation. A process has one set, whatever the number of applications."""

    def __init__(self) -> None:
        # The library decides when it is first imported whether processes count together.
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry = CollectorRegistry()
        self._requests = Counter(
            "loyalty_requests", "Requests answered.", ["operation", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "loyalty_request_seconds",
            "Time until the answer was ready.",
            ["operation"],
            registry=self.registry,
            buckets=_BUCKETS,
        )
        # Looking a child up by its labels costs more than counting, so each is kept.
        self._children: dict[tuple[str, int], tuple[Any, Any]] = {}

    def count(self, operation: str, status: int, seconds: float) -> None:
        """One answered request."""
        children = self._children.get((operation, status))
        if children is None:
            children = self._requests.labels(operation, str(status)), self._seconds.labels(operation)
            self._children[(operation, status)] = children
        children[0].inc()
        children[1].observe(seconds)


_metrics: list[Metrics] = []


def metrics() -> Metrics:
    """This process's metrics."""
    if not _metrics:
        _metrics.append(Metrics())
    return _metrics[0]


def exposition() -> tuple[bytes, str]:
    """The metrics of all processes that count together, in Prometheus' text format, and its content type."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = metrics().registry
    if os.environ.get(_FOLDER):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


def gauge(name: str, told: str, values: Mapping[str, int], *, label: str) -> bytes:
    """What is so at this moment, in Prometheus' text format: a line for each value of its ``label``."""
    lines = [f'{name}{{{label}="{of}"}} {value}' for of, value in values.items()]
    return "\n".join([f"# HELP {name} {told}", f"# TYPE {name} gauge", *lines, ""]).encode()


class _AccessLog:
    """Where access lines go: nowhere until logging is configured, and only when it tells that much."""

    def __init__(self) -> None:
        self.write: Callable[[bytes], None] | None = None


_access = _AccessLog()


def install(app: flask.Flask) -> None:
    """Give every request of ``app`` an id, and a log line and a count when it is answered. Call it first.

    This runs around every request, so it asks Flask's proxies once and writes its line without a processor
    chain: together about a tenth of what Flask itself needs for a request.
    """
    count = metrics().count

    def begin() -> None:
        here = g._get_current_object()
        here.began = perf_counter()
        here.request_id = _request_id(request.environ)

    def end(response: flask.Response) -> flask.Response:
        here, asked = g._get_current_object(), request._get_current_object()  # type: ignore[attr-defined]
        seconds = perf_counter() - here.began
        rule = asked.url_rule
        operation = rule.endpoint.rpartition(".")[2] if rule else "none"
        response.headers[REQUEST_ID] = here.request_id
        count(operation, response.status_code, seconds)
        if _access.write:
            _access.write(_line(here, operation, asked.method, response.status_code, seconds))
        return response

    app.before_request(begin)
    app.after_request(end)


def _line(here: Any, operation: str, method: str, status: int, seconds: float) -> bytes:
    caller = here.get("principal")
    return orjson.dumps(
        {
            "at": datetime.now(UTC),
            "level": "info",
            "event": "request",
            "request_id": here.request_id,
            "operation": operation,
            "method": method,
            "status": status,
            "ms": round(seconds * 1000, 2),
            "client": caller.client_id if caller else None,
        },
        option=orjson.OPT_UTC_Z,
    )

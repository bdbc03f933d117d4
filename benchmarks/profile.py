"""Where one request's time goes: ``python -m benchmarks.profile``.

The applications are called in this process, one request after the other, so that CPU can be told from waiting and
Python from PostgreSQL. Three tables: CPU a request, Python's own time by package, PostgreSQL's time by statement.
"""

from __future__ import annotations

import cProfile
import io
import itertools
import json
import logging
import pstats
import re
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import flask
import psycopg

from benchmarks import baskets, ceiling
from benchmarks.load import drive, request
from benchmarks.place import Shop, connect, make_ceiling, open_shop, serve_api
from loyalty_api import config, ids
from loyalty_api.app import create_app

_WARM, _SLICE, _ROUNDS, _PROFILED, _SHOWN = 400, 100, 9, 400, 14
_PACKAGE = re.compile(r"site-packages/(\w+)/|/(loyalty_api/.*)\.py$")
_EXPLAIN = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
}
_PLAN = re.compile(r"duration: ([0-9.]+) ms  plan:\n((?:.*\n)*?)(?=\d{4}-\d\d-\d\d |\Z)")


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of request to one application; ``url`` leads its owner to the database behind it."""

    name: str
    app: flask.Flask
    requests: Iterator[bytes]
    url: str

    def run(self, count: int) -> None:
        """Answer so many requests."""
        for environ in [_environ(raw) for raw in itertools.islice(self.requests, count)]:
            answer = self.app.wsgi_app(environ, _started)
            b"".join(answer)
            getattr(answer, "close", lambda: None)()


def main() -> None:
    """Print the tables."""
    logging.disable(logging.WARNING)
    with open_shop() as shop:
        calls = list(_calls(shop))
        for call in calls:
            call.run(_WARM)
        _print_cpu(calls)
        for call in calls:
            _print_packages(call)
        _print_statements(shop)


def _calls(shop: Shop) -> Iterator[Call]:
    settings = replace(config.read(), database_url=shop.app_url, without_redis=True, threads=1)
    app = create_app(settings)
    with serve_api(shop.folder) as port:
        connection = connect(port)
        sales = baskets.purchase_requests(shop.tills(connection))
        token = connection.sign_in(client=shop.office)
    paths = [f"/v1/members/{ids.show('mbr', member_id)}/balance" for member_id in shop.members]
    reads = itertools.cycle([request(method="GET", path=path, token=token) for path in paths])
    url = make_ceiling(shop)
    least = ceiling.create_app(url, 1)
    yield Call("purchase", app, sales, shop.owner_url)
    yield Call("insert and update", least, ceiling.entry_requests(shop.members), url)
    yield Call("balance", app, reads, shop.owner_url)
    yield Call("hello", least, itertools.repeat(ceiling.HELLO), url)


def _backends(url: str) -> list[int]:
    """The PostgreSQL processes that serve a database, but for the one that is asked."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [row[0] for row in rows]


def _print_cpu(calls: list[Call]) -> None:
    took: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    backends = {call.name: _backends(call.url) for call in calls}
    for _ in range(_ROUNDS):
        for call in calls:
            took[call.name].append(_timed(call, backends[call.name]))
    click.echo(f"{'µs a request':<20}{'Python':>10}{'PostgreSQL':>12}{'clock':>10}")
    for name, found in took.items():
        python, server, clock = (statistics.median(column) for column in zip(*found, strict=True))
        click.echo(f"{name:<20}{python:>10.0f}{server:>12.0f}{clock:>10.0f}")


def _timed(call: Call, backends: list[int]) -> tuple[float, float, float]:
    clock, own, server = time.perf_counter(), time.thread_time(), _server_seconds(backends)
    call.run(_SLICE)
    found = (
        time.thread_time() - own,
        _server_seconds(backends) - server,
        time.perf_counter() - clock,
    )
    return tuple(seconds / _SLICE * 1e6 for seconds in found)  # type: ignore[return-value]


def _server_seconds(backends: list[int]) -> float:
    """CPU seconds of PostgreSQL's processes so far."""
    spent = [int(Path(f"/proc/{backend}/schedstat").read_text().split()[0]) for backend in backends]
    return sum(spent) / 1e9


def _print_packages(call: Call) -> None:
    profile = cProfile.Profile(time.thread_time)
    profile.runcall(call.run, _PROFILED)
    own: Counter[str] = Counter()
    for (file, _, _), (_, _, spent, _, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        # What is written in C belongs to whoever calls it.
        parts = {caller[0]: found[2] for caller, found in callers.items()} if file == "~" else {file: spent}
        for place, seconds in parts.items():
            own[_package(place)] += seconds
    everything = own.total()
    shares = [f"{name} {spent / everything:.1%}" for name, spent in own.most_common(_SHOWN)]
    click.echo(f"\n{call.name}, Python's own time by package: {', '.join(shares)}")


def _package(file: str) -> str:
    found = _PACKAGE.search(file)
    return next(filter(None, found.groups())) if found else "standard library"


def _print_statements(shop: Shop) -> None:
    """Purchases once more, with every statement explained as it runs."""
    count = len(baskets.with_ten_lines())
    with _explained(shop), serve_api(shop.folder) as port:
        sales = baskets.purchase_requests(shop.tills(connect(port)))
        measure = _driver(port, sales, count)
        measure()
        log = next(shop.folder.rglob("postgres.log"))
        begins = log.stat().st_size
        measure()
    with log.open(encoding="utf-8", errors="replace") as file:
        file.seek(begins)
        plans = [(float(ms), json.loads(plan)) for ms, plan in _PLAN.findall(file.read())]
    took: dict[str, list[float]] = defaultdict(list)
    hits: Counter[str] = Counter()
    for ms, plan in plans:
        query = " ".join(plan["Query Text"].split())[:70]
        took[query].append(ms * 1000)
        hits[query] += plan["Plan"].get("Shared Hit Blocks", 0)
    click.echo(f"\n{'µs a purchase':>14}{'calls':>7}{'median µs':>11}{'buffers':>9}  statement")
    for query, found in sorted(took.items(), key=lambda item: -sum(item[1]))[:8]:
        row = f"{sum(found) / count:>14.0f}{len(found) / count:>7.2f}{statistics.median(found):>11.0f}"
        click.echo(f"{row}{hits[query] / len(found):>9.0f}  {query}")


def _driver(port: int, requests: Iterator[bytes], count: int) -> Callable[[], object]:
    return lambda: drive(port=port, requests=itertools.islice(requests, count), seconds=120, expected=201)


@contextmanager
def _explained(shop: Shop) -> Iterator[None]:
    with (
        psycopg.connect(shop.running.database_url, autocommit=True) as superuser,
        psycopg.connect(shop.owner_url) as owner,
    ):
        for name, value in _EXPLAIN.items():
            superuser.execute(f"ALTER DATABASE {owner.info.dbname} SET {name} = '{value}'")
    yield


def _environ(raw: bytes) -> dict[str, Any]:
    """The WSGI environment of a request."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split()
    fields = {
        name.upper().replace("-", "_"): value for name, value in (line.split(": ", 1) for line in lines)
    }
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **{name if name.startswith("CONTENT_") else f"HTTP_{name}": value for name, value in fields.items()},
    }


def _started(status: str, _headers: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], None]:
    assert status[0] == "2", status
    return lambda _: None


if __name__ == "__main__":
    main()

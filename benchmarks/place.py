"""Where figures are measured: a new folder with engines of its own, the demo's shop in it, and servers beside."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import psycopg
from sqlalchemy import text

from benchmarks import baskets, ceiling, meter
from benchmarks.load import CONNECTIONS, LoadFailed, drive, request
from loyalty_api import config, engines, ids, migrating
from loyalty_api.db import Database
from loyalty_api.demo import data, replay, stage
from loyalty_api.demo import run as demo
from loyalty_api.demo.client import Connection, Credential, Tokens
from loyalty_api.demo.server import free_port
from loyalty_api.engines import Engines, child

_HOST = "127.0.0.1"
_DATABASE = "loyalty"
_READY_SECONDS = 120.0
_STOP_SECONDS = 20.0
_OUR_SETTINGS = ("DATABASE_", "REDIS_", "LOYALTY_")


@dataclass(frozen=True, slots=True)
class Shop:
    """What is measured: engines, the owner's and the application's URL, who may sign in, the members' ids.

    ``cards`` are those of the members, in their order, where they are not the households of the baskets.
    """

    folder: Path
    running: Engines
    owner_url: str
    app_url: str
    credentials: Mapping[str, Credential]
    members: tuple[UUID, ...]
    cards: tuple[str, ...] = ()

    @property
    def office(self) -> Credential:
        """The back office, which reads and imports everything."""
        return self.credentials[stage.OFFICE]

    def tills(self, connection: Connection) -> dict[int, str]:
        """A token of the till of each store where baskets of ten lines were sold."""
        stores = {purchase.store_id for purchase in baskets.with_ten_lines()}
        return {
            store_id: connection.sign_in(client=self.credentials[data.store_code(store_id=store_id)])
            for store_id in stores
        }

    def other_database(self, name: str) -> tuple[str, str]:
        """The URLs of the owner and of the application of another database in the same engine."""
        return engines.ensure_database(self.running, name)


def superuser(shop: Shop) -> psycopg.Connection[Any]:
    """The shop's database, opened by the one who may do anything."""
    return psycopg.connect(shop.running.database_url, dbname=_DATABASE)


def connect(port: int) -> Connection:
    """A connection that can sign in, with tokens of its own."""
    return Connection(host=_HOST, port=port, tokens=Tokens())


@contextmanager
def clean_environment() -> Iterator[Path]:
    """A new data folder under default settings, whatever is set outside; gone afterwards."""
    for name in [name for name in os.environ if name.startswith(_OUR_SETTINGS)]:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="loyalty-bench-"))
    os.environ["LOYALTY_DATA_DIR"] = str(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def open_shop(settings: Mapping[str, str] | None = None) -> Iterator[Shop]:
    """Engines in a new folder, and in them the demo's program, clients, stores, products and members.

    ``settings`` are PostgreSQL's; without them it has those of the embedded one, which are for a laptop.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(clean_environment())
        running = stack.enter_context(engines.start(data_dir=folder, postgres_settings=settings))
        meter.count_database(folder)
        owner_url, app_url = engines.ensure_database(running, _DATABASE)
        migrating.upgrade(owner_url=owner_url, app_url=app_url)
        credentials = _clients(app_url)
        with serve_api(folder) as port:
            _furnish(port, credentials[stage.OFFICE])
            members = tuple(_members(connect(port), credentials[stage.OFFICE]))
        yield Shop(folder, running, owner_url, app_url, credentials, members)


@contextmanager
def serve_api(folder: Path, *, threads: int | None = None, redis: bool = True) -> Iterator[int]:
    """``loyalty serve`` in the shop's folder; its port."""
    port = free_port(host=_HOST, wanted=0)
    more = {} if redis else {"LOYALTY_WITHOUT_REDIS": "true"}
    if threads:
        more["LOYALTY_THREADS"] = str(threads)
    words = ["-m", "loyalty_api.cli", "--database", _DATABASE, "serve", "--host", _HOST, "--port", str(port)]
    with _run(words, more, folder / f"api-{port}.log"):
        _wait_until_ready(port, "/readyz")
        yield port


def make_ceiling(shop: Shop) -> str:
    """The ceiling's database, with a row for each member; its URL."""
    url, _ = shop.other_database("ceiling")
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS entries, balances")
        connection.execute(ceiling.TABLES)
        rows = [(member_id, 0) for member_id in shop.members]
        connection.cursor().executemany("INSERT INTO balances VALUES (%s, %s)", rows)
    return url


@contextmanager
def serve_ceiling(shop: Shop) -> Iterator[int]:
    """The ceiling's routes under the API's settings, in a database of their own; their port."""
    url, port, settings = make_ceiling(shop), free_port(host=_HOST, wanted=0), config.read()
    call = f"serve({url!r}, {port}, {settings.workers}, {settings.threads})"
    words = ["-c", f"from benchmarks.ceiling import serve; {call}"]
    with _run(words, {}, shop.folder / "ceiling.log"):
        _wait_until_ready(port, "/ceiling/hello")
        yield port


@contextmanager
def _run(words: list[str], more: Mapping[str, str], log: Path) -> Iterator[None]:
    """A server of ours that ends with the block, and with this process should it be killed."""
    fate = [str(child.KEEP), str(child.KEEP), str(int(signal.SIGTERM)), str(os.getpid())]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", child.__file__, *fate, sys.executable, *words],
            env={**os.environ, **more},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    except Exception:
        print(log.read_text(errors="replace")[-2000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_ready(port: int, path: str) -> None:
    """Until every worker answers: with so many connections each of them gets some."""
    until = time.monotonic() + _READY_SECONDS
    some = [request(method="GET", path=path)] * CONNECTIONS * 2
    while True:
        try:
            drive(port=port, requests=iter(some), seconds=_READY_SECONDS, expected=200)
        except (OSError, LoadFailed):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def _clients(app_url: str) -> dict[str, Credential]:
    """Publish the demo's program and make its clients."""
    document = orjson.loads((Path(demo.__file__).parent / "basic.json").read_bytes())
    rate = {"points": 100, "amount": 1000, "step": 100, "minimum": 100}
    document |= {"redeem": {"rate": rate}, "adjustments": {"client_per_day": 10_000}}
    stores = sorted({purchase.store_id for purchase in baskets.of_members()})
    database, now = Database(app_url), datetime.now(UTC)
    try:
        with database.unit_of_work() as session:
            stage.ensure_program(session, document=document, now=now)
            made = stage.ensure_clients(session, held={}, stores=stores, now=now)
            # One till is asked by many connections here; figure after figure would come to its limit.
            session.execute(text("UPDATE clients SET rate = :rate"), {"rate": 1_000_000})
            return made
    finally:
        database.close()


def _furnish(port: int, office: Credential) -> None:
    """Put stores, products and members there over HTTP."""
    connection, bought = connect(port), baskets.of_members()
    stage.put_stores(connection, office=office, stores=sorted({purchase.store_id for purchase in bought}))
    products = frozenset(line.product_id for purchase in bought for line in purchase.lines)
    stage.put_products(connection, office=office, only=products)
    households = sorted({purchase.household_id for purchase in bought})
    shares = [households[start::CONNECTIONS] for start in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(partial(_enrol, port, office), shares))


def _enrol(port: int, office: Credential, households: list[int]) -> None:
    connection = connect(port)
    for household_id in households:
        replay.enrol(connection, office=office, household_id=household_id)


def _members(connection: Connection, office: Credential) -> Iterator[UUID]:
    path = first = "/v1/members?limit=200"
    while path:
        page = connection.call(method="GET", path=path, client=office).document()
        yield from filter(None, (ids.read("mbr", member["member_id"]) for member in page["data"]))
        path = f"{first}&cursor={page['next_cursor']}" if page["next_cursor"] else ""

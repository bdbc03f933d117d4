"""Where fuzzing happens: the real server in processes of its own, over a database and a shop made for this run."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from loyalty_api import config, engines, migrating
from loyalty_api.app import create_app
from loyalty_api.db import Database
from loyalty_api.demo.server import run_server
from loyalty_api.engines import Engines
from tests.support.documents import with_lots
from tests.support.processes import free_port
from tests.support.shop import KEYS, Shop, open_shop

HOST = "127.0.0.1"
_ISSUER = "https://loyalty.example"
_RATE = {"points": 10, "amount": 10, "step": 10, "minimum": 20}
_SETTINGS_OF_OURS = ("DATABASE_", "REDIS_", "LOYALTY_")


@dataclass(frozen=True, slots=True)
class Place:
    """A server that listens on ``port``, and the same installation at hand in this process as ``shop``."""

    port: int
    shop: Shop
    app_url: str
    log: Path


@contextmanager
def open_place(running: Engines, folder: Path, *, database: str = "fuzz") -> Iterator[Place]:
    """A new database in the engines, a shop in it, and ``loyalty serve`` with its worker over both."""
    owner_url, app_url = engines.ensure_database(running, database)
    migrating.upgrade(owner_url=owner_url, app_url=app_url)
    ring = ",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in KEYS)
    settings = {
        "DATABASE_URL": app_url,
        "REDIS_URL": running.redis_url,
        "LOYALTY_KEYS": ring,
        "LOYALTY_DATA_DIR": str(folder),
        # Clients that are made on the way may call as often as they can: 429 would hide what is looked for.
        "LOYALTY_DEFAULT_RATE": "1000000",
    }
    port, log = free_port(), folder / "server.log"
    with _shop(running, app_url) as shop, ExitStack() as stack:
        with _environment(settings):
            stack.enter_context(run_server(host=HOST, port=port, database=database, issuer=_ISSUER, log=log))
        yield Place(port, shop, app_url, log)


@contextmanager
def _shop(running: Engines, app_url: str) -> Iterator[Shop]:
    """The shop, and one more application over it, which fills it and signs tokens."""
    database = Database(app_url, threads=8)
    made = config.Settings(
        data_dir=Path("/nonexistent"), redis_url=running.redis_url, keys=KEYS, issuer=_ISSUER
    )
    document = with_lots(redeem={"rate": _RATE}, adjustments={"client_per_day": 10_000})
    try:
        yield open_shop(create_app(made, database=database), document=document)
    finally:
        database.close()


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """These settings and no others of ours, while the server is started."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(_SETTINGS_OF_OURS)]:
        del os.environ[name]
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

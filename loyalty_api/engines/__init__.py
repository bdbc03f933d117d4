"""The PostgreSQL and Redis we talk to: given by URL, or embedded for a newcomer.

Embedded engines live in one data folder and are reached over Unix sockets only. Any number of processes may
use one folder: the first runs the engines, the others use them, and when the first ends one of the others
takes over within a second, behind the same URLs; its open connections break, as they would at any restart of
a server. An engine that dies is started again within about a second. All of them stop with the last process,
even a killed one. They are durable, but not for production: no backup, no replica, no network.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from loyalty_api.engines.binaries import find_valkey
from loyalty_api.engines.databases import LIBPQ_TIMEOUTS, make_database, with_timeouts
from loyalty_api.engines.errors import EngineUnavailable
from loyalty_api.engines.home import Home, open_home
from loyalty_api.engines.keeper import Engine, Keeper
from loyalty_api.engines.postgres import Postgres
from loyalty_api.engines.valkey import Valkey

__all__ = [
    "LIBPQ_TIMEOUTS",
    "EngineUnavailable",
    "Engines",
    "ensure_database",
    "start",
    "with_timeouts",
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Engines:
    """URLs that are ready for use.

    ``database_url`` is libpq's; when embedded it connects the superuser to the database ``postgres``.
    ``redis_url`` is ``redis://…`` or ``unix://…``, and empty when there is no Redis. ``embedded`` speaks of
    the database.
    """

    database_url: str
    redis_url: str
    embedded: bool


@contextmanager
def start(
    *,
    data_dir: Path,
    database_url: str = "",
    redis_url: str = "",
    without_redis: bool = False,
    postgres_bin: Path | None = None,
    postgres_settings: Mapping[str, str] | None = None,
) -> Iterator[Engines]:
    """Yield engines that take connections; those that we run are stopped, and waited for, at the end.

    A URL that is given is used as it is, and nothing is started or touched for it. Otherwise the engine is
    embedded in ``data_dir``: the programs of the ``embedded`` extra, else those of the system;
    ``postgres_bin`` names a folder of PostgreSQL's programs instead, and ``postgres_settings`` are stronger than ours,
    which are those of a laptop. A missing Redis is not an error. Raises
    EngineUnavailable.
    """
    embedded = not database_url
    programs = None if redis_url or without_redis else find_valkey()
    with ExitStack() as stack:
        if embedded or programs:
            home = open_home(data_dir)
            stack.callback(home.close)
            engines: list[Engine] = []
            if embedded:
                postgres = Postgres(home, folder=postgres_bin, settings=postgres_settings or {})
                database_url = postgres.url(home)
                engines.append(postgres)
            if programs:
                valkey = Valkey(programs)
                redis_url = valkey.url(home)
                engines.append(valkey)
            _keep(engines, home, stack)
        yield Engines(database_url, redis_url, embedded)


def _keep(engines: list[Engine], home: Home, stack: ExitStack) -> None:
    """Start all of them at the same time, and have ``stack`` stop them."""
    keepers = [Keeper(engine, home) for engine in engines]
    for keeper in keepers:
        keeper.start()
        stack.callback(keeper.stop)
    for keeper in keepers:
        keeper.wait()
    _log.warning("Embedded engines run in %s: for trying things out, not for production", home.root)


def ensure_database(engines: Engines, name: str) -> tuple[str, str]:
    """Create database ``name`` with an owner and an application role, unless they are there.

    Returns the URLs of the owner, who migrates, and of the application, which cannot change the schema. Only
    for embedded engines: in a PostgreSQL of one's own its operator decides about roles. Raises
    EngineUnavailable.
    """
    if not engines.embedded:
        raise EngineUnavailable("Databases and roles of a given DATABASE_URL are made by its operator")
    return make_database(engines.database_url, name)

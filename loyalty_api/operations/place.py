"""Where a command works: engines that answer, a database, and the settings that lead to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg
from psycopg.rows import TupleRow

from loyalty_api import engines
from loyalty_api.config import Settings
from loyalty_api.engines import EngineUnavailable, with_timeouts
from loyalty_api.errors import Unavailable

DATABASE = "loyalty"


class SchemaBehind(Unavailable):
    """The database is not at the revision that this version of the program needs."""

    code, title = "schema_behind", "The database needs a migration"


@dataclass(frozen=True, slots=True)
class Place:
    """Settings whose URLs can be connected to. ``embedded`` speaks of the database.

    ``settings.database_owner_url`` is the role that migrates; without one of its own it is the application's.
    """

    settings: Settings
    embedded: bool

    @property
    def owner_url(self) -> str:
        """The role that owns the tables."""
        return self.settings.database_owner_url or self.settings.database_url


@contextmanager
def open_place(settings: Settings, *, database: str = DATABASE, redis: bool = False) -> Iterator[Place]:
    """Engines as ``settings`` say, for as long as the block runs.

    Without a DATABASE_URL that is the embedded PostgreSQL and in it ``database``, made if it is not there.
    ``redis`` asks for a Redis too. Raises EngineUnavailable.
    """
    with engines.start(
        data_dir=settings.data_dir,
        database_url=settings.database_url,
        redis_url=settings.redis_url if redis else "",
        without_redis=settings.without_redis or not redis,
    ) as running:
        ready = replace(settings, redis_url=running.redis_url, without_redis=not running.redis_url)
        if running.embedded:
            owner_url, app_url = engines.ensure_database(running, database)
            ready = replace(ready, database_url=app_url, database_owner_url=owner_url)
        yield Place(ready, running.embedded)


def ensure_schema(place: Place) -> None:
    """An embedded database is migrated on the way; one with an operator is only looked at.

    A newer schema is one that the next version has prepared: migrations keep the present one working.

    :raises SchemaBehind: its operator has to migrate it first.
    :raises EngineUnavailable: it cannot be reached.
    """
    # A process that serves starts with this module, and the sooner without what migrates.
    from loyalty_api import migrating

    if place.embedded:
        migrating.upgrade(owner_url=place.owner_url, app_url=place.settings.database_url)
        return
    connect(place.settings.database_url).close()
    found, wanted = migrating.current(url=place.settings.database_url), migrating.head()
    if (found or "") < (wanted or ""):
        raise SchemaBehind(f"It is at {found or 'nothing'}, this version needs {wanted}: loyalty db upgrade")


def connect(url: str) -> psycopg.Connection[TupleRow]:
    """A connection of one's own, outside any pool, that gives up on a dead server within seconds.

    :raises EngineUnavailable: there is none to be had; the server's own words say why.
    """
    try:
        return psycopg.connect(with_timeouts(url), autocommit=True)
    except psycopg.OperationalError as error:
        raise EngineUnavailable(f"The database cannot be reached: {' '.join(str(error).split())}") from error

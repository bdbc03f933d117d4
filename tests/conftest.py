"""What every test may ask for: real engines, a migrated database of its own, and a shop that is open."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy.orm import Session

from loyalty_api import config, engines, migrating
from loyalty_api.app import create_app
from loyalty_api.db import Database
from loyalty_api.engines import Engines
from tests.support.engines import run_engines, until
from tests.support.shop import KEYS, Shop, open_shop

# A busy neighbour must not fail a property: what is slow is found by benchmarks. What guards main tries the same
# examples in every run, so that a red one is red again; `pytest --hypothesis-profile=long` looks for new ones.
_STEADY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", _STEADY, derandomize=True, database=None, max_examples=50)
settings.register_profile("long", _STEADY, max_examples=1000, print_blob=True)
settings.load_profile("ci")

_numbers = itertools.count()

running = pytest.fixture(scope="session")(run_engines)


@pytest.fixture(scope="session")
def template(running: Engines) -> str:
    """The name of a migrated database that others are copied from; its roles are ``shop_owner`` and ``shop_app``."""
    owner_url, app_url = engines.ensure_database(running, "shop")
    migrating.upgrade(owner_url=owner_url, app_url=app_url)
    return "shop"


@pytest.fixture(scope="session")
def open_template(running: Engines, template: str) -> str:
    """The name of a copy of it in which a shop has opened."""
    database = Database(_copy(running, template, name="open_shop"))
    open_shop(create_app(_settings(running), database=database))
    database.close()
    return "open_shop"


def _settings(running: Engines) -> config.Settings:
    return config.Settings(data_dir=Path("/nonexistent"), redis_url=running.redis_url, keys=KEYS)


def _copy(running: Engines, template: str, *, name: str = "") -> str:
    """A fresh copy of the template, as the URL of the application's role."""
    name = name or f"{template}_{next(_numbers)}"
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        until(lambda: _is_left(connection, template), "nobody is connected to the template")
        # Files are copied and nothing goes through the log: a quarter of the work, for databases as small as these.
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER shop_owner STRATEGY FILE_COPY")
        connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        connection.execute(f"GRANT CONNECT ON DATABASE {name} TO shop_app")
    return running.database_url.replace("//loyalty@/postgres?", f"//shop_app@/{name}?")


def _is_left(connection: psycopg.Connection, name: str) -> bool:
    query = "SELECT FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
    return connection.execute(query, (name,)).fetchone() is None


@contextmanager
def _own_database(running: Engines, template: str) -> Iterator[str]:
    """A copy that is there for as long as the block runs, as the URL of the application's role."""
    url = _copy(running, template)
    yield url
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {url.partition('@/')[2].partition('?')[0]} WITH (FORCE)")


@pytest.fixture
def own_urls(running: Engines, template: str) -> Iterator[tuple[str, str]]:
    """A migrated database of the test's own: the URLs of its owner and of its application."""
    with _own_database(running, template) as url:
        yield url.replace("//shop_app@", "//shop_owner@"), url


@pytest.fixture(scope="module")
def module_database(running: Engines, open_template: str) -> Iterator[Database]:
    """A database that the tests of one module share."""
    with _own_database(running, open_template) as url:
        database = Database(url, threads=16)
        yield database
        database.close()


@pytest.fixture(scope="module")
def shop(running: Engines, module_database: Database) -> Shop:
    """An application with the demo's rules, two stores and a few products; the tests of one module share it."""
    return Shop(create_app(_settings(running), database=module_database))


@pytest.fixture
def fresh_shop(running: Engines, open_template: str) -> Iterator[Shop]:
    """A shop that nobody has been in."""
    with _own_database(running, open_template) as url:
        database = Database(url, threads=16)
        yield Shop(create_app(_settings(running), database=database))
        database.close()


@pytest.fixture
def shop_session(shop: Shop) -> Iterator[Session]:
    """A transaction in the shop's database."""
    with shop.database.unit_of_work() as session:
        yield session

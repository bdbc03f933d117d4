"""What every test may ask for: real engines, a migrated database of its own, and a shop that is open."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy.orm import Session

from loyalty_api import config, engines, migrating
from loyalty_api.app import create_app
from loyalty_api.db import Database
from loyalty_api.engines import Engines
from tests.support.engines import run_engines
from tests.support.shop import KEYS, Shop, open_shop

# A busy neighbour must not fail a property: what is slow is found by benchmarks.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

_numbers = itertools.count()

running = pytest.fixture(scope="session")(run_engines)


@pytest.fixture(scope="session")
def template(running: Engines) -> str:
    """The name of a migrated database that others are copied from; its roles are ``shop_owner`` and ``shop_app``."""
    owner_url, app_url = engines.ensure_database(running, "shop")
    migrating.upgrade(owner_url=owner_url, app_url=app_url)
    return "shop"


def _copy(running: Engines, template: str) -> str:
    """A fresh copy of the template, as the URL of the application's role."""
    name = f"{template}_{next(_numbers)}"
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {template}_owner")
        connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {template}_app")
    _, app_url = engines.ensure_database(running, template)
    return app_url.replace(f"/{template}?", f"/{name}?")


@pytest.fixture(scope="module")
def module_database(running: Engines, template: str) -> Iterator[Database]:
    """A database that the tests of one module share."""
    database = Database(_copy(running, template), threads=16)
    yield database
    database.close()


@pytest.fixture(scope="module")
def shop(running: Engines, module_database: Database) -> Shop:
    """An application with the demo's rules, two stores and a few products; the tests of one module share it."""
    made = config.Settings(data_dir=Path("/nonexistent"), redis_url=running.redis_url, keys=KEYS)
    return open_shop(create_app(made, database=module_database))


@pytest.fixture
def fresh_shop(running: Engines, template: str) -> Iterator[Shop]:
    """A shop that nobody has been in."""
    database = Database(_copy(running, template), threads=16)
    made = config.Settings(data_dir=Path("/nonexistent"), redis_url=running.redis_url, keys=KEYS)
    yield open_shop(create_app(made, database=database))
    database.close()


@pytest.fixture
def shop_session(shop: Shop) -> Iterator[Session]:
    """A transaction in the shop's database."""
    with shop.database.unit_of_work() as session:
        yield session

from __future__ import annotations

import itertools
from collections.abc import Iterator

import psycopg
import pytest

from loyalty_api import engines, migrating
from loyalty_api.engines import Engines

_numbers = itertools.count()


@pytest.fixture
def empty(running: Engines) -> tuple[str, str]:
    """A database without a table: the URLs of its owner and of its application."""
    return engines.ensure_database(running, f"empty_{next(_numbers)}")


@pytest.fixture(scope="package")
def migrated(running: Engines) -> tuple[str, str]:
    """A database at the newest revision: the URLs of its owner and of its application."""
    owner_url, app_url = engines.ensure_database(running, "migrated")
    migrating.upgrade(owner_url=owner_url, app_url=app_url)
    return owner_url, app_url


@pytest.fixture
def application(migrated: tuple[str, str]) -> Iterator[psycopg.Connection]:
    """A connection of the application's role; what it writes is not kept."""
    with psycopg.connect(migrated[1]) as connection:
        yield connection
        connection.rollback()

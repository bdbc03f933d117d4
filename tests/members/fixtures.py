"""A database with the schema, with nobody in it at the start of each test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from loyalty_api import engines, migrating
from loyalty_api.db import Database
from loyalty_api.engines import Engines
from loyalty_api.stores import service as stores
from tests.members.world import STORE, World, make_app

TABLES = (
    "privacy_requests", "terms_acceptances", "name_index", "people", "identifier_index", "identifiers",
    "member_profiles", "members", "data_keys", "events", "idempotency_keys", "stores",
)  # fmt: skip
NOW = datetime(2026, 11, 21, 15, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="package")
def urls(running: Engines) -> tuple[str, str]:
    """The owner's and the application's."""
    owner_url, app_url = engines.ensure_database(running, "members")
    migrating.upgrade(owner_url=owner_url, app_url=app_url)
    return owner_url, app_url


@pytest.fixture
def database(urls: tuple[str, str]) -> Iterator[Database]:
    owner = Database(urls[0])
    with owner.unit_of_work() as session:
        for table in TABLES:
            session.execute(text(f"DELETE FROM {table}"))
        stores.create_store(
            session, store_id=STORE, name="Storgata", time_zone="Europe/Oslo", now=NOW, by="test"
        )
    owner.close()
    database = Database(urls[1], threads=16)
    yield database
    database.close()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.unit_of_work() as session:
        yield session


@pytest.fixture
def world(database: Database) -> World:
    return World(make_app(database))

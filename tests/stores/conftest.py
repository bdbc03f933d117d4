from __future__ import annotations

from collections.abc import Iterator

import flask
import pytest
from sqlalchemy import text

from loyalty_api import engines, migrating
from loyalty_api.db import Database
from loyalty_api.engines import Engines
from loyalty_api.products.api import blueprint as products
from loyalty_api.stores.api import blueprint as stores
from tests.support.bare import bare_app


@pytest.fixture(scope="package")
def schema_url(running: Engines) -> str:
    owner_url, app_url = engines.ensure_database(running, "masters")
    migrating.upgrade(owner_url=owner_url, app_url=app_url)
    return app_url


@pytest.fixture
def database(schema_url: str) -> Iterator[Database]:
    database = Database(schema_url)
    with database.unit_of_work() as session:
        session.execute(text("DELETE FROM stores"))
        session.execute(text("DELETE FROM products"))
    yield database
    database.close()


@pytest.fixture
def app(database: Database) -> flask.Flask:
    return bare_app(database, stores, products)


@pytest.fixture
def client(app: flask.Flask) -> flask.testing.FlaskClient:
    return app.test_client()

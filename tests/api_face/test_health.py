"""Ready means: the database is there, keeps what it acknowledges and has the schema; Redis is a luxury."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import flask
import pytest
from flask.testing import FlaskClient

from loyalty_api import engines, migrating
from loyalty_api.config import Settings
from loyalty_api.db import Database
from loyalty_api.engines import Engines
from loyalty_api.health import Probe, capabilities


@pytest.fixture(scope="module")
def settings(running: Engines) -> Settings:
    owner_url, app_url = engines.ensure_database(running, "health")
    migrating.upgrade(owner_url=owner_url, app_url=app_url)
    return Settings(data_dir=Path("/nowhere"), database_url=app_url, redis_url=running.redis_url)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database_url)
    yield database
    database.close()


def test_everything_is_there(database: Database, settings: Settings) -> None:
    found = Probe(database, settings).look()
    assert found.status == "ready"
    assert found.checks == {"database": "ok", "durability": "ok", "migrations": "ok", "redis": "ok"}


def test_without_redis_we_are_as_ready(database: Database, settings: Settings) -> None:
    found = Probe(database, replace(settings, redis_url="")).look()
    assert (found.status, found.checks["redis"]) == ("ready", "absent")


def test_a_redis_that_does_not_answer_only_degrades(database: Database, settings: Settings) -> None:
    found = Probe(database, replace(settings, redis_url="redis://127.0.0.1:1")).look()
    assert (found.status, found.checks["redis"]) == ("degraded", "down")


def test_a_database_that_may_forget_is_not_one_to_write_to(settings: Settings) -> None:
    careless = Database(settings.database_url, server_limits="-c synchronous_commit=off")
    found = Probe(careless, settings).look()
    careless.close()
    assert (found.status, found.checks["durability"]) == ("not_ready", "wrong")


def test_an_older_schema_is_not_enough(running: Engines, settings: Settings) -> None:
    owner_url, app_url = engines.ensure_database(running, "behind")
    migrating.upgrade(owner_url=owner_url, app_url=app_url, revision="0001")
    behind = Database(app_url)
    found = Probe(behind, settings).look()
    behind.close()
    assert (found.status, found.checks["migrations"]) == ("not_ready", "wrong")


def test_an_empty_database_is_not_enough(running: Engines, settings: Settings) -> None:
    empty = Database(engines.ensure_database(running, "empty")[1])
    found = Probe(empty, settings).look()
    empty.close()
    assert (found.status, found.checks["migrations"]) == ("not_ready", "wrong")


def test_the_room_of_an_embedded_database_is_looked_at(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "postgres").mkdir()
    assert Probe(database, replace(settings, data_dir=tmp_path)).look().checks["disk"] in (
        "ok",
        "low",
        "wrong",
    )


def test_who_has_no_database_is_not_ready_and_says_so(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    told = answer.json
    assert told is not None
    assert (answer.status_code, told["code"], told["checks"]["database"]) == (503, "not_ready", "down")
    assert answer.headers["Retry-After"] == "1"


def test_alive_is_alive_without_anything(client: FlaskClient) -> None:
    assert client.get("/livez").json == {"status": "alive"}


def test_a_version_lists_what_this_installation_can_do(app: flask.Flask, client: FlaskClient) -> None:
    told = client.get("/version").json
    assert told is not None
    assert {"members", "purchases", "product_master"} <= set(told["capabilities"])
    assert capabilities(flask.Flask("empty", static_folder=None)) == []

"""A database with the schema and the rows of nobody, a Redis, and an application of nothing but doors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import flask
import pytest
from sqlalchemy import text

from loyalty_api import engines, migrating
from loyalty_api.db import Database
from loyalty_api.engines import Engines
from tests.auth.doors import make_app


@dataclass(slots=True)
class Clock:
    """Machine time that a test moves, in seconds."""

    seconds: float = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(slots=True)
class People:
    """Members as sign-in sees them: who a subject is, and how often each has signed out everywhere."""

    subjects: dict[tuple[str, str], UUID] = field(default_factory=dict)
    epochs: dict[UUID, int] = field(default_factory=dict)

    def add(self, issuer: str, subject: str) -> UUID:
        member_id = uuid4()
        self.subjects[(issuer, subject)], self.epochs[member_id] = member_id, 1
        return member_id

    def resolve(self, issuer: str, subject: str) -> UUID | None:
        return self.subjects.get((issuer, subject))

    def epoch(self, member_id: UUID) -> int | None:
        return self.epochs.get(member_id)


@pytest.fixture(scope="package")
def schema_url(running: Engines) -> str:
    owner_url, app_url = engines.ensure_database(running, "auth")
    migrating.upgrade(owner_url=owner_url, app_url=app_url, revision="0002")
    return app_url


@pytest.fixture
def database(schema_url: str) -> Iterator[Database]:
    database = Database(schema_url)
    with database.unit_of_work() as session:
        for table in ("clients", "signing_keys", "data_keys", "idempotency_keys"):
            session.execute(text(f"DELETE FROM {table}"))
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def app(database: Database) -> flask.Flask:
    return make_app(database)

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from loyalty_api import engines
from loyalty_api.cli import main
from loyalty_api.engines import Engines
from tests.support.engines import data_folder

RING = "first:" + base64.b64encode(bytes(range(32))).decode()

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Installation:
    """A database of one's own and the environment that leads to it."""

    owner_url: str
    app_url: str
    environment: dict[str, str]

    def loyalty(self, *words: str, **environment: str) -> Result:
        """Run a command as an operator does; what it says on either stream is in ``output``."""
        return CliRunner(env={**self.environment, **environment}).invoke(main, words)

    def execute(self, statement: str) -> None:
        """As the owner."""
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder


@pytest.fixture
def empty(running: Engines, folder: Path) -> Installation:
    """An installation before its first migration."""
    return _installation(running, folder, *engines.ensure_database(running, f"cli_{next(_numbers)}"))


@pytest.fixture
def installation(running: Engines, folder: Path, own_urls: tuple[str, str]) -> Installation:
    """One at the newest revision."""
    return _installation(running, folder, *own_urls)


def _installation(running: Engines, folder: Path, owner_url: str, app_url: str) -> Installation:
    environment = {
        "DATABASE_URL": app_url,
        "DATABASE_OWNER_URL": owner_url,
        "REDIS_URL": running.redis_url,
        "LOYALTY_DATA_DIR": str(folder),
        "LOYALTY_KEYS": RING,
        "LOYALTY_ISSUER": "https://loyalty.example",
    }
    return Installation(owner_url, app_url, environment)

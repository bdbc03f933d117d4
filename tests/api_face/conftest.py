from __future__ import annotations

from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from loyalty_api import openapi
from loyalty_api.app import create_app
from loyalty_api.config import Settings
from tests.support.contract import Contract


@pytest.fixture(scope="package")
def app() -> flask.Flask:
    """The whole application without a database: it describes itself, and answers what needs none."""
    nowhere = Settings(data_dir=Path(), database_url="postgresql:///", keys=(("none", bytes(32)),))
    return create_app(nowhere)


@pytest.fixture
def client(app: flask.Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="package")
def document(app: flask.Flask) -> dict[str, Any]:
    return openapi.document(app)


@pytest.fixture(scope="package")
def contract(document: dict[str, Any]) -> Contract:
    return Contract(document)

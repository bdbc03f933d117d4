"""What stands ready before the first basket is made once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from loyalty_api.auth import service as auth
from loyalty_api.db import Database, driver
from loyalty_api.demo import data, stage
from loyalty_api.demo.client import Credential
from loyalty_api.program.service import Programs

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DOCUMENT = {"currency": "USD", "time_zone": "UTC"}


@pytest.fixture
def database(own_urls: tuple[str, str]) -> Iterator[Database]:
    database = Database(own_urls[1])
    yield database
    database.close()


def clients(database: Database, held: dict[str, Credential], *stores: int) -> dict[str, Credential]:
    with database.unit_of_work() as session:
        return stage.ensure_clients(session, held=held, stores=stores, now=NOW)


def test_the_program_is_published_once_and_in_force_before_the_first_basket(database: Database) -> None:
    for _ in range(2):
        with database.unit_of_work() as session:
            stage.ensure_program(session, document=DOCUMENT, now=NOW)
    with database.unit_of_work() as session:
        (version,) = Programs(lambda document, _: document).published(driver(session))
    assert version.effective_from == data.FIRST_DAY


def test_a_till_is_bound_to_its_store_and_holds_what_a_lane_needs(database: Database) -> None:
    made = clients(database, {}, 330)
    assert set(made) == {"office", "gifts", "str_330"}
    with database.unit_of_work() as session:
        till = made["str_330"]
        found = auth.authenticate(session, client_id=till.client_id, secret=till.client_secret)
        assert found is not None
        assert (found.kind, found.store_id) == ("terminal", "str_330")
        assert set(found.scopes) == {
            "members:lookup",
            "quotes:create",
            "purchases:write",
            "returns:write",
            "redemptions:write",
        }


def test_clients_that_are_known_stay_and_only_missing_ones_are_made(database: Database) -> None:
    first = clients(database, {}, 330)
    second = clients(database, first, 330, 406)
    assert second.items() > first.items()
    assert set(second) - set(first) == {"str_406"}


def test_secrets_that_the_database_does_not_know_are_replaced(database: Database) -> None:
    stale = {"office": Credential("cli_gone", "old"), "str_330": Credential("cli_gone", "old")}
    made = clients(database, stale, 330)
    assert made["office"] != stale["office"]
    assert made["str_330"] != stale["str_330"]

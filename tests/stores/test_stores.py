"""Stores: uploaded by the file, added one by one, found and remembered."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from loyalty_api import clock, masters
from loyalty_api.db import Database, driver
from loyalty_api.errors import Invalid
from loyalty_api.stores import rules, service
from loyalty_api.stores.api import STORE_EXAMPLE
from loyalty_api.stores.rules import Store
from tests.support.lines import NDJSON, results, written


def upload(client: FlaskClient, *documents: Any) -> list[dict[str, Any]]:
    return results(client.put("/v1/stores", data=written(documents), content_type=NDJSON))


def add(session: Session, store_id: str = "str_1", **fields: Any) -> Store:
    given = {"name": "Storgata", "time_zone": "Europe/Oslo"} | fields
    return service.create_store(session, store_id=store_id, now=clock.now(), by="cli_office", **given)


def test_a_store_is_read_back_as_it_was_sent(client: FlaskClient) -> None:
    assert [result["status"] for result in upload(client, STORE_EXAMPLE)] == ["created"]
    assert client.get("/v1/stores/str_0412").json == STORE_EXAMPLE
    assert client.get("/v1/stores").json == {"data": [STORE_EXAMPLE], "next_cursor": None}


def test_a_store_can_be_closed(client: FlaskClient) -> None:
    upload(client, STORE_EXAMPLE)
    assert upload(client, STORE_EXAMPLE | {"active": False})[0]["status"] == "updated"
    assert client.get("/v1/stores/str_0412").json["active"] is False  # type: ignore[index]


@pytest.mark.parametrize("store", ["str_none", "0412", "%00", "str_%00", "%FF", "x" * 5000])
def test_an_unknown_store_is_said_to_be_unknown(client: FlaskClient, store: str) -> None:
    answer = client.get(f"/v1/stores/{store}")
    assert (answer.status_code, answer.json["code"]) == (404, "store_unknown")  # type: ignore[index]


@pytest.mark.parametrize("zone", ["Oslo", "europe/oslo", "../../etc/passwd", "", "UTC+1", 1, None])
def test_a_time_zone_is_one_of_the_iana_database(zone: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        rules.read(STORE_EXAMPLE | {"time_zone": zone})
    assert [fault.pointer for fault in refusal.value.errors] == ["/time_zone"]


@pytest.mark.parametrize("store_id", ["0412", "str_", "str_a b", "str_" + "x" * 41, "STR_1", "str_1\n"])
def test_an_id_that_is_not_a_store_s_is_refused(database: Database, store_id: str) -> None:
    with database.unit_of_work() as session, pytest.raises(Invalid):
        add(session, store_id)


def test_a_store_is_added_once(database: Database) -> None:
    with database.unit_of_work() as session:
        added = add(session)
        assert added == Store("str_1", "Storgata", "Europe/Oslo", None, active=True)
        assert service.get(session, store_id="str_1") == added
        with pytest.raises(service.StoreExists):
            add(session)


def test_stores_are_listed_in_the_order_of_their_ids(database: Database) -> None:
    with database.unit_of_work() as session:
        for store_id in ("str_c", "str_a", "str_b"):
            add(session, store_id)
        listed = service.list_stores(session, after="str_a", limit=5)
    assert [store.store_id for store in listed] == ["str_b", "str_c"]


def test_the_directory_is_as_new_as_the_version_it_is_asked_for(database: Database) -> None:
    directory = service.Directory()
    with database.unit_of_work() as session:
        connection = driver(session)
        add(session, "str_1")
        before = directory.known(connection, version=masters.version(connection, "stores"))
        assert directory.known(connection, version=masters.version(connection, "stores")) is before
        add(session, "str_2")
        after = directory.known(connection, version=masters.version(connection, "stores"))
    assert (sorted(before), sorted(after)) == (["str_1"], ["str_1", "str_2"])


def test_who_changed_a_store_is_kept(database: Database, client: FlaskClient) -> None:
    upload(client, STORE_EXAMPLE)
    with database.unit_of_work() as session:
        assert driver(session).execute("SELECT changed_by FROM stores").fetchall() == [("cli_office",)]

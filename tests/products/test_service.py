"""The catalogue that each process keeps: never older than the version it was asked for, and bounded."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from loyalty_api import clock, masters
from loyalty_api.db import Database, driver
from loyalty_api.products import rules, service
from loyalty_api.products.rules import Product
from loyalty_api.products.service import Catalogue

MILK = Product(("Dairy", "Milk"), "DAIRY", "Tine", None, "each", "goods")


def put(session: Session, sku: str, **fields: Any) -> None:
    document = {
        "sku": sku,
        "name": "n",
        "category": ["Dairy", "Milk"],
        "department": "DAIRY",
        "brand": "Tine",
    }
    masters.store(session, service.MASTER, [rules.read(document | fields)], now=clock.now(), by="cli_office")


def resolve(catalogue: Catalogue, session: Session, *skus: str) -> dict[str, Product]:
    connection = driver(session)
    return catalogue.resolve(connection, skus, version=masters.version(connection, "products"))


def test_known_products_are_resolved_and_unknown_ones_left_out(database: Database) -> None:
    with database.unit_of_work() as session:
        put(session, "1")
        assert resolve(Catalogue(), session, "1", "2", "1") == {"1": MILK}


def test_what_is_remembered_is_not_asked_again_not_even_the_unknown(database: Database) -> None:
    catalogue = Catalogue()
    with database.unit_of_work() as session:
        put(session, "1")
        connection = driver(session)
        resolve(catalogue, session, "1", "2")
        session.execute(text("DELETE FROM products"))
        session.execute(
            text(
                "INSERT INTO products SELECT '2', 'n', '{}', null, null, null, 0, 'each', null, 'goods',"
                " now(), 'x'"
            )
        )
        held = masters.version(connection, "products")
        assert catalogue.resolve(connection, ["1", "2"], version=held) == {"1": MILK}


def test_a_change_of_the_master_is_seen_at_once(database: Database) -> None:
    catalogue = Catalogue()
    with database.unit_of_work() as session:
        put(session, "1")
        resolve(catalogue, session, "1", "2")
        put(session, "1", brand="Q")
        put(session, "2")
        found = resolve(catalogue, session, "1", "2")
    assert (found["1"].brand, found["2"]) == ("Q", MILK)


def test_a_catalogue_remembers_no_more_than_it_may(database: Database) -> None:
    catalogue = Catalogue(most=10)
    with database.unit_of_work() as session:
        for n in range(100):
            resolve(catalogue, session, str(n))
        held = catalogue._held
        assert len(held.young) + len(held.old) <= 10


def test_a_sku_in_use_is_not_the_one_forgotten(database: Database) -> None:
    catalogue = Catalogue(most=10)
    with database.unit_of_work() as session:
        put(session, "often")
        for n in range(100):
            resolve(catalogue, session, "often", str(n))
        assert catalogue._held.get("often") == MILK


def test_products_that_rules_cannot_tell_apart_share_one_object(database: Database) -> None:
    with database.unit_of_work() as session:
        put(session, "1")
        put(session, "2", name="another name")
        found = resolve(Catalogue(), session, "1", "2")
    assert found["1"] is found["2"]


def test_getting_a_product_that_is_not_there_says_so(database: Database) -> None:
    with database.unit_of_work() as session, pytest.raises(service.ProductUnknown):
        service.get(session, sku="1")

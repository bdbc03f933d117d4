"""The proxy does to a real PostgreSQL's connections what it says; and a server that is silent hangs nobody."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from loyalty_api import db, wire
from loyalty_api.db import Database, driver, send_with_commit
from loyalty_api.engines import Engines
from tests.faults.proxy import Proxy, to_unix
from tests.support.engines import until

INSERT = "INSERT INTO locators (id, member_id) VALUES ($1, $2)"


@pytest.fixture
def proxy(running: Engines) -> Iterator[Proxy]:
    folder = running.database_url.partition("host=")[2].replace("%2F", "/")
    made = Proxy(to_unix(f"{folder}/.s.PGSQL.5432"))
    yield made
    made.close()


@pytest.fixture
def behind(proxy: Proxy, module_database: Database) -> Iterator[Database]:
    """The module's database through the proxy."""
    url = module_database.engine.url
    given = f"postgresql://{url.username}@127.0.0.1:{proxy.port}/{url.database}?sslmode=disable&gssencmode=disable"
    database = Database(given)
    yield database
    database.close()


def works(database: Database) -> bool:
    try:
        return database.fetch_one("SELECT 1", ()) == (1,)
    except psycopg.OperationalError:
        return False


def rows(database: Database, id_: object) -> int:
    row = database.fetch_one("SELECT count(*) FROM locators WHERE id = %s", (id_,))
    return row[0] if row else 0


def write(database: Database, id_: object) -> None:
    with database.unit_of_work() as session:
        send_with_commit(session, [(INSERT, [str(id_), str(id_)])])


def test_what_is_cut_breaks_and_heals(proxy: Proxy, behind: Database) -> None:
    assert works(behind)
    proxy.cut()
    assert not works(behind)
    proxy.heal()
    until(lambda: works(behind), "the pool has healed")


def test_the_answer_of_a_commit_is_lost_and_the_commit_is_not(
    proxy: Proxy, behind: Database, module_database: Database
) -> None:
    first, second = uuid4(), uuid4()
    write(behind, first)
    proxy.lose_commits(1)
    with pytest.raises((psycopg.OperationalError, OperationalError)):
        write(behind, second)
    assert proxy.lost == 1
    assert [rows(module_database, id_) for id_ in (first, second)] == [1, 1]
    until(lambda: works(behind), "the pool has healed")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit itself is not what is looked at, so it need not be waited for."""
    monkeypatch.setattr(db, "_MARGIN_SECONDS", -4.7)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("way", ["statement", "look_up", "round_trip", "commit", "ping"])
def test_a_silent_server_is_given_up_and_the_pool_heals(proxy: Proxy, behind: Database, way: str) -> None:
    with behind.unit_of_work() as session:
        wire.round_trip(driver(session), [("SELECT 1", [])])
    assert behind.look_up("SELECT 1") == (1,)
    with pytest.raises((psycopg.OperationalError, OperationalError)), behind.unit_of_work() as session:
        connection = driver(session)
        connection.execute("SELECT 1")
        if way != "ping":
            proxy.be_silent()
        if way == "statement":
            connection.execute("SELECT 1")
        elif way == "look_up":
            behind.look_up("SELECT 1")
        elif way == "round_trip":
            wire.round_trip(connection, [("SELECT 1", [])])
        elif way == "ping":
            proxy.be_silent()
            with wire.patience(connection, 0.2):
                connection.execute("")
    proxy.heal()
    until(lambda: works(behind), "the pool has healed")
    with behind.unit_of_work() as session:
        assert driver(session).execute("SELECT 1").fetchone() == (1,)


def test_what_was_swallowed_arrives_late(proxy: Proxy, behind: Database, module_database: Database) -> None:
    assert works(behind)
    late = uuid4()
    connection = psycopg.connect(
        behind.engine.url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    )
    proxy.be_silent()
    connection.pgconn.send_query(f"INSERT INTO locators (id, member_id) VALUES ('{late}', '{late}')".encode())
    assert rows(module_database, late) == 0
    proxy.heal()
    until(lambda: rows(module_database, late) == 1, "it has arrived")
    connection.close()

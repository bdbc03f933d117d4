"""`deploy/postgresql` on a real server: its settings, its roles, and what each of them can and cannot do."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import errors

from tests.migrations.test_append_only import grants_of_the_migrations
from tests.operations.servers import RING
from tests.support.engines import data_folder, start
from tests.support.postgres_tools import DEPLOY, Tools

READABLE = grants_of_the_migrations().READABLE
# What a report must not see, whatever it is called in a table that is to come.
PERSONAL = {"blind", "sealed", "wrapped", "cashier", "note", "person_id", "draw_token", "tags", "actor_id"}
# Goods have tags as members do, and theirs say nothing of anybody.
OF_GOODS = {("products", "tags"), ("purchase_lines", "tags")}


@dataclass(frozen=True, slots=True)
class Place:
    """A server that was set up by the files; ``doctor`` is what `loyalty doctor` said of it."""

    url: str
    tools: Tools
    doctor: str

    def connect(self, role: str, database: str = "loyalty") -> psycopg.Connection:
        return psycopg.connect(self.url.replace("//loyalty@/postgres", f"//{role}@/{database}", 1))


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with data_folder() as folder:
        tools = Tools.of(folder)
        with start(folder, without_redis=True):
            tools.psql("-f", DEPLOY / "roles.sql")
        included = (DEPLOY / "loyalty.conf").read_text()
        with (folder / "postgres" / "postgresql.conf").open("a") as file:
            file.write(included)
        with start(folder, without_redis=True) as running:

            def url(role: str) -> str:
                return running.database_url.replace("//loyalty@/postgres", f"//{role}@/loyalty", 1)

            environment = {
                "DATABASE_URL": url("loyalty_app"),
                "DATABASE_OWNER_URL": url("loyalty_owner"),
                "LOYALTY_WITHOUT_REDIS": "1",
                "LOYALTY_ISSUER": "https://loyalty.example",
                "LOYALTY_DATA_DIR": str(folder),
                "LOYALTY_KEYS": f"first:{base64.b64encode(RING[0][1]).decode()}",
            }
            said = ""
            for words in (["db", "upgrade"], ["doctor"]):
                said = subprocess.run(
                    [sys.executable, "-m", "loyalty_api.cli", *words],
                    env={**os.environ, **environment},
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
            yield Place(running.database_url, tools, said)


def test_the_server_takes_every_setting(place: Place) -> None:
    """What the embedded server sets on its command line stays as it is there."""
    wrong = place.tools.psql(
        "-c",
        "SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL"
        " AND name NOT IN (SELECT name FROM pg_settings WHERE source = 'command line')",
    )
    assert wrong == ""
    assert place.tools.psql("-c", "SHOW max_slot_wal_keep_size") == "32GB"


def test_the_doctor_is_content(place: Place) -> None:
    lines = place.doctor.splitlines()
    assert [line for line in lines if line.startswith("error")] == []
    assert {line.split()[1] for line in lines if line.startswith("warning")} <= {"redis"}


@pytest.mark.parametrize(
    "statement", ["UPDATE postings SET points = 1", "DELETE FROM journals", "TRUNCATE postings"]
)
def test_the_service_cannot_change_the_ledger(place: Place, statement: str) -> None:
    with place.connect("loyalty_app") as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize("table", sorted(READABLE))
def test_reports_see_points_sales_and_rules(place: Place, table: str) -> None:
    with place.connect("loyalty_reader") as connection:
        columns = ", ".join(READABLE[table]) or "*"
        connection.execute(f"SELECT {columns} FROM {table} LIMIT 1")  # type: ignore[arg-type]


def test_reports_see_nothing_that_says_who_a_member_is(place: Place) -> None:
    with place.connect("loyalty_reader") as connection:
        seen = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema IN ('public', 'jobs')"
            " AND has_column_privilege(format('%I.%I', table_schema, table_name), column_name, 'SELECT')"
        ).fetchall()
    assert {table for table, _, _ in seen} == set(READABLE)
    personal = {(table, column) for table, column, kind in seen if column in PERSONAL or kind == "bytea"}
    assert personal <= OF_GOODS


@pytest.mark.parametrize(
    "table", ["data_keys", "signing_keys", "identifiers", "member_profiles", "idempotency_keys"]
)
def test_what_is_sealed_is_closed_to_reports(place: Place, table: str) -> None:
    with place.connect("loyalty_reader") as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(f"SELECT count(*) FROM {table}")  # type: ignore[arg-type]


def test_reports_change_nothing_even_when_they_say_that_they_may(place: Place) -> None:
    with place.connect("loyalty_reader") as connection:
        with pytest.raises(errors.ReadOnlySqlTransaction):
            connection.execute("UPDATE balances SET available = 0")
        connection.rollback()
        connection.execute("SET default_transaction_read_only = off")
        connection.commit()
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("UPDATE balances SET available = 0")


@pytest.mark.parametrize("role", ["loyalty_app", "loyalty_reader", "loyalty_owner"])
def test_no_role_is_more_than_it_must_be(place: Place, role: str) -> None:
    more = place.tools.psql(
        "-c",
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles"
        f" WHERE rolname = '{role}'",
    )
    assert more == "f"


def test_who_copies_the_server_cannot_come_in(place: Place) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        place.connect("loyalty_backup")

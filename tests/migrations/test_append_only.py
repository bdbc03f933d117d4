"""What was written into the ledger cannot be changed by the application, even by a mistake in our own Python."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import psycopg
import pytest
from psycopg import errors

from loyalty_api import migrating
from loyalty_api.operations.doctor_postgres import APPEND_ONLY, TOLD_LATER

TABLES = ("journals", "postings")


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_application_cannot_change_it(
    application: psycopg.Connection, table: str, statement: str
) -> None:
    column = application.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s LIMIT 1", (table,)
    ).fetchone()
    assert column is not None
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute(statement.format(table, column[0], column[0]))


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_application_can_add_and_read(application: psycopg.Connection, table: str) -> None:
    rights = application.execute(
        "SELECT has_table_privilege(%s, 'INSERT'), has_table_privilege(%s, 'SELECT')", (table, table)
    ).fetchone()
    assert rights == (True, True)


def test_the_application_owns_nothing_and_creates_nothing(application: psycopg.Connection) -> None:
    owned = application.execute("SELECT tablename FROM pg_tables WHERE tableowner = current_user").fetchall()
    assert owned == []
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute("CREATE TABLE mine (id int)")


def test_the_application_cannot_say_that_it_has_migrated(application: psycopg.Connection) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute("UPDATE alembic_version SET version_num = '0001'")


def test_every_other_table_can_be_changed(application: psycopg.Connection) -> None:
    fixed = application.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        " AND NOT has_table_privilege(oid, 'UPDATE') ORDER BY 1"
    ).fetchall()
    assert [row[0] for row in fixed] == sorted([*APPEND_ONLY, "alembic_version"])


def grants_of_the_migrations() -> Any:
    """The list of what roles may do, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("grants", migrating.SCRIPTS / "grants.py")
    assert spec is not None
    assert spec.loader is not None
    grants = importlib.util.module_from_spec(spec)
    sys.modules.pop("grants", None)
    spec.loader.exec_module(grants)
    return grants


def test_doctor_knows_the_same_tables_as_the_grants() -> None:
    grants = grants_of_the_migrations()
    assert (grants.APPEND_ONLY, grants.TOLD_LATER) == (APPEND_ONLY, TOLD_LATER)

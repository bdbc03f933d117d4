"""One transaction per unit of work: all of it or none, also of what travels with the COMMIT."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import UniqueViolation
from sqlalchemy import text

from loyalty_api.db import Database, driver, send_with_commit

INSERT = "INSERT INTO locators (id, member_id) VALUES (%s, %s)"
SENT = INSERT.replace("%s, %s", "$1, $2")


def count(database: Database, *ids: object) -> int:
    row = database.fetch_one("SELECT count(*) FROM locators WHERE id = ANY(%s)", (list(ids),))
    return row[0] if row else 0


def test_what_travels_with_the_commit_is_committed(module_database: Database) -> None:
    first, last = uuid4(), uuid4()
    with module_database.unit_of_work() as session:
        driver(session).execute(INSERT, (first, first))
        send_with_commit(session, [(SENT, [str(last), str(last)])])
    assert count(module_database, first, last) == 2


def test_a_statement_larger_than_any_buffer_travels_with_the_commit(module_database: Database) -> None:
    last, large = uuid4(), "x" * 5_000_000
    with module_database.unit_of_work() as session:
        send_with_commit(session, [("SELECT length($1)", [large])])
        send_with_commit(session, [(SENT, [str(last), str(last)])])
    assert count(module_database, last) == 1


def test_when_it_fails_nothing_is_committed_and_the_error_is_told(module_database: Database) -> None:
    first = uuid4()
    with pytest.raises(UniqueViolation), module_database.unit_of_work() as session:
        driver(session).execute(INSERT, (first, first))
        send_with_commit(session, [(SENT, [str(first), str(first)])])
    assert count(module_database, first) == 0


def test_after_a_failure_every_connection_works_again(module_database: Database) -> None:
    for _ in range(20):
        first = uuid4()
        with pytest.raises(UniqueViolation), module_database.unit_of_work() as session:
            driver(session).execute(INSERT, (first, first))
            send_with_commit(session, [(SENT, [str(first), str(first)])])
        with module_database.unit_of_work() as session:
            assert session.execute(text("SELECT 1")).scalar_one() == 1


def test_an_exception_undoes_what_was_done_and_forgets_what_was_to_be_sent(module_database: Database) -> None:
    first, last = uuid4(), uuid4()
    with pytest.raises(RuntimeError), module_database.unit_of_work() as session:
        driver(session).execute(INSERT, (first, first))
        send_with_commit(session, [(SENT, [str(last), str(last)])])
        raise RuntimeError
    assert count(module_database, first, last) == 0


def test_a_connection_that_the_server_has_ended_is_replaced(module_database: Database) -> None:
    with module_database.unit_of_work() as session:
        ended = driver(session).info.backend_pid
    with pytest.raises(psycopg.OperationalError), module_database.unit_of_work() as session:
        driver(session).execute("SELECT pg_terminate_backend(pg_backend_pid())")
    with module_database.unit_of_work() as session:
        assert driver(session).info.backend_pid != ended


def test_a_savepoint_holds_what_is_done_through_the_driver(module_database: Database) -> None:
    undone, kept = uuid4(), uuid4()
    with module_database.unit_of_work() as session:
        with pytest.raises(KeyError), session.begin_nested():
            driver(session).execute(INSERT, (undone, undone))
            raise KeyError
        with session.begin_nested():
            driver(session).execute(INSERT, (kept, kept))
    assert (count(module_database, undone), count(module_database, kept)) == (0, 1)

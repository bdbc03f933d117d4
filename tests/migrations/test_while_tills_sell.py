"""A migration runs while tills sell: what it does to tables that are there is looked at, and it lets go of locks."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import Engine, event

from loyalty_api import engines, migrating
from loyalty_api.engines import Engines
from loyalty_api.migrating import TablesInUse
from tests.migrations.test_upgrade_and_downgrade import revisions
from tests.support.engines import until

# Up to here the tables were made from nothing.
FIRST = "0010"
# What squawk finds in a migration and is right all the same: (revision, rule), with the reason.
ACCEPTED = {
    ("0013", "changing-column-type"): "Only the limit of a varchar grows: the table is not written anew.",
    (
        "0024",
        "ban-drop-constraint",
    ): "A check lets more pass than before: a batch of no number, which is given one by one.",
    ("0029", "ban-drop-constraint"): "A check lets more pass than before: redemptions that nobody paid for.",
}
# Matters of taste: we have lengths on purpose, and a migration runs once. And what PostgreSQL itself refuses.
_NOT_ASKED = (
    "ban-char-field",
    "ban-concurrent-index-creation-in-transaction",
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-robust-stmts",
    "prefer-text-field",
)
_SQUAWK = Path(sys.executable).with_name("squawk")
# What Alembic and the environment do beside the migration itself.
_NOT_OURS = ("SELECT", "GRANT", "REVOKE", "INSERT INTO alembic_version", "UPDATE alembic_version")


@contextmanager
def executed() -> Iterator[list[str]]:
    """Every statement that SQLAlchemy sends while the block runs."""
    found: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement.strip())

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


def troubles(sql: str, folder: Path) -> dict[str, str]:
    """What squawk finds, by rule: the statement's line and what it says."""
    file = folder / "migration.sql"
    file.write_text(sql)
    rules = [word for rule in _NOT_ASKED for word in ("--exclude", rule)]
    done = subprocess.run(
        [_SQUAWK, "--reporter", "json", "--pg-version", "15", "--assume-in-transaction", *rules, file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return {
        each["rule_name"]: f"line {each['line']}: {each['message']}"
        for each in json.loads(done.stdout or "[]")
    }


@pytest.fixture(scope="module")
def written(running: Engines) -> dict[str, str]:
    """The statements of each migration since the first tables, as they go to the server."""
    owner_url, app_url = engines.ensure_database(running, "linted")
    found = {}
    migrating.upgrade(owner_url=owner_url, app_url=app_url, revision=FIRST)
    for revision in revisions():
        if revision > FIRST:
            with executed() as statements:
                migrating.upgrade(owner_url=owner_url, app_url=app_url, revision=revision)
            ours = [text for text in statements if not text.startswith(_NOT_OURS)]
            found[revision] = ";\n".join([*ours, ""])
    return found


def test_no_migration_stops_the_tills(written: dict[str, str], tmp_path: Path) -> None:
    wrong = {
        (revision, rule): said
        for revision, sql in written.items()
        for rule, said in troubles(sql, tmp_path).items()
        if (revision, rule) not in ACCEPTED
    }
    assert not wrong, f"See migrations/script.py.mako, or say in ACCEPTED why it is right: {wrong}"


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("CREATE INDEX ix_lots_points ON lots (points)", "require-concurrent-index-creation"),
        ("ALTER TABLE lots ADD COLUMN origin text NOT NULL", "adding-required-field"),
        ("ALTER TABLE lots ALTER COLUMN points TYPE numeric", "changing-column-type"),
        ("ALTER TABLE lots ALTER COLUMN awaits SET NOT NULL", "adding-not-nullable-field"),
        ("ALTER TABLE lots ADD CONSTRAINT ck_lots CHECK (points < 10)", "constraint-missing-not-valid"),
        ("ALTER TABLE lots RENAME COLUMN points TO worth", "renaming-column"),
        ("ALTER TABLE lots DROP COLUMN awaits", "ban-drop-column"),
        (
            "ALTER TABLE lots ADD CONSTRAINT fk FOREIGN KEY (member_id) REFERENCES members (member_id)",
            "adding-foreign-key-constraint",
        ),
    ],
)
def test_what_would_stop_them_is_found(tmp_path: Path, statement: str, rule: str) -> None:
    limits = "SET lock_timeout = '1s';\nSET statement_timeout = '10min';\n"
    assert rule in troubles(f"{limits}{statement};\n", tmp_path)
    assert "require-lock-timeout" in troubles(f"{statement};\n", tmp_path)


def test_what_is_made_from_nothing_may_be_indexed_at_once(tmp_path: Path) -> None:
    made = "CREATE TABLE visits (member_id uuid PRIMARY KEY, day date NOT NULL); CREATE INDEX ix ON visits (day);"
    beside = "CREATE INDEX CONCURRENTLY ix_lots_points ON lots (points);"
    limits = "SET lock_timeout = '1s'; SET statement_timeout = '10min';"
    assert troubles(limits + made + beside, tmp_path) == {}


def test_every_migration_runs_under_limits(empty: tuple[str, str]) -> None:
    with executed() as statements:
        migrating.upgrade(owner_url=empty[0], app_url=empty[1])
    first = next(n for n, text in enumerate(statements) if text.startswith("CREATE TABLE events"))
    limits = [text for text in statements[:first] if text.startswith("SET ")]
    assert limits == ["SET statement_timeout = '10min'", "SET lock_timeout = '1s'"]
    assert not [text for text in statements[first:] if "_timeout" in text]


def test_tills_go_on_while_a_migration_waits_for_a_table(empty: tuple[str, str]) -> None:
    """One transaction holds a table for long. Those behind the migration get through, and so does it in the end."""
    owner_url, app_url = empty
    migrating.upgrade(owner_url=owner_url, app_url=app_url, revision="0007")
    with psycopg.connect(app_url) as holder, psycopg.connect(app_url, autocommit=True) as till:
        till.execute("SET lock_timeout = '2s'")
        holder.execute("SELECT count(*) FROM lots")
        migration = threading.Thread(
            target=migrating.upgrade, kwargs={"owner_url": owner_url, "revision": "0008"}
        )
        migration.start()
        until(lambda: waits_for_lots(till), "it waits for the table")
        until(lambda: sells(till), "a till gets through behind it")
        assert migrating.current(url=owner_url) == "0007"
        holder.rollback()
        migration.join(120)
    assert migrating.current(url=owner_url) == "0008"


def waits_for_lots(till: psycopg.Connection) -> bool:
    row = till.execute(
        "SELECT count(*) FROM pg_locks WHERE relation = 'lots'::regclass AND NOT granted"
    ).fetchone()
    return row is not None and row[0] > 0


def sells(till: psycopg.Connection) -> bool:
    try:
        till.execute("INSERT INTO lots SELECT * FROM lots LIMIT 0")
    except errors.LockNotAvailable:
        return False
    return True


def test_a_table_that_is_never_let_go_of_is_told(
    empty: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner_url, app_url = empty
    migrating.upgrade(owner_url=owner_url, app_url=app_url, revision="0007")
    monkeypatch.setattr(migrating, "_TRIES", 2)
    monkeypatch.setattr(migrating, "_PAUSE_SECONDS", 0)
    with psycopg.connect(app_url) as holder:
        holder.execute("SELECT count(*) FROM lots")
        with pytest.raises(TablesInUse):
            migrating.upgrade(owner_url=owner_url, app_url=app_url)
    assert migrating.current(url=owner_url) == "0007"
    migrating.upgrade(owner_url=owner_url, app_url=app_url)
    assert migrating.current(url=owner_url) == migrating.head()

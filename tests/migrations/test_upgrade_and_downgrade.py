"""Every migration goes up and comes down again, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg import errors

from loyalty_api import migrating

_SHAPE = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
 WHERE table_schema = 'public' AND table_name <> 'alembic_version'
UNION ALL SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes
 WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '' FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
ORDER BY 1, 2, 3
"""


_UPGRADE = """
import sys
from loyalty_api import migrating

migrating.upgrade(owner_url=sys.argv[1], app_url=sys.argv[2])
"""


def shape(url: str) -> list[tuple[str, ...]]:
    """Tables, columns, indexes and constraints as text."""
    with psycopg.connect(url) as connection:
        return connection.execute(_SHAPE).fetchall()


def revisions() -> list[str]:
    """Every revision there is, the oldest first."""
    scripts = ScriptDirectory(str(migrating.SCRIPTS))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def test_up_to_the_newest_and_down_to_nothing(empty: tuple[str, str]) -> None:
    owner_url, app_url = empty
    migrating.upgrade(owner_url=owner_url, app_url=app_url)
    assert migrating.current(url=owner_url) == migrating.head()
    assert shape(owner_url)
    migrating.downgrade(owner_url=owner_url, app_url=app_url, revision="base")
    assert migrating.current(url=owner_url) is None
    assert shape(owner_url) == []


def test_each_migration_takes_back_what_it_did(empty: tuple[str, str]) -> None:
    owner_url, app_url = empty
    for revision in revisions():
        before = shape(owner_url)
        migrating.upgrade(owner_url=owner_url, app_url=app_url, revision=revision)
        after = shape(owner_url)
        migrating.downgrade(owner_url=owner_url, app_url=app_url, revision="-1")
        assert shape(owner_url) == before, f"{revision} leaves something behind on its way down"
        migrating.upgrade(owner_url=owner_url, app_url=app_url, revision=revision)
        assert shape(owner_url) == after, f"{revision} is another one the second time"


def test_migrating_again_changes_nothing(migrated: tuple[str, str]) -> None:
    before = shape(migrated[0])
    migrating.upgrade(owner_url=migrated[0], app_url=migrated[1])
    assert shape(migrated[0]) == before


def test_several_processes_may_migrate_at_once(empty: tuple[str, str]) -> None:
    owner_url, app_url = empty
    command = [sys.executable, "-c", _UPGRADE, owner_url, app_url]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for run in runs:
        _, said = run.communicate()
        assert run.returncode == 0, said
    assert migrating.current(url=owner_url) == migrating.head()


def test_one_role_may_be_owner_and_application(empty: tuple[str, str]) -> None:
    owner_url, _ = empty
    migrating.upgrade(owner_url=owner_url, app_url=owner_url)
    assert migrating.current(url=owner_url) == migrating.head()


def test_the_application_cannot_migrate(empty: tuple[str, str]) -> None:
    _, app_url = empty
    with pytest.raises(Exception) as refused:
        migrating.upgrade(owner_url=app_url)
    assert isinstance(getattr(refused.value, "orig", None), errors.InsufficientPrivilege)

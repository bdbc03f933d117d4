"""The doctor finds what is wrong, says how to mend it, and tells errors from what merely could be better."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from loyalty_api.config import Settings
from loyalty_api.engines import Engines
from loyalty_api.operations.doctor import examine
from loyalty_api.operations.place import Place
from tests.cli.conftest import Installation


def line(said: str, about: str) -> str:
    """What was said about one thing: its level and words, with what would mend it."""
    lines = said.splitlines()
    found = [n for n, text in enumerate(lines) if text[8:].startswith(about)]
    assert found, said
    return " ".join(lines[found[0] : found[0] + 2])


def test_a_sound_installation_is_fine(installation: Installation) -> None:
    said = installation.loyalty("doctor")
    assert said.exit_code == 0, said.output
    assert {text.split()[0] for text in said.output.splitlines()} == {"fine"}


def test_an_empty_database_is_an_error(empty: Installation) -> None:
    said = empty.loyalty("doctor")
    assert said.exit_code == 1
    assert line(said.output, "migrations").startswith("error")
    assert "loyalty db upgrade" in said.output


def test_a_database_that_is_behind_is_an_error(empty: Installation) -> None:
    empty.loyalty("db", "upgrade", "0003")
    said = empty.loyalty("doctor")
    assert said.exit_code == 1
    assert "at 0003" in line(said.output, "migrations")


def test_a_database_that_does_not_answer_is_an_error(installation: Installation) -> None:
    said = installation.loyalty("doctor", DATABASE_URL="postgresql:///none?host=/nonexistent")
    assert said.exit_code == 1
    assert line(said.output, "database").startswith("error")


def test_writes_that_a_crash_could_lose_are_an_error(installation: Installation, running: Engines) -> None:
    name = psycopg.conninfo.conninfo_to_dict(installation.app_url)["dbname"]
    with psycopg.connect(running.database_url, autocommit=True) as superuser:
        superuser.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    said = installation.loyalty("doctor")
    assert said.exit_code == 1
    assert line(said.output, "durability").startswith("error")
    assert "Set synchronous_commit = on." in said.output


def test_one_role_for_everything_is_a_warning(installation: Installation) -> None:
    said = installation.loyalty("doctor", DATABASE_URL=installation.owner_url)
    assert said.exit_code == 0
    assert line(said.output, "roles").startswith("warning")


@pytest.mark.parametrize(
    ("right", "table"),
    [
        ("UPDATE", "postings"),
        ("DELETE", "postings"),
        ("TRUNCATE", "postings"),
        ("UPDATE (points)", "postings"),
        ("UPDATE (commitment)", "draw_days"),
    ],
)
def test_a_right_to_change_what_was_written_is_an_error(
    installation: Installation, right: str, table: str
) -> None:
    role = psycopg.conninfo.conninfo_to_dict(installation.app_url)["user"]
    installation.execute(f"GRANT {right} ON {table} TO {role}")
    said = installation.loyalty("doctor")
    assert said.exit_code == 1
    assert f"{right.split(maxsplit=1)[0].lower()} {table}" in line(said.output, "roles")
    installation.loyalty("db", "upgrade")
    assert line(installation.loyalty("doctor").output, "roles").startswith("fine"), "upgrading mends it"


def test_without_redis_everything_works(installation: Installation) -> None:
    for missing in ({"REDIS_URL": "", "LOYALTY_WITHOUT_REDIS": "true"}, {"REDIS_URL": "unix:///nonexistent"}):
        said = installation.loyalty("doctor", **missing)
        assert said.exit_code == 0
        assert line(said.output, "redis").startswith("warning")


def test_keys_that_do_not_open_what_is_sealed_are_an_error(installation: Installation) -> None:
    installation.loyalty("keys", "rotate")
    other = "first:" + base64.b64encode(bytes(32)).decode()
    said = installation.loyalty("doctor", LOYALTY_KEYS=other)
    assert said.exit_code == 1
    assert line(said.output, "keys").startswith("error")


def test_a_time_zone_that_is_not_known_here_is_an_error(installation: Installation) -> None:
    installation.execute(
        "INSERT INTO stores (store_id, name, time_zone, active, changed_at, changed_by)"
        " VALUES ('str_1', 'Moon', 'Moon/Tranquillity', true, now(), 'test')"
    )
    said = installation.loyalty("doctor")
    assert said.exit_code == 1
    assert "Moon/Tranquillity" in line(said.output, "time zones")


def test_more_connections_than_the_server_takes_are_an_error(installation: Installation) -> None:
    said = installation.loyalty("doctor", LOYALTY_WORKERS="64", LOYALTY_THREADS="32")
    assert said.exit_code == 1
    assert line(said.output, "connections").startswith("error")


@pytest.fixture
def place(installation: Installation) -> Place:
    ring = (("first", bytes(range(32))),)
    return Place(Settings(data_dir=Path("/"), database_url=installation.app_url, keys=ring), embedded=False)


@pytest.mark.parametrize(("ahead", "level"), [(0, "fine"), (10, "warning"), (120, "error"), (-120, "error")])
def test_clocks_that_differ_are_told(place: Place, ahead: int, level: str) -> None:
    findings = list(examine(place, clock=lambda: datetime.now(UTC) + timedelta(seconds=ahead)))
    assert [finding.level for finding in findings if finding.about == "clock"] == [level]


def test_points_that_nobody_books_are_a_warning(installation: Installation) -> None:
    late = (
        "INSERT INTO balances (member_id, next_due_at) VALUES (gen_random_uuid(), now() - interval '2 hours')"
    )
    assert line(installation.loyalty("doctor").output, "jobs").startswith("fine")
    installation.execute(late)
    said = installation.loyalty("doctor")
    assert said.exit_code == 0
    assert line(said.output, "jobs").startswith("warning")
    assert "loyalty worker" in said.output


def test_a_schema_that_the_next_version_has_prepared_is_only_a_warning(installation: Installation) -> None:
    """So that the version before can start again while machines are brought up one by one, and after going back."""
    installation.execute("UPDATE alembic_version SET version_num = '9999'")
    said = installation.loyalty("doctor")
    assert said.exit_code == 0
    assert line(said.output, "migrations").startswith("warning")
    assert line(said.output, "roles").startswith("fine")
    assert installation.loyalty("client", "list").exit_code == 0

"""The `loyalty` command: what it does, and how it tells of trouble."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from loyalty_api import migrating
from loyalty_api.auth import service
from loyalty_api.config import Settings
from loyalty_api.db import Database
from tests.cli.conftest import Installation
from tests.support.processes import free_port
from tests.support.shop import KEYS

HEAVY = ("alembic", "flask", "granian", "marshmallow", "psycopg", "pyarrow", "redis", "sqlalchemy")
_HELP = """
import sys
from pathlib import Path
from loyalty_api.cli import main
try:
    main(sys.argv[1:])
finally:
    print("LOADED", sorted(sys.modules), file=sys.stderr)
"""


def credentials(said: str) -> tuple[str, str]:
    """The id and the secret that `client create` prints."""
    found = re.fullmatch(r"client_id +(\S+)\nclient_secret +(\S+)\n", said)
    assert found, said
    return found[1], found[2]


def test_help_loads_nothing_heavy() -> None:
    for words in ([], ["db"], ["client", "create"], ["serve"], ["verify"]):
        done = subprocess.run(
            [sys.executable, "-c", _HELP, *words, "--help"], capture_output=True, text=True, check=True
        )
        assert "Usage:" in done.stdout
        loaded = [name for name in HEAVY if f"'{name}'" in done.stderr]
        # The list of commands holds the demo's, whose settings are checked by a library of their own.
        assert loaded == ([] if words else ["marshmallow"])


def test_every_fault_of_the_environment_is_told_at_once(empty: Installation) -> None:
    said = empty.loyalty("doctor", LOYALTY_WORKERS="0", LOYALTY_KEYS="secret", LOYALTY_LOG_LEVEL="loud")
    assert said.exit_code == 1
    for name in ("LOYALTY_WORKERS", "LOYALTY_KEYS", "LOYALTY_LOG_LEVEL"):
        assert f"  {name}: " in said.output


def test_a_database_that_is_away_is_told_in_a_sentence(empty: Installation) -> None:
    for words in (["db", "upgrade"], ["verify"], ["client", "list"], ["serve", "--port", str(free_port())]):
        nowhere = "postgresql:///none?host=/nonexistent"
        said = empty.loyalty(*words, DATABASE_URL=nowhere, DATABASE_OWNER_URL="")
        assert said.exit_code == 1, words
        assert said.output.startswith("Error: The database engine is not available."), words


def test_the_schema_goes_up_and_down(empty: Installation) -> None:
    assert "base (newest:" in empty.loyalty("db", "current").output
    assert empty.loyalty("db", "upgrade", "0002").output == "0002\n"
    assert empty.loyalty("db", "upgrade").output == f"{migrating.head()}\n"
    assert empty.loyalty("db", "downgrade", "base").exit_code == 1, "nobody said yes"
    assert empty.loyalty("db", "downgrade", "base", "--yes").output == "base\n"


def test_a_command_that_needs_the_schema_says_so(empty: Installation) -> None:
    said = empty.loyalty("client", "list")
    assert said.exit_code == 1
    assert "loyalty db upgrade" in said.output


def test_a_client_is_made_listed_and_revoked(installation: Installation) -> None:
    said = installation.loyalty("client", "create", "terminal", "--name", "Lane 1", "--store", "str_1")
    client_id, secret = credentials(said.output)
    listed = installation.loyalty("client", "list").output
    assert client_id in listed
    assert secret not in listed
    database = Database(installation.app_url)
    with database.unit_of_work() as session:
        assert service.authenticate(session, client_id=client_id, secret=secret)
    assert installation.loyalty("client", "revoke", client_id).exit_code == 0
    with database.unit_of_work() as session:
        assert service.authenticate(session, client_id=client_id, secret=secret) is None
    database.close()
    assert "revoked" in installation.loyalty("client", "list").output


def test_a_client_that_cannot_be_is_refused_with_every_reason(installation: Installation) -> None:
    said = installation.loyalty("client", "create", "terminal", "--name", "Lane", "--scope", "clients:write")
    assert said.exit_code == 1
    assert "  scopes: " in said.output
    assert "  store_id: " in said.output
    assert installation.loyalty("client", "list").output == ""
    assert "cli_" in installation.loyalty("client", "revoke", "nobody").output


def test_signing_keys_rotate(installation: Installation) -> None:
    assert installation.loyalty("keys", "rotate", "--stolen").exit_code == 0
    assert installation.loyalty("keys", "rotate").exit_code == 0
    listed = installation.loyalty("keys", "list").output.splitlines()
    assert len(listed) == 2
    assert "its successor comes" in listed[1]
    assert "its successor comes" not in listed[0]


def test_a_store_is_made_once(installation: Installation) -> None:
    words = ("store", "create", "str_9", "--name", "Ninth", "--time-zone", "Europe/Oslo")
    assert installation.loyalty(*words).exit_code == 0
    assert "There is a store str_9 already" in installation.loyalty(*words).output
    wrong = installation.loyalty("store", "create", "9", "--name", "Ninth", "--time-zone", "Oslo")
    assert "  store: " in wrong.output
    assert "  time_zone: " in wrong.output
    listed = installation.loyalty("store", "list").output
    assert listed.split() == ["str_9", "Europe/Oslo", "Ninth"]


def test_settings_show_no_secret() -> None:
    shown = repr(
        Settings(Path("/data"), "postgresql://me:hidden@host/db", redis_url="redis://:hidden@host", keys=KEYS)
    )
    assert "hidden" not in shown
    assert repr(KEYS[0][1]) not in shown

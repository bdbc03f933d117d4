"""Brings the schema to a revision, and says which one it has. The scripts are in ``migrations/``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import errors
from sqlalchemy import create_engine, exc, make_url, pool

from loyalty_api.db import sqlalchemy_url
from loyalty_api.errors import Unavailable

_PACKAGED = Path(__file__).parent / "_migrations"
# A wheel carries the scripts inside the package; a checkout has them beside it.
SCRIPTS = _PACKAGED if _PACKAGED.exists() else Path(__file__).parent.parent / "migrations"

# A migration lets go of what it waits for after a second, for the tills behind it, and comes back after a pause.
_TRIES, _PAUSE_SECONDS = 30, 2.0
_log = logging.getLogger(__name__)


class TablesInUse(Unavailable):
    """Somebody held a table for all the time that a migration came back for it; what was begun has been undone."""

    code, title = "tables_in_use", "A table that is to change stays in use"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config


def _run(owner_url: str, app_url: str, step: str, revision: str) -> None:
    engine = create_engine(sqlalchemy_url(owner_url), poolclass=pool.NullPool)
    app_role = make_url(app_url).username if app_url else None
    config = _config()
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            config.attributes["app_role"] = app_role if app_role != make_url(owner_url).username else None
            # A step that is counted from here would be counted from elsewhere the second time.
            tries = _TRIES if step == "upgrade" and revision[:1] not in "+-" else 1
            _again(lambda: getattr(command, step)(config, revision), tries)
    finally:
        engine.dispose()


def _again(run: Callable[[], None], tries: int) -> None:
    """Run it until it gets its locks. Each migration is a transaction: those that came through are not run again."""
    for left in reversed(range(tries)):
        try:
            return run()
        except exc.DBAPIError as error:
            if not isinstance(error.orig, errors.LockNotAvailable):
                raise
            if not left:
                said = "Nothing is half done. Look who holds it (pg_stat_activity), and run it again."
                raise TablesInUse(said) from error
        _log.warning("migration_waits", extra={"tries_left": left})
        time.sleep(_PAUSE_SECONDS)
    return None


def upgrade(*, owner_url: str, app_url: str = "", revision: str = "head") -> None:
    """Apply every migration up to ``revision``; the role of ``app_url`` gets its rights.

    :raises TablesInUse: a table that is to change is not let go of; it can be run again.
    """
    _run(owner_url, app_url, "upgrade", revision)


def downgrade(*, owner_url: str, app_url: str = "", revision: str) -> None:
    """Take migrations back down to ``revision`` (``base`` for none).

    :raises TablesInUse: a table that is to change is in use; it can be run again.
    """
    _run(owner_url, app_url, "downgrade", revision)


def current(*, url: str) -> str | None:
    """The revision the database is at, or None before the first."""
    engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def head() -> str | None:
    """The newest revision that this version of the program brings."""
    return ScriptDirectory.from_config(_config()).get_current_head()

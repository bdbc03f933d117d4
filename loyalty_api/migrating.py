"""Brings the schema to a revision, and says which one it has. The scripts are in ``migrations/``."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url, pool

from loyalty_api.db import sqlalchemy_url

_PACKAGED = Path(__file__).parent / "_migrations"
# A wheel carries the scripts inside the package; a checkout has them beside it.
SCRIPTS = _PACKAGED if _PACKAGED.exists() else Path(__file__).parent.parent / "migrations"


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
            getattr(command, step)(config, revision)
    finally:
        engine.dispose()


def upgrade(*, owner_url: str, app_url: str = "", revision: str = "head") -> None:
    """Apply every migration up to ``revision``; the role of ``app_url`` gets its rights."""
    _run(owner_url, app_url, "upgrade", revision)


def downgrade(*, owner_url: str, app_url: str = "", revision: str) -> None:
    """Take migrations back down to ``revision`` (``base`` for none)."""
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

"""What every command begins with: the settings, the place they speak of, a transaction in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from loyalty_api.config import Settings
    from loyalty_api.operations.place import Place


def settings() -> Settings:
    """The settings of the environment. Raises BadSettings."""
    from loyalty_api import config

    return config.read()


def database_name() -> str:
    """Which database of the embedded PostgreSQL the command was told to use."""
    return str(click.get_current_context().obj)


@contextmanager
def open_here(*, redis: bool = False) -> Iterator[Place]:
    """The installation that the settings and ``--database`` speak of.

    Raises BadSettings, EngineUnavailable.
    """
    from loyalty_api.operations.place import connect, open_place

    with open_place(settings(), database=database_name(), redis=redis) as place:
        # Drivers and migrations tell of a dead server in many ways; this tells it once, in a sentence.
        connect(place.owner_url).close()
        yield place


@contextmanager
def open_session() -> Iterator[tuple[Session, Place]]:
    """One transaction in that installation, whose schema is as this version needs it.

    Raises what ``open_here`` raises, and SchemaBehind.
    """
    from loyalty_api.db import Database
    from loyalty_api.operations.place import ensure_schema

    with open_here() as place:
        ensure_schema(place)
        database = Database(place.settings.database_url)
        try:
            with database.unit_of_work() as session:
                yield session, place
        finally:
            database.close()


def moment_of(text: str) -> datetime:
    """A moment as it is typed, in UTC. Raises BadParameter where it is none, or says no offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text} is no time such as 2026-11-21T12:00:00+01:00.") from error
    if moment.tzinfo is None:
        raise click.BadParameter(f"{text} needs its offset, such as +01:00 or Z.")
    return moment.astimezone(UTC)

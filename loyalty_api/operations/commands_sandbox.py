"""``loyalty sandbox``: business time by hand."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from loyalty_api.operations.here import open_here

if TYPE_CHECKING:
    from loyalty_api.db import Database
    from loyalty_api.vault import Vault

_SPAN = re.compile(r"(\d{1,6})([dhms])")
_PART_SECONDS = 5.0
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


@click.group()
def sandbox() -> None:
    """An installation to try things out in (LOYALTY_SANDBOX=1)."""


@sandbox.command()
@click.option("--set", "to", metavar="TIME", help="Go to this moment: 2026-11-21T12:00:00+01:00.")
@click.option("--advance", "by", metavar="SPAN", help="Go on by so much: 3d, 12h, 30m, 45s.")
def clock(*, to: str | None, by: str | None) -> None:
    """Print business time, or move it forward once everything that becomes due has been done."""
    from loyalty_api.clock import machine_now
    from loyalty_api.db import Database
    from loyalty_api.operations.place import ensure_schema
    from loyalty_api.sandbox import service
    from loyalty_api.vault import Vault

    if to and by:
        raise click.UsageError("Say --set or --advance, one of them.")
    moment, span = _moment(to) if to else None, _span(by) if by else timedelta(0)
    with open_here() as place:
        ensure_schema(place)
        service.ensure_sandbox(place.settings)
        database = Database(place.settings.database_url)
        try:
            if to or by:
                _move(database, moment, span, Vault(place.settings.keys))
            shown = service.business_time(database, machine=machine_now())
        finally:
            database.close()
    click.echo(shown.isoformat())


def _move(database: Database, moment: datetime | None, span: timedelta, vault: Vault) -> None:
    """Move the clock, and go on until all that is due has been done; each part is a transaction of its own."""
    from loyalty_api.clock import machine_now
    from loyalty_api.sandbox import service

    complete = False
    while not complete:
        with database.unit_of_work() as session:
            _, done = service.move(
                session,
                database,
                to=moment,
                by=span,
                machine=machine_now(),
                seconds=_PART_SECONDS,
                vault=vault,
            )
        click.echo(
            f"{done.activated} lots became available, {done.expired} expired, {done.released} holds were let go of,"
            f" {done.announced} expiries were announced, {done.levels} levels changed,"
            f" {done.periods} bonuses of periods were settled."
        )
        moment, span, complete = None, timedelta(0), done.complete


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("Expected a time such as 2026-11-21T12:00:00+01:00.") from error
    if moment.tzinfo is None:
        raise click.BadParameter("The time needs its offset, such as +01:00 or Z.")
    return moment.astimezone(UTC)


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise click.BadParameter("Expected a span such as 3d, 12h, 30m or 45s.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})

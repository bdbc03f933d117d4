"""``loyalty serve``, ``worker``, ``doctor``, ``verify``, ``db`` and ``openapi``: running an installation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loyalty_api.operations.here import database_name, open_here, settings

if TYPE_CHECKING:
    from loyalty_api.operations.finding import Finding
    from loyalty_api.operations.verify import Verdict

_DOCUMENT = Path("openapi/loyalty-api.yaml")
_COLOURS = {"fine": "green", "warning": "yellow", "error": "red"}


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(1, 65_535), default=8080, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; else LOYALTY_WORKERS.")
@click.option("--threads", type=click.IntRange(1, 32), help="Threads in each; else LOYALTY_THREADS.")
@click.option("--worker", is_flag=True, help="Run the jobs too, in a process beside; else LOYALTY_WORKER.")
def serve(*, host: str, port: int, workers: int | None, threads: int | None, worker: bool) -> None:
    """Serve the API until SIGTERM or Ctrl-C."""
    from loyalty_api.operations import serving

    found = settings()
    found = replace(found, workers=workers or found.workers, threads=threads or found.threads)
    serving.serve(found, host=host, port=port, database=database_name(), worker=worker or found.worker)


@click.command()
def worker() -> None:
    """Run the jobs that time brings until SIGTERM or Ctrl-C: points that wake and expire, holds that run out.

    As many workers may run as you like; they share the work.
    """
    from loyalty_api.operations.place import ensure_schema
    from loyalty_api.operations.working import work

    with open_here() as place:
        ensure_schema(place)
        work(replace(place.settings, database_owner_url=""))


@click.command()
def doctor() -> None:
    """Look for what is wrong with this installation, and say how to mend it."""
    from loyalty_api.clock import machine_now
    from loyalty_api.operations.doctor import examine
    from loyalty_api.operations.place import open_place

    levels = set()
    with open_place(settings(), database=database_name(), redis=True) as place:
        for finding in examine(place, clock=machine_now):
            click.echo(_shown(finding))
            levels.add(finding.level)
    if "error" in levels:
        raise click.exceptions.Exit(1)


def _shown(finding: Finding) -> str:
    level = click.style(f"{finding.level:8}", fg=_COLOURS[finding.level])
    mend = f"\n{'':22}-> {finding.mend}" if finding.mend else ""
    return f"{level}{finding.about:14}{finding.what}{mend}"


@click.command()
def verify() -> None:
    """Check what must always be true of the ledger and of what was recorded.

    The exit code is 1 when something is not.
    """
    from loyalty_api.operations import verify as verifying
    from loyalty_api.operations.place import ensure_schema

    broken = 0
    with open_here() as place:
        ensure_schema(place)
        for verdict in verifying.verify(place.settings.database_url):
            click.echo(_said(verdict))
            broken += verdict.broken
    if broken:
        raise click.exceptions.Exit(1)


def _said(verdict: Verdict) -> str:
    invariant = verdict.invariant
    result = click.style(f"{verdict.broken} BROKEN", fg="red") if verdict.broken else "ok"
    line = f"{invariant.code:4}{invariant.rule}: {verdict.checked} checked, {result}"
    return "\n".join([line, *(f"      {name}: {trouble}" for name, trouble in verdict.first)])


@click.group()
def db() -> None:
    """The schema: bring it up, take it down, ask where it is."""


@db.command()
@click.argument("revision", default="head")
def upgrade(*, revision: str) -> None:
    """Migrate to REVISION, and give the application's role its rights."""
    from loyalty_api import migrating

    with open_here() as place:
        migrating.upgrade(owner_url=place.owner_url, app_url=place.settings.database_url, revision=revision)
        click.echo(migrating.current(url=place.owner_url))


@db.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask.")
def downgrade(*, revision: str, yes: bool) -> None:
    """Take migrations back to REVISION, `base` for none; what they brought goes, with all that is in it."""
    from loyalty_api import migrating

    if not yes:
        click.confirm(f"What is in the tables above {revision} will be gone. Go on?", abort=True)
    with open_here() as place:
        migrating.downgrade(owner_url=place.owner_url, app_url=place.settings.database_url, revision=revision)
        click.echo(migrating.current(url=place.owner_url) or "base")


@db.command()
def current() -> None:
    """Print the revision of the database, and the newest there is."""
    from loyalty_api import migrating

    with open_here() as place:
        click.echo(f"{migrating.current(url=place.owner_url) or 'base'} (newest: {migrating.head()})")


@click.group()
def openapi() -> None:
    """The document that describes the API."""


@openapi.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), default=_DOCUMENT)
def write(*, path: Path) -> None:
    """Write the document, as the code describes it, to PATH."""
    _write_document(path)
    click.echo(path)


@openapi.command()
@click.argument("path", type=click.Path(dir_okay=False, exists=True, path_type=Path), default=_DOCUMENT)
def check(*, path: Path) -> None:
    """Fail when the document at PATH is not what the code says."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        fresh = Path(folder) / path.name
        _write_document(fresh)
        if fresh.read_bytes() != path.read_bytes():
            raise click.ClickException(f"{path} is not what the code says: loyalty openapi write")
    click.echo(f"{path} is what the code says.")


def _write_document(path: Path) -> None:
    """The application describes itself; it needs no database for that, and connects to none."""
    from loyalty_api.app import create_app
    from loyalty_api.config import Settings
    from loyalty_api.openapi import write as write_document

    nowhere = Settings(data_dir=Path(), database_url="postgresql:///", keys=(("none", bytes(32)),))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_document(create_app(nowhere), path)

"""``loyalty draws``: whole days of draws, repeated from the public record alone, and the record to keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from loyalty_api.operations.here import open_session

if TYPE_CHECKING:
    from loyalty_api.draws.reading import Source


@click.group()
def draws() -> None:
    """Draws that anybody can check."""


@draws.command()
@click.option("--day", metavar="DAY", help="One day, such as 2026-11-18; all revealed days without it.")
@click.option("--url", metavar="URL", help="Read it from the API there: https://loyalty.example.")
@click.option(
    "--file", "path", metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="Read it there."
)
def check(*, day: str | None, url: str | None, path: str | None) -> None:
    """Repeat every draw of a day, or of all days, from what is published of them and from nothing else.

    It ends with 1 when anything does not follow from the seed, the odds and the commitments.
    """
    from loyalty_api.draws.reading import check_all

    if url and path:
        raise click.UsageError("Say --url or --file, one of them.")
    wrong = 0
    with _source(url, path) as source:
        for name, findings in check_all(source, day=day):
            click.echo(f"{name}: {findings.draws} draws, {findings.wins} won, {findings.wrong} faults.")
            for fault in findings.faults:
                click.echo(f"  {fault}")
            wrong += findings.wrong
    if wrong:
        raise click.ClickException("The record does not hold.")
    click.echo("Everything follows from the seeds and the odds that were committed.")


@draws.command()
@click.option("--day", metavar="DAY", required=True, help="A revealed day, such as 2026-11-18.")
@click.option("--url", metavar="URL", help="Read it from the API there: https://loyalty.example.")
def record(*, day: str, url: str | None) -> None:
    """Print what is published of a day, as lines of JSON: first the day, then each draw."""
    from loyalty_api.draws.reading import lines

    with _source(url, None) as source:
        for line in lines(source, day):
            click.echo(line)


@contextmanager
def _source(url: str | None, path: str | None) -> Iterator[Source]:
    from loyalty_api.draws.reading import Here, InFile, Over

    if url:
        yield Over(url)
    elif path:
        yield InFile(path)
    else:
        from loyalty_api.clock import machine_now
        from loyalty_api.db import driver

        with open_session() as (session, _):
            yield Here(driver(session), machine_now())

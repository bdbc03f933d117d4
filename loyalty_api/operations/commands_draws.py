"""``loyalty draws``: whole days of draws, repeated from the public record alone, and the record to keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

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
            drawn = f"{findings.draws} draws, {findings.wins} won, " if findings.draws else ""
            click.echo(f"{name}: {drawn}{findings.wrong} faults.")
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


@draws.command()
@click.option("--from", "first", metavar="DAY", required=True, help="From this local day on …")
@click.option("--to", "last", metavar="DAY", required=True, help="… to this one.")
def fairness(*, first: str, last: str) -> None:
    """Hold wins against the odds, by gift, store, level and hour, and show what staff gave by hand beside them.

    p says how likely luck alone is to stray so far from the odds: look closer when it is very small.
    """
    from loyalty_api.clock import machine_now
    from loyalty_api.draws.fairness import report
    from loyalty_api.program.service import settings_in_force
    from loyalty_api.vault import Vault

    days = (_day(first), _day(last))
    with open_session() as (session, place):
        program = settings_in_force(session, now=machine_now())
        if program is None:
            raise click.ClickException("There is no program in force.")
        found = report(
            session, vault=Vault(place.settings.keys), first=days[0], last=days[1], zone=program.zone
        )
    for dimension in ("gift", "store", "tier", "hour"):
        click.echo(_told(dimension, found[dimension]))
    for one in found["staff_gifts"]:
        click.echo(f"staff in {one['store'] or 'no store'} gave {one['gifts']} of {one['gift']}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text} is no day such as 2026-11-18.") from error


def _told(dimension: str, tested: dict[str, Any]) -> str:
    rows = [
        f"  {one['name'] or '(none)':24} {one['draws']:9} draws {one['expected']:>11} expected {one['wins']:7} won"
        for one in tested["groups"]
    ]
    p = "too few draws to say" if tested["p"] is None else f"p = {tested['p']}"
    return "\n".join([f"{dimension}: chi-square {tested['chi_square']} of {tested['freedom']}, {p}", *rows])


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

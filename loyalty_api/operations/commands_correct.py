"""``loyalty program correct``: the purchases of a window, rated once more."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from loyalty_api.operations.here import moment_of, open_here

if TYPE_CHECKING:
    from loyalty_api.corrections.running import Done


@click.command()
@click.option("--version", type=click.IntRange(1), required=True, help="The published version to rate under.")
@click.option("--from", "starts", metavar="TIME", required=True, help="Purchases made from this moment on …")
@click.option("--to", "ends", metavar="TIME", required=True, help="… and before this one.")
@click.option("--reason", help="Why, for the members' statements.")
@click.option("--dry-run", is_flag=True, help="Say what it would come to, and book nothing.")
def correct(*, version: int, starts: str, ends: str, reason: str | None, dry_run: bool) -> None:
    """Rate the purchases of a window once more under a version, and book what is different.

    It may be stopped at any moment: the same command goes on with what is left, and takes up receipts that have
    come since. When nothing is left it changes nothing.
    """
    from loyalty_api.clock import machine_now
    from loyalty_api.corrections.running import run
    from loyalty_api.db import Database
    from loyalty_api.operations.place import ensure_schema
    from loyalty_api.sandbox.service import business_time

    if reason and len(reason) > 500:
        raise click.BadParameter("A reason has 500 characters at most.")
    window = (moment_of(starts), moment_of(ends))
    with open_here() as place:
        ensure_schema(place)
        database = Database(place.settings.database_url)
        try:

            def clock() -> datetime:
                machine = machine_now()
                return business_time(database, machine=machine) if place.settings.sandbox else machine

            for done in run(
                database, version=version, window=window, reason=reason, dry_run=dry_run, clock=clock
            ):
                click.echo(_said(done, dry_run=dry_run))
        finally:
            database.close()


def _said(done: Done, *, dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    return (
        f"{done.members} members, {done.purchases} purchases, {done.corrected} {would}corrected:"
        f" {done.given} points {would}given, {done.taken} {would}taken back,"
        f" {done.lapsed} of too many had expired, {done.kept} {would}left to members."
    )

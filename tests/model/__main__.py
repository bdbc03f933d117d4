"""``python -m tests.model``: the service against the model, and transactions against one another, at length.

The last line is one JSON object; the exit status is 1 when anything differed.
"""

from __future__ import annotations

import json
import logging
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from random import Random

import click
import psycopg

from tests.model.driving import Found, Fresh, Tally, epoch, shortest, template, world_in
from tests.model.exploring import Explored, Explorer, NotSerial
from tests.model.scenes import SCENES
from tests.model.stepping import Scheduler, stepped
from tests.model.street import Street
from tests.model.twins import Step
from tests.support.engines import run_engines

Report = dict[str, object]


@click.command()
@click.option("--steps", default=20_000, show_default=True, help="Steps of the service against the model.")
@click.option("--schedules", type=int, help="Instead: so many schedules of each scene.")
@click.option(
    "--scene", type=click.Choice(list(SCENES)), multiple=True, help="Only this scene; may be repeated."
)
@click.option("--seed", default=1, show_default=True, help="What chance begins with.")
@click.option("--epoch", "only", type=int, help="Only this epoch of the seed.")
def main(*, steps: int, schedules: int | None, scene: tuple[str, ...], seed: int, only: int | None) -> None:
    """Do everything to the service and to the model, and stop at the first difference."""
    logging.disable(logging.WARNING)
    began = time.monotonic()
    for running in run_engines():
        with template(running) as fresh:
            if schedules is None:
                report = _against_the_model(fresh, steps, seed, only)
            else:
                with (
                    fresh() as database,
                    stepped(database),
                    psycopg.connect(running.database_url, autocommit=True) as observer,
                ):
                    explorer = Explorer(database, Scheduler(observer))
                    report = _against_one_another(explorer, scene or tuple(SCENES), schedules, seed)
    seconds = round(time.monotonic() - began, 1)
    click.echo(json.dumps({"seed": seed, "commit": _commit(), **report, "seconds": seconds}))
    raise SystemExit(1 if report["differences"] else 0)


def _against_the_model(fresh: Fresh, steps: int, seed: int, only: int | None) -> Report:
    """Epoch after epoch, until there were so many steps or one differed."""
    tally, began = Tally(), time.monotonic()
    for number in _epochs(only):
        random = Random(f"{seed}/{number}")
        with fresh() as database:
            world = world_in(database, random)
            epoch(world, random, number, tally, most=steps)
            for found in tally.differences:
                _show(found, seed, *shortest(world, found.history))
        seconds = time.monotonic() - began
        click.echo(
            f"{tally.steps:9d} steps, {number + 1} epochs, {tally.steps / seconds:.0f} steps/s", err=True
        )
        if tally.steps >= steps or tally.differences or tally.breaches:
            break
    for breach in tally.breaches:
        click.echo(breach)
    differences = len(tally.differences) + len(tally.breaches)
    return {"steps": tally.steps, "epochs": tally.checked, "differences": differences}


def _epochs(only: int | None) -> Iterator[int]:
    number = only or 0
    while True:
        yield number
        if only is not None:
            return
        number += 1


def _show(found: Found, seed: int, history: list[tuple[float, Step]], what: str | None) -> None:
    click.echo(f"A difference in epoch {found.epoch}: {what or found.what}")
    click.echo("The shortest history:" if what else "It takes more than one member. The history of one:")
    for seconds, step in history:
        click.echo(f"  {seconds / 3600:10.2f} h  {json.dumps(step)}")
    click.echo(f'Repeat it: make model ARGS="--seed {seed} --epoch {found.epoch}"')


def _against_one_another(explorer: Explorer, names: tuple[str, ...], most: int, seed: int) -> Report:
    """So many schedules of each scene, or all that it has."""
    street, found = Street(explorer.database), dict[str, Explored]()
    for name in names:
        try:
            found[name] = explorer.explore(
                partial(SCENES[name], street), most=most, random=Random(f"{seed}/{name}")
            )
        except NotSerial as difference:
            click.echo(f"{name}: {difference}")
            click.echo(f'Repeat it: make model ARGS="--seed {seed} --schedules {most} --scene {name}"')
            return {"schedules": _counted(found), "differences": 1}
        all_of_them = " (all there are)" if found[name].complete else ""
        click.echo(f"{name}: {len(found[name].schedules)} schedules{all_of_them}", err=True)
    complete = sum(each.complete for each in found.values())
    return {"schedules": _counted(found), "scenes": len(found), "complete": complete, "differences": 0}


def _counted(found: dict[str, Explored]) -> int:
    return sum(len(each.schedules) for each in found.values())


def _commit() -> str:
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()

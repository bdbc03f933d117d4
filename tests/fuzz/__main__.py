"""``python -m tests.fuzz --requests N --seed S``: say to the running service what it does not expect.

Writes ``build/fuzz/report.json``, prints each failing request with the command that sends it again, and ends with one
line of JSON: how many requests, server errors, answers outside the document, and hangs. The exit code is 1 when there
was any.
"""

from __future__ import annotations

import json
import logging
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import click

from tests.fuzz.run import Plan, breaches, run


@click.command()
@click.option("--requests", default=20_000, show_default=True, help="How many, of both parts together.")
@click.option("--seed", default=1, show_default=True, help="The same seed asks the same again.")
@click.option("--seconds", default=float("inf"), help="End each of the two parts after so long.")
def main(*, requests: int, seed: int, seconds: float) -> None:
    """Fuzz the real server, in processes of its own, with engines and a shop made for this run."""
    from tests.fuzz.place import open_place
    from tests.support.engines import data_folder, start

    logging.disable(logging.CRITICAL)
    plan, began = Plan(requests, seed, seconds), time.monotonic()
    with ExitStack() as stack:
        folder = stack.enter_context(data_folder())
        place = stack.enter_context(open_place(stack.enter_context(start(folder)), folder))
        tally = run(place, plan)
        broken = breaches(place)
    report = tally.report(
        commit=_commit(),
        seconds=round(time.monotonic() - began),
        requested=requests,
        broken_invariants=broken,
    )
    plan.folder.mkdir(parents=True, exist_ok=True)
    (plan.folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    _tell(report, [*tally.told(), *(f"invariant {line}" for line in broken)], plan.folder)
    click.echo(json.dumps(tally.outcome))
    raise SystemExit(1 if tally.failures or broken else 0)


def _tell(report: dict[str, object], failures: list[str], folder: Path) -> None:
    for name in ("parts", "callers", "manners", "unavailable_503", "seconds"):
        click.echo(f"{name}: {json.dumps(report[name])}")
    for failure in failures:
        click.echo(failure)
    click.echo(f"report: {folder / 'report.json'}")


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


main()

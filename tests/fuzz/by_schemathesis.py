"""schemathesis over every operation as every kind of caller: examples, edge cases, generated cases, chains of requests.

Its engine makes the requests and follows from one answer to the next; whether an answer is right is decided by the same
promises as everywhere here, and by its own checks besides.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import requests
import schemathesis
from schemathesis.core.errors import NoLinksFound
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import Interaction, ScenarioRecorder

from tests.fuzz.place import HOST
from tests.fuzz.promises import NDJSON, Answer, Promises
from tests.fuzz.shapes import IN_PATHS
from tests.fuzz.tally import Tally
from tests.fuzz.wire import PATIENCE
from tests.fuzz.world import CALLERS, World

PART = "schemathesis"
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
)  # fmt: skip
_THOROUGH = 20_000
LEAST = 40


@schemathesis.serializer(NDJSON)
def lines(_context: Any, value: Any) -> bytes:
    """Newline-delimited JSON: for the document it is a text, so any text and any document is sent."""
    if isinstance(value, bytes):
        return value
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()


def run(*, world: World, promises: Promises, tally: Tally, requests: int, until: float) -> None:
    """At least ``requests``, in rounds: one for each kind of caller, over again with another seed.

    Few requests are spread over all operations and callers; many come with every edge case of each schema.
    """
    depth = (
        Depth(edges=True, cases=8, chains=30)
        if requests >= _THOROUGH
        else Depth(edges=False, cases=1, chains=4)
    )
    for number, caller in _rounds():
        if _enough(tally, requests, until):
            return
        Round(world, promises, tally, caller, number, depth).run(requests, until)


def _enough(tally: Tally, requests: int, until: float) -> bool:
    """All were sent, or the time is over; a slow machine sends a few all the same."""
    sent = tally.parts[PART]
    return sent >= requests or (sent >= LEAST and time.monotonic() > until)


def _rounds() -> Iterator[tuple[int, str]]:
    number = 0
    while True:
        for caller in CALLERS:
            yield number, caller
            number += 1


@dataclass(frozen=True, slots=True)
class Depth:
    """How much a round tries: edge cases or not, cases of each operation, chains of up to six requests."""

    edges: bool
    cases: int
    chains: int


@dataclass(slots=True)
class Round:
    """One kind of caller, once over the operations that it may use; who may use none tries all of them."""

    world: World
    promises: Promises
    tally: Tally
    caller: str
    number: int
    depth: Depth
    token: str = ""

    def run(self, requests: int, until: float) -> None:
        """Go on until there were so many requests in all, or nothing is left to try."""
        stream = from_schema(self._schema()).execute()
        for event in stream:
            if isinstance(event, events.ScenarioFinished):
                self._take(event.recorder)
            elif isinstance(event, events.NonFatalError):
                self._unanswered(event)
            elif isinstance(event, events.FatalError):
                raise event.exception
            if _enough(self.tally, requests, until):
                stream.stop()

    def _unanswered(self, event: events.NonFatalError) -> None:
        """A request without an answer; anything else that it cannot do is trouble of ours.

        :raises Exception: just that.
        """
        if isinstance(event.value, NoLinksFound):
            return  # Nothing that this caller may do follows from another thing that it may do.
        if not isinstance(event.value, requests.RequestException):
            raise event.value
        sort = "hang" if isinstance(event.value, requests.Timeout) else "undocumented"
        self.tally.fail(sort, "(schemathesis)", f"{event.label}: {event.value}", b"")

    def _schema(self) -> Any:
        config = schemathesis.Config.from_dict(self._settings())
        whole = schemathesis.openapi.from_dict(dict(self.promises.document), config=config)
        schema = whole.include(operation_id=self._mine())
        if self.caller in CALLERS[:-2]:
            # Asked for with every request: callers sign themselves out, and are given another token.
            schema.auth(refresh_interval=None)(self._provider())
        return schema

    def _provider(self) -> type:
        one = self

        class Signing:
            """Signs requests with whatever token holds."""

            def get(self, _case: Any, _context: Any) -> str:
                one.token = one.world.token(one.caller)
                return one.token

            def set(self, case: Any, token: str, _context: Any) -> None:
                case.headers["Authorization"] = f"Bearer {token}"

        return Signing

    def _settings(self) -> dict[str, Any]:
        checks = {"enabled": False} | {name: {"enabled": True} for name in CHECKS}
        return {
            "seed": self.tally.seed * 1000 + self.number,
            "base-url": f"http://{HOST}:{self.tally.port}",
            "request-timeout": PATIENCE,
            # A connection that was kept may have been closed by then.
            "request-retries": 2,
            "continue-on-failure": True,
            "generation": {"max-examples": self.depth.cases, "no-shrink": True, "database": "none"},
            "parameters": self._known(),
            "checks": checks,
            "phases": {
                # Other methods of an address are ours to try: for them the document promises nothing.
                "coverage": {"enabled": self.depth.edges, "unexpected-methods": []},
                "stateful": {"max-steps": 6, "generation": {"max-examples": self.depth.chains}},
            },
        }

    def _known(self) -> dict[str, str]:
        """In every other round the ids of things there are: else nearly all there is to find is 404."""
        if self.number // len(CALLERS) % 2:
            return {}
        chance = Random(f"{self.tally.seed}/{self.number}")
        return {f"path.{name}": self.world.pools.any(pool, chance) for name, pool in IN_PATHS.items()}

    def _mine(self) -> list[str]:
        """The operations that this caller may use."""
        mine = [name for name, operation in self.promises.operations.items() if self._may(operation)]
        return [name for name in mine if self.depth.edges or self._turn(name)]

    def _turn(self, operation_id: str) -> bool:
        """Where there is time for few requests, each operation has one caller in a round, another one each time."""
        kinds = self.promises.operations[operation_id].get("x-caller-kinds", [])
        # Mostly one of those who may, and now and then somebody who may nothing.
        choices = [*kinds * 3, *CALLERS[-2:]]
        place = zlib.crc32(f"{self.tally.seed}/{operation_id}".encode()) + self.number // len(CALLERS)
        return self.caller == choices[place % len(choices)]

    def _may(self, operation: Mapping[str, Any]) -> bool:
        kinds = operation.get("x-caller-kinds")
        return self.caller in kinds if kinds and self.caller in CALLERS[:-2] else self.caller in CALLERS[-2:]

    def _take(self, recorder: ScenarioRecorder) -> None:
        for case_id, interaction in recorder.interactions.items():
            case = recorder.cases[case_id].value
            operation_id = case.operation.definition.raw["operationId"]
            failed = [
                f"{check.name}: {check.failure_info.failure.title}"
                for check in recorder.checks.get(case_id, ())
                if check.status == Status.FAILURE and check.failure_info is not None
            ]
            self._judge(operation_id, interaction, failed)

    def _judge(self, operation_id: str, interaction: Interaction, failed: list[str]) -> None:
        raw, response = _raw(interaction), interaction.response
        if response is None:
            status = "unanswered"
        else:
            headers = {name: ", ".join(values) for name, values in response.headers.items()}
            answer = Answer(response.status_code, headers, response.content)
            self.tally.judge(operation_id, answer, self.promises.faults(operation_id, answer) or failed, raw)
            status = str(response.status_code)
            if response.status_code in (401, 429) and self.token:
                self.world.token(self.caller, instead_of=self.token)
        self.tally.count(
            part=PART, operation=operation_id, caller=self.caller, manner="schemathesis", status=status
        )


def _raw(interaction: Interaction) -> bytes:
    """The request as it went over the wire."""
    request = interaction.request
    target = "/" + request.uri.partition("//")[2].partition("/")[2]
    headers = "".join(f"{name}: {', '.join(values)}\r\n" for name, values in request.headers.items())
    head = f"{request.method} {target} HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n"
    return head.encode("latin-1", "replace") + (request.body or b"")

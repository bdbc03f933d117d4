"""A small load generator: one thread, some keep-alive connections, one request under way on each.

Requests are ready-made bytes, and an answer is only looked at as far as its status and its length, so that a
request costs the generator little, and the same for whatever is measured.
"""

from __future__ import annotations

import select
import socket
import statistics
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from benchmarks import meter

CONNECTIONS = 8
_BLOCK = 1 << 16
_PATIENCE = 15.0

Follow = Callable[[bytes], bytes | None]
"""What is sent next on a connection because of an answer; None: nothing follows from it."""


class LoadFailed(RuntimeError):
    """An answer was not the expected one, or there was none: nothing can be measured."""


@dataclass(frozen=True, slots=True)
class Load:
    """One stretch of load: answers, seconds on the clock, CPU seconds of the generator, seconds to each answer.

    ``server_seconds`` are CPU seconds of all servers together, ``others`` how many cores everyone else kept busy.
    """

    answers: int
    seconds: float
    own_seconds: float
    latencies: list[float]
    server_seconds: float = 0.0
    others: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    @property
    def own_cost(self) -> float:
        """CPU seconds that the generator spent on one request."""
        return self.own_seconds / self.answers

    @property
    def server_cost(self) -> float:
        """CPU seconds that all servers together spent on one request."""
        return self.server_seconds / self.answers

    def within(self, percent: int) -> float:
        """Seconds within which so many percent were answered."""
        return statistics.quantiles(self.latencies, n=100)[percent - 1]


@dataclass(slots=True)
class _Wire:
    """One connection with its request under way; ``size`` is the whole answer's, once its head is there."""

    socket: socket.socket
    began: float = 0.0
    received: bytes = b""
    size: int = 0


@dataclass(slots=True)
class _Run:
    requests: Iterator[bytes]
    expected: frozenset[bytes]
    until: float
    follow: Follow | None = None
    waiting: int = 0
    latencies: list[float] = field(default_factory=list)
    odd: Counter[bytes] = field(default_factory=Counter)

    def send_next(self, wire: _Wire, now: float) -> None:
        following = self.follow(wire.received) if self.follow and wire.received else None
        # What was begun is brought to its end, after the time is over too.
        request = following or (next(self.requests, None) if now < self.until else None)
        if request is not None:
            wire.began, wire.received, wire.size = now, b"", 0
            wire.socket.sendall(request)
            self.waiting += 1

    def receive(self, wire: _Wire) -> None:
        block = wire.socket.recv(_BLOCK)
        if not block:
            raise LoadFailed(f"The server hung up after {wire.received[:500]!r}.")
        wire.received = wire.received + block if wire.received else block
        wire.size = wire.size or _size_of(wire.received)
        if not wire.size or len(wire.received) < wire.size:
            return
        now = time.perf_counter()
        self.waiting -= 1
        self.latencies.append(now - wire.began)
        if wire.received[9:12] not in self.expected:
            self.odd[wire.received[:1000]] += 1
        self.send_next(wire, now)


def drive(
    *,
    port: int,
    requests: Iterator[bytes],
    seconds: float,
    expected: int | Collection[int],
    connections: int = CONNECTIONS,
    follow: Follow | None = None,
) -> Load:
    """Send requests for so many seconds, or until there are no more, over ``connections`` at once.

    ``follow`` makes the next request of a connection out of an answer, where one follows from it.

    :raises LoadFailed: an answer had another status than those ``expected``, or none came.
    """
    statuses = frozenset([expected] if isinstance(expected, int) else expected)
    wires = [_Wire(_connect(port)) for _ in range(connections)]
    try:
        texts = frozenset(str(status).encode() for status in statuses)
        before = meter.reading()
        run, took, own = _drive(wires, requests, seconds, texts, follow)
        servers, others = meter.reading().since(before)
    finally:
        for wire in wires:
            wire.socket.close()
    if run.odd:
        raise LoadFailed(
            f"{run.odd.total()} answers were not {sorted(statuses)}: {run.odd.most_common(1)[0][0]!r}"
        )
    return Load(len(run.latencies), took, own, run.latencies, servers, others)


def _drive(
    wires: list[_Wire],
    requests: Iterator[bytes],
    seconds: float,
    expected: frozenset[bytes],
    follow: Follow | None,
) -> tuple[_Run, float, float]:
    by_number = {wire.socket.fileno(): wire for wire in wires}
    with select.epoll() as poll:
        for number in by_number:
            poll.register(number, select.EPOLLIN)
        began, own = time.perf_counter(), time.process_time()
        run = _Run(requests, expected, began + seconds, follow)
        for wire in wires:
            run.send_next(wire, time.perf_counter())
        while run.waiting:
            ready = poll.poll(_PATIENCE)
            if not ready:
                raise LoadFailed(f"No answer for {_PATIENCE} s.")
            for number, _ in ready:
                run.receive(by_number[number])
        return run, time.perf_counter() - began, time.process_time() - own


def request(
    *,
    method: str,
    path: str,
    token: str = "",
    body: bytes = b"",
    key: str = "",
    more: Mapping[str, str] | None = None,
) -> bytes:
    """One request as it goes over the wire; a body is JSON, ``key`` its Idempotency-Key, ``more`` further headers."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if key:
        lines.append(f"Idempotency-Key: {key}")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    lines += [f"{name}: {value}" for name, value in (more or {}).items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _connect(port: int) -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


def _size_of(received: bytes) -> int:
    """The size of the whole answer by its head; 0 while the head is not there."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = received[:end].lower()
    if head[9:12] in (b"204", b"304"):
        return end + 4
    start = head.find(b"\r\ncontent-length:")
    if start < 0:
        raise LoadFailed(f"An answer does not say its length: {head!r}")
    return end + 4 + int(head[start + 17 :].split(b"\r\n", 1)[0])

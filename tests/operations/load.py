"""Tills that sell over real connections, and remember of each sale what they heard of it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.shop import Shop, line, receipt

JSON = "application/json"
# `unsent`: nobody took the connection. `unheard`: not a byte came back. `half`: some bytes did.
Heard = Literal["answered", "unsent", "unheard", "half"]
# Nothing was decided yet, or not here: a till sends the same again.
UNDECIDED = (409, 429, 503)
# Few members, so that their sales meet.
CARDS = tuple(f"TILL-{number}" for number in range(5))


@dataclass(slots=True)
class Sale:
    """A receipt as it was sent, and what came back."""

    body: bytes
    heard: Heard = "unsent"
    status: int = 0
    replayed: bool = False
    points: int = 0

    @property
    def acknowledged(self) -> bool:
        """Whether a till may throw its copy away."""
        return self.heard == "answered" and self.status in (200, 201)


@dataclass(slots=True)
class Line:
    """One keep-alive connection of a till."""

    port: int
    headers: Mapping[str, str]
    wire: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def send(self, sale: Sale) -> Sale:
        """Send it once; the sale, with what was heard."""
        sale.heard, sale.status = self._sent(sale)
        if sale.heard != "answered":
            self.wire.close()
        return sale

    def _sent(self, sale: Sale) -> tuple[Heard, int]:
        try:
            if self.wire.sock is None:
                self.wire.connect()
        except OSError:
            return "unsent", 0
        try:
            self.wire.request("POST", "/v1/purchases", sale.body, {**self.headers, "Content-Type": JSON})
            answer = self.wire.getresponse()
        except (http.client.RemoteDisconnected, OSError):
            return "unheard", 0
        except http.client.HTTPException:
            return "half", 0
        try:
            # An answer without its end is no JSON, or shorter than it said.
            found = json.loads(answer.read())
        except (http.client.HTTPException, OSError, ValueError):
            return "half", answer.status
        sale.replayed = answer.headers.get("Idempotent-Replayed") == "true"
        sale.points = found.get("points", {}).get("earned", 0) if answer.status < 300 else 0
        return "answered", answer.status

    def send_until_decided(self, sale: Sale) -> Sale:
        """As a till does: the same again until it is known what became of it."""
        deadline = time.monotonic() + 60
        while self.send(sale).heard != "answered" or sale.status in UNDECIDED:
            assert time.monotonic() < deadline, sale
            time.sleep(0.02)
        return sale

    def close(self) -> None:
        self.wire.close()


def basket(number: int) -> Sale:
    """The next sale, for one of the cards."""
    body = receipt(line(500 + number % 900), card=CARDS[number % len(CARDS)])
    return Sale(json.dumps(body).encode())


@dataclass(slots=True)
class Tills:
    """Several tills that sell until the block ends, each on its own line."""

    shop: Shop
    port: int
    lines: int = 8
    # What a till does with a sale: send it once, or until it is decided.
    send: Callable[[Line, Sale], Sale] = Line.send
    pause: float = 0.0
    sales: list[Sale] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _trouble: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Tills:
        headers = dict(self.shop.till.headers)
        self._threads = [threading.Thread(target=self._sell, args=(headers, n)) for n in range(self.lines)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()
        assert not self._trouble, self._trouble

    def stop(self) -> None:
        """Let every till finish the sale that it is at."""
        self._ended.set()
        for thread in self._threads:
            thread.join(120)

    @property
    def acknowledged(self) -> list[Sale]:
        """What was answered with a success until now."""
        return [sale for sale in list(self.sales) if sale.acknowledged]

    def _sell(self, headers: Mapping[str, str], first: int) -> None:
        wire, number = Line(self.port, headers), first
        try:
            while not self._ended.wait(self.pause):
                sale = basket(number)
                self.sales.append(self.send(wire, sale))
                number += self.lines
                if sale.heard == "unsent":
                    return
        except BaseException as trouble:
            self._trouble.append(trouble)
        finally:
            wire.close()

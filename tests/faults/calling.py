"""How clients of the load speak to the API: real HTTP, the same again until the answer is definite, all of it noted."""

from __future__ import annotations

import base64
import http.client
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from tests.faults.history import Attempt, History, Operation, Result, is_definite

_TIMEOUT = 12.0
# Long enough for everything to come back on a machine that has a lot to do.
PATIENCE = 90.0
Reading = Callable[[Mapping[str, Any]], Result | None]


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; status 0: there was none."""

    status: int
    document: Mapping[str, Any]
    headers: Mapping[str, str]
    lines: tuple[Mapping[str, Any], ...] = ()

    @property
    def code(self) -> str | None:
        """The code of a problem."""
        return self.document.get("code") if self.status >= 400 else None


NOTHING = Answer(0, {}, {})


class Credential:
    """A client of the API, and the token that all who speak for it share."""

    def __init__(self, port: int, client_id: str, secret: str) -> None:
        self._port, self._basic = port, base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        self._lock = threading.Lock()
        self._token = ""

    def token(self) -> str:
        """The token at hand; empty when there is none to be had now."""
        with self._lock:
            self._token = self._token or self._sign_in()
            return self._token

    def forget(self, token: str) -> None:
        """The API did not accept it."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _sign_in(self) -> str:
        line = Line(self._port)
        headers = {
            "Authorization": f"Basic {self._basic}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = line.send("POST", "/oauth/token", b"grant_type=client_credentials", headers)
        line.close()
        return str(answer.document.get("access_token", ""))


class MemberToken(Credential):
    """A member's own token, made by ``make``."""

    def __init__(self, make: Callable[[], str]) -> None:
        super().__init__(0, "", "")
        self._make = make

    def _sign_in(self) -> str:
        return self._make()


class Line:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._wire = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """The answer; NOTHING when the connection was cut or the time was up. Lines that came before that count."""
        try:
            self._wire.request(method, quote(path), body=body, headers=dict(headers))
            response = self._wire.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            if found.get("content-type", "").startswith("application/x-ndjson") and response.status == 200:
                return self._lines(response, found)
            raw = response.read()
        except (OSError, http.client.HTTPException):
            self._wire.close()
            return NOTHING
        document = orjson.loads(raw) if raw and "json" in found.get("content-type", "") else {}
        return Answer(response.status, document, found)

    def _lines(self, response: http.client.HTTPResponse, headers: Mapping[str, str]) -> Answer:
        lines = []
        try:
            while line := response.readline():
                lines.append(orjson.loads(line))
        except (OSError, http.client.HTTPException, orjson.JSONDecodeError):
            self._wire.close()
            return Answer(0, {}, headers, tuple(lines))
        return Answer(response.status, {}, headers, tuple(lines))

    def close(self) -> None:
        """Hang up."""
        self._wire.close()


class Client:
    """Somebody at the API: a name in the log, a credential, a connection, and dice of its own.

    A ``steady`` one never rests, so outages are measured by it.
    """

    def __init__(
        self,
        name: str,
        history: History,
        port: int,
        credential: Credential,
        *,
        seed: str,
        steady: bool = False,
    ) -> None:
        self.name, self.history, self.dice = name, history, random.Random(seed)
        self._credential, self._line, self._steady = credential, Line(port), steady

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[float, float, Answer]:
        """When it was sent, when the answer was there, and the answer."""
        token = self._credential.token()
        named = {"Authorization": f"Bearer {token}", **(headers or {})}
        if body is not None or raw is not None:
            named.setdefault("Content-Type", "application/json")
        if key:
            named["Idempotency-Key"] = key
        data = raw if raw is not None else None if body is None else orjson.dumps(body)
        invoked = self.history.now()
        answer = self._line.send(method, path, data, named) if token else NOTHING
        returned = self.history.now()
        if answer.status == 401:
            self._credential.forget(token)
        if self._steady and is_definite(answer.status, answer.code):
            self.history.answered(self.name, invoked, returned)
        return invoked, returned, answer

    def insist(
        self, operation: Operation, path: str, body: Any, reading: Reading, *, may_give_up: bool = False
    ) -> Answer | None:
        """Send the same until the answer is definite; None when it gave up before it knew."""
        deadline = time.monotonic() + PATIENCE
        while True:
            invoked, returned, answer = self.send("POST", path, body, key=operation.key)
            result = reading(answer.document) if 200 <= answer.status < 300 else None
            code = answer.code or (None if result else answer.document.get("status"))
            attempt = Attempt(self.name, invoked, returned, answer.status, code, result)
            operation.attempts.append(attempt)
            if attempt.definite:
                return answer
            if may_give_up and self.dice.random() < 0.08:
                operation.abandoned = True
                return None
            if time.monotonic() > deadline:
                return None
            self.rest(0.05, 0.3)

    def rest(self, least: float, most: float) -> None:
        """A moment."""
        time.sleep(self.dice.uniform(least, most))

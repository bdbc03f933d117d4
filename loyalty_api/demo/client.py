"""How a till speaks to the API: keep-alive, signed in, repeating itself until the answer is definite."""

from __future__ import annotations

import base64
import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from loyalty_api.errors import Conflict, Unavailable

JSON = "application/json"
NDJSON = "application/x-ndjson"
FORM = "application/x-www-form-urlencoded"

# Seconds. A batch is streamed: this bounds the silence between two pieces of an answer, not the whole.
_SILENCE = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_RENEW_AT = 0.8


class NoAnswer(Unavailable):
    """The API gave no definite answer in time; what was sent may or may not have been done."""

    code, title = "no_answer", "The API does not answer"


class Refused(Conflict):
    """The API answered, but not with what the demo needs to go on."""

    code, title = "demo_refused", "The API refused a step of the demo"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client signs in with."""

    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> dict[str, Any]:
        """The JSON object in the body; empty when there is none."""
        found = orjson.loads(self.body) if self.body else {}
        return found if isinstance(found, dict) else {}

    @property
    def replayed(self) -> bool:
        """Whether this is the first answer, given again."""
        return self.headers.get("idempotent-replayed") == "true"

    @property
    def pause(self) -> float | None:
        """Seconds that the API asks to wait, or None when this answer is definite."""
        if self.status == 429 or self.status >= 500:
            asked = self.headers.get("retry-after", "")
            return float(asked) if asked.isdigit() else 0.0
        return None


class Tokens:
    """Access tokens by client, shared by connections; each is renewed at 80 % of its life."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, float]] = {}

    def held(self, *, client_id: str) -> str | None:
        """A token of the client that need not be renewed yet. Two threads may both find none: no harm."""
        token, renew_at = self._held.get(client_id, ("", 0.0))
        return token if time.monotonic() < renew_at else None

    def keep(self, *, client_id: str, token: str, seconds: float) -> None:
        """Remember a token that lives for ``seconds`` from now."""
        self._held[client_id] = (token, time.monotonic() + seconds * _RENEW_AT)

    def forget(self, *, client_id: str) -> None:
        """Ask for a new one next time: the API did not accept this one."""
        self._held.pop(client_id, None)


class Connection:
    """One keep-alive connection. Not for several threads at once; the tokens may be shared.

    A request that got no answer, 429 or 5xx is sent again, the same bytes, after the pause that was asked for
    or a growing one of its own, until ``patience`` seconds have passed.
    """

    def __init__(self, *, host: str, port: int, tokens: Tokens, patience: float = 60.0) -> None:
        self._wire = http.client.HTTPConnection(host, port, timeout=_SILENCE)
        self._tokens = tokens
        self._patience = patience

    def call(
        self,
        *,
        method: str,
        path: str,
        client: Credential,
        body: bytes | None = None,
        content_type: str = JSON,
        key: str | None = None,
    ) -> Answer:
        """Send one request as ``client`` and return its definite answer, signing in as often as needed.

        ``key`` is the ``Idempotency-Key``. Raises NoAnswer, and Refused when the client cannot sign in.
        """
        headers = {"Content-Type": content_type} if body is not None else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        answer = self._signed(method, path, headers, body, client)
        if answer.status == 401:
            self._tokens.forget(client_id=client.client_id)
            answer = self._signed(method, path, headers, body, client)
        return answer

    def sign_in(self, *, client: Credential) -> str:
        """A token of ``client``, asked for when none is at hand. Raises Refused when it is not known."""
        token = self._tokens.held(client_id=client.client_id)
        if token is not None:
            return token
        basic = base64.b64encode(f"{client.client_id}:{client.client_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": FORM}
        answer = self._definite("POST", "/oauth/token", headers, b"grant_type=client_credentials")
        if answer.status != 200:
            raise Refused(f"A client could not sign in ({answer.status}).")
        granted = answer.document()
        token = str(granted["access_token"])
        self._tokens.keep(client_id=client.client_id, token=token, seconds=float(granted["expires_in"]))
        return token

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _signed(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, client: Credential
    ) -> Answer:
        token = self.sign_in(client=client)
        return self._definite(method, path, {**headers, "Authorization": f"Bearer {token}"}, body)

    def _definite(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        until, pause, trouble = time.monotonic() + self._patience, _FIRST_PAUSE, ""
        while True:
            asked = 0.0
            try:
                answer = self._once(method, path, headers, body)
                if answer.pause is None:
                    return answer
                asked, trouble = answer.pause, str(answer.status)
            except (OSError, http.client.HTTPException) as error:
                # A connection that died tells nothing about the request: the same bytes may be sent again.
                self._wire.close()
                trouble = type(error).__name__
            wait = max(asked, pause)
            if time.monotonic() + wait > until:
                raise NoAnswer(f"{method} {path} got no definite answer: {trouble}.")
            time.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _once(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        self._wire.request(method, path, body=body, headers=dict(headers))
        response = self._wire.getresponse()
        sent = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, sent, response.read())

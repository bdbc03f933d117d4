"""Business time of the demo's sandbox, which goes along with the data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from loyalty_api.demo.client import Connection, Credential, Refused

_PATH = "/v1/sandbox/clock"


@dataclass(frozen=True, slots=True)
class Clock:
    """The sandbox's clock, moved by the back office. Seconds are those since the Unix epoch."""

    connection: Connection
    office: Credential

    def move(self, seconds: int) -> None:
        """Go on to that moment, and do what becomes due on the way; a clock that shows a later one is left so.

        Raises NoAnswer, and Refused when it cannot be moved at all.
        """
        moment = datetime.fromtimestamp(seconds, UTC)
        answer = self.connection.call(
            method="POST",
            path=_PATH,
            client=self.office,
            body=orjson.dumps({"now": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}),
            key=f"demo-clock-{seconds}",
        )
        code = answer.document().get("code")
        if answer.status != 200 and code != "clock_backwards":
            raise Refused(f"The sandbox's clock could not be moved: {answer.status} {code}.")

    def read(self) -> str:
        """What it shows, as the API writes it. Raises NoAnswer and Refused."""
        answer = self.connection.call(method="GET", path=_PATH, client=self.office)
        if answer.status != 200:
            raise Refused(f"The sandbox's clock could not be read: {answer.status}.")
        return str(answer.document()["now"])

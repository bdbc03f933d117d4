"""What the demo shows: a bar while it replays, then a table, one line of JSON, and what to try next."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

import orjson

from loyalty_api.demo.client import Connection, Credential, Refused
from loyalty_api.demo.replay import Tally

TOTALS = (
    "members",
    "stores",
    "purchases",
    "lines",
    "paid_minor",
    "points_base",
    "points_bonus",
    "points_issued",
)
_LABELS = {
    "members": "members",
    "stores": "stores",
    "purchases": "purchases",
    "lines": "lines",
    "paid_minor": "paid, USD",
    "points_base": "points, base",
    "points_bonus": "points, bonus",
    "points_issued": "points issued",
    "duplicates": "duplicates in this run",
    "rejected": "rejected in this run",
    "seconds": "seconds",
}
_WIDTH = 40


@dataclass(slots=True)
class Progress:
    """A plain bar on a terminal; elsewhere a line for each tenth. Several threads may advance it."""

    total: int
    stream: TextIO
    label: str
    done: int = 0
    _shown: int = -1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def advance(self, more: int) -> None:
        """Say that ``more`` of the total are done."""
        with self._lock:
            self.done += more
            percent = 100 * self.done // max(self.total, 1)
            if self.stream.isatty() and percent != self._shown:
                bar = "█" * (_WIDTH * percent // 100)
                self._write(
                    f"\r{self.label} {bar:·<{_WIDTH}} {percent:3d} %  {self.done:,} of {self.total:,}"
                )
                self._shown = percent
            elif not self.stream.isatty() and percent // 10 > self._shown // 10:
                self._write(f"{self.label} {percent // 10 * 10} %\n")
                self._shown = percent

    def finish(self) -> None:
        """Leave the bar behind, so that what comes next has a line of its own."""
        if self.stream.isatty():
            self._write("\n")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def read_totals(connection: Connection, *, office: Credential) -> dict[str, int]:
    """The program's totals, read back from the API. Raises Refused when they cannot be read."""
    answer = connection.call(method="GET", path="/v1/program/totals", client=office)
    if answer.status != 200:
        raise Refused(f"The totals could not be read: {answer.status}.")
    totals = answer.document()
    return {name: int(totals[name]) for name in TOTALS}


def figures(*, totals: Mapping[str, int], tally: Tally, seconds: float) -> dict[str, Any]:
    """The demo's result: the program's totals, and what this run was answered."""
    return {
        **totals,
        "duplicates": tally.outcomes["duplicate"],
        "rejected": tally.outcomes["rejected"],
        "seconds": round(seconds, 1),
    }


def table(*, found: Mapping[str, Any]) -> str:
    """The figures for a person, a row each."""
    return "\n".join(f"  {_LABELS[name]:<24}{_shown(name, value):>16}" for name, value in found.items())


def json_line(*, found: Mapping[str, Any]) -> str:
    """The figures for a program, in one line."""
    return orjson.dumps(dict(found)).decode()


def guide(*, base_url: str, store: str, till: Credential, card: str) -> str:
    """What to try next: the commands work as they stand, one after the other, in a POSIX shell."""
    identifier = f'{{"kind": "card", "value": "{card}", "entry": "scanned"}}'
    send = "-H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json'"
    return f"""\
The API page     {base_url}/docs
A till's client  {till.client_id}  (store {store}, terminal 1)
Its secret       {till.client_secret}

# Sign the till in
TOKEN=$(curl -s {base_url}/oauth/token -d grant_type=client_credentials \\
  -u '{till.client_id}:{till.client_secret}' | sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')

# Earn points with a purchase of 12.50
curl -s {base_url}/v1/purchases {send} -d @- <<END
{{"store": "{store}", "terminal": "1", "business_date": "$(date -u +%F)", "reference": "try-$(date +%s)",
 "kind": "sale", "occurred_at": "$(date -u +%FT%TZ)", "currency": "USD",
 "identifier": {identifier},
 "lines": [{{"line_id": "1", "type": "goods", "sku": "1095275", "quantity": 1,
   "unit": "each", "amount": 1250}}],
 "total": 1250, "payments": [{{"kind": "card", "amount": 1250}}]}}
END

# Read the card's balance
curl -s {base_url}/v1/members/lookup {send} \\
  -d '{{"identifier": {identifier}}}'
"""


def _shown(name: str, value: float) -> str:
    if name == "paid_minor":
        return f"{int(value) // 100:,}.{int(value) % 100:02d}"
    return f"{value:,}"

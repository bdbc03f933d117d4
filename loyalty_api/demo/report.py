"""What the demo shows: a bar while it replays, then a table, one line of JSON, and what to try next."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

import orjson

from loyalty_api.demo.client import Connection, Credential, Refused
from loyalty_api.demo.tally import Tally

TOTALS = (
    "members",
    "stores",
    "purchases",
    "lines",
    "paid_minor",
    "points_base",
    "points_bonus",
    "points_issued",
    "redemptions",
    "points_redeemed",
    "returns",
    "points_taken_back",
)
PASSED = "passed"
# What the guide shows: that few points are the least that a program of ours lets anyone use.
TRY_POINTS = 20
_LABELS = {
    "members": "members",
    "stores": "stores",
    "purchases": "purchases",
    "lines": "lines",
    "paid_minor": "paid, USD",
    "points_base": "points, base",
    "points_bonus": "points, bonus",
    "points_issued": "points issued",
    "redemptions": "redemptions",
    "points_redeemed": "points redeemed",
    "returns": "returns",
    "points_taken_back": "points taken back",
    "duplicates": "duplicates in this run",
    "rejected": "rejected in this run",
    "verify": "loyalty verify",
    "seconds": "seconds",
}
_WIDTH = 40
_SEND = "-H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json'"
Figures = dict[str, int | float | str | dict[str, Any]]


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
    """The program's totals, read back from the API. Raises Refused when they cannot be read.

    What returns took back is shown apart, so ``points_issued`` is what was issued before it.
    """
    answer = connection.call(method="GET", path="/v1/program/totals", client=office)
    if answer.status != 200:
        raise Refused(f"The totals could not be read: {answer.status}.")
    totals = {name: int(answer.document()[name]) for name in TOTALS}
    return {**totals, "points_issued": totals["points_issued"] + totals["points_taken_back"]}


def figures(
    *,
    totals: Mapping[str, int],
    promotions: Mapping[str, int],
    gifts: Mapping[str, Any],
    tally: Tally,
    broken: Iterable[str],
    seconds: float,
) -> Figures:
    """The demo's result: the program's totals, what promotions would take off the baskets of this run in cents, what
    was given for a surprise, what this run was answered, and which invariants are broken."""
    return {
        **totals,
        "promotions": dict(promotions),
        "gifts": dict(gifts),
        "duplicates": tally.outcomes["duplicate"],
        "rejected": tally.outcomes["rejected"],
        "verify": ", ".join(sorted(set(broken))) or PASSED,
        "seconds": round(seconds, 1),
    }


def table(*, found: Mapping[str, Any]) -> str:
    """The figures for a person, a row each."""
    rows = [(_LABELS[name], _shown(name, value)) for name, value in found.items() if name in _LABELS]
    rows += [(f"{rule} would be, USD", _money(off)) for rule, off in found["promotions"].items()]
    return "\n".join(f"  {label:<24}{value:>16}" for label, value in rows)


def json_line(*, found: Mapping[str, Any]) -> str:
    """The figures for a program, in one line."""
    return orjson.dumps(dict(found)).decode()


def card_to_try(connection: Connection, *, till: Credential, cards: Sequence[str]) -> str:
    """The first of ``cards`` with points enough for all that the guide shows; else the first."""
    for card in cards:
        body = orjson.dumps({"identifier": {"kind": "card", "value": card}})
        answer = connection.call(method="POST", path="/v1/members/lookup", client=till, body=body)
        if answer.status == 200 and answer.document()["balance"]["available"] >= TRY_POINTS:
            return card
    return cards[0]


@dataclass(frozen=True, slots=True)
class Guide:
    """Whom and what the commands to try speak of; ``now``: what a sandbox's clock shows, None where there is none."""

    base_url: str
    store: str
    till: Credential
    card: str
    now: str | None = None

    def text(self, *, spends: bool) -> str:
        """What to try next: the commands work as they stand, one after the other, in a POSIX shell."""
        parts = [self._where(), self._earning()]
        return "\n".join([*parts, self._spending()] if spends else parts)

    def _where(self) -> str:
        its_time = f"\nIts time         {self.now}  (a sandbox: it stands still)" if self.now else ""
        return f"""\
The API page     {self.base_url}/docs
A till's client  {self.till.client_id}  (store {self.store}, terminal 1)
Its secret       {self.till.client_secret}{its_time}

# Sign the till in
TOKEN=$(curl -s {self.base_url}/oauth/token -d grant_type=client_credentials \\
  -u '{self.till.client_id}:{self.till.client_secret}' | sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')
"""

    def _earning(self) -> str:
        return f"""\
# Earn points with a purchase of 12.50
NOW={self.now or "$(date -u +%FT%TZ)"}
curl -s {self.base_url}/v1/purchases {_SEND} -d @- <<END
{{"store": "{self.store}", "terminal": "1", "business_date": "${{NOW%T*}}", "reference": "try-$(date +%s)",
 "kind": "sale", "occurred_at": "$NOW", "currency": "USD",
 "identifier": {self._identifier},
 "lines": [{{"line_id": "1", "type": "goods", "sku": "1095275", "quantity": 1,
   "unit": "each", "amount": 1250}}],
 "total": 1250, "payments": [{{"kind": "card", "amount": 1250}}]}}
END

# Read the card's balance
curl -s {self.base_url}/v1/members/lookup {_SEND} \\
  -d '{{"identifier": {self._identifier}}}'
"""

    def _spending(self) -> str:
        return f"""\
# Use {TRY_POINTS} points: hold them, then capture what is held
KEY=try-$(date +%s)
HELD=$(curl -s {self.base_url}/v1/redemptions {_SEND} -H "Idempotency-Key: $KEY" \\
  -d '{{"identifier": {self._identifier}, "for": "points", "points": {TRY_POINTS}}}' |
  sed 's/.*"redemption_id": *"\\([^"]*\\)".*/\\1/')
curl -s {self.base_url}/v1/redemptions/$HELD/capture {_SEND} -H "Idempotency-Key: $KEY-used" -d '{{}}'
"""

    @property
    def _identifier(self) -> str:
        return f'{{"kind": "card", "value": "{self.card}", "entry": "scanned"}}'


def _shown(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    return _money(int(value)) if name == "paid_minor" else f"{value:,}"


def _money(minor: int) -> str:
    return f"{minor // 100:,}.{minor % 100:02d}"

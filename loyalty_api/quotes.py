"""A quote's promise, carried by the quote itself: nothing is stored when a basket is priced.

The id holds the program version, how long it is honoured and what was promised, under a keyed hash, so that a till
that commits in time is rated by the rules it was quoted under (invariant 10).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from loyalty_api.vault import Vault

PREFIX = "quo_"
HONOURED = timedelta(minutes=15)
CLOCKS_DIFFER = timedelta(minutes=5)
_MAC = 16
MOST_PAUSES = 30
_TOO_MANY = -1


@dataclass(frozen=True, slots=True)
class Quote:
    """What a quote promised: the rules of ``version`` until ``honoured_until``, and so many points.

    ``redeemable`` is the most that points may pay of its basket, in minor units; None when nobody's points could.
    ``mark`` is that of the basket with its price, which is honoured as it was told; empty when the program set none.
    ``pauses`` are the numbers of the pauses that it was made under: what is paused later does not break its promise.
    None: they were too many to carry, and those of the sale's own moment hold.
    """

    version: int
    honoured_until: datetime
    points: int
    redeemable: int | None = None
    mark: str = ""
    pauses: frozenset[int] | None = frozenset()

    def covers(self, moment: datetime) -> bool:
        """Whether a sale at ``moment`` may lean on it: not after its end, nor before it was made (clocks differ)."""
        return self.honoured_until - HONOURED - CLOCKS_DIFFER <= moment <= self.honoured_until


def write_quote(vault: Vault, quote: Quote) -> str:
    """The id of a quote; only we can make one."""
    pauses = quote.pauses
    named = [_TOO_MANY] if pauses is None or len(pauses) > MOST_PAUSES else sorted(pauses)
    until = int(quote.honoured_until.timestamp())
    said = orjson.dumps([quote.version, until, quote.points, quote.redeemable, quote.mark, *named])
    return PREFIX + base64.urlsafe_b64encode(said + _mac(vault, said)).decode().rstrip("=")


def read_quote(vault: Vault, text: str | None) -> Quote | None:
    """The quote that an id names, or None when it is not one of ours: a sale is never refused for it (R1)."""
    if not text or not text.startswith(PREFIX):
        return None
    body = text.removeprefix(PREFIX)
    try:
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except (binascii.Error, ValueError):
        return None
    said, mac = raw[:-_MAC], raw[-_MAC:]
    if not hmac.compare_digest(mac, _mac(vault, said)):
        return None
    version, until, points, redeemable, *more = orjson.loads(said)
    mark, *pauses = more or ("",)
    return Quote(
        version,
        datetime.fromtimestamp(until, UTC),
        points,
        redeemable,
        mark,
        None if _TOO_MANY in pauses else frozenset(pauses),
    )


def held_by(vault: Vault, text: str, *, lane: tuple[str, str]) -> bytes:
    """A keyed hash of a quote's id and its ``lane`` (store and terminal), under which is kept what was reserved for it.

    Two lanes that price the same basket in the same second have quotes that say the same.
    """
    return vault.blind("reserved", "\n".join([*lane, text]))


def _mac(vault: Vault, said: bytes) -> bytes:
    # What somebody made up need not be text: every byte stands for itself.
    return vault.blind("quote", said.decode("latin-1"))[:_MAC]

"""Real baskets as requests: what the tills of a real grocer would send today, and what its back office sends late."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache

import orjson

from benchmarks.load import request
from loyalty_api.demo import data
from loyalty_api.demo.data import Purchase

LINES = 10
_DAYS = 60
_REFERENCE = b"@" * 24
# As long as every card, so that a body stays as long as it says.
_CARD = b"#" * 9
_OF_A_RECEIPT = ("business_date", "reference", "total", "payments")
_numbers = itertools.count(1)


@cache
def of_members() -> Sequence[Purchase]:
    """The baskets of 60 days, as they happened, of the households that had one of ten lines in them."""
    found = [purchase for day in data.purchases_by_day(days=_DAYS) for purchase in day]
    members = {purchase.household_id for purchase in found if len(purchase.lines) == LINES}
    return [purchase for purchase in found if purchase.household_id in members]


@cache
def with_ten_lines() -> Sequence[Purchase]:
    """Those of ten lines."""
    return [purchase for purchase in of_members() if len(purchase.lines) == LINES]


def purchase_requests(
    tokens: Mapping[int, str],
    cards: Sequence[str] = (),
    *,
    path: str = "/v1/purchases",
    at: datetime | None = None,
) -> Iterator[bytes]:
    """Baskets of ten lines, for ever, each as a sale of now under a receipt number of its own; tokens by store.

    With ``at`` they are sales of that moment.
    They are those of their households, or of ``cards`` in turn. As a quote (``path``) a basket has no receipt number.
    """
    now = at or datetime.now(UTC)
    drafts = [_draft(purchase, tokens[purchase.store_id], path, now) for purchase in with_ten_lines()]
    shown = itertools.cycle([card.encode() for card in cards] or [None])
    for (draft, own), card in zip(itertools.cycle(drafts), shown, strict=False):
        yield draft.replace(_REFERENCE, f"{next(_numbers):024d}".encode()).replace(_CARD, card or own)


def _draft(purchase: Purchase, token: str, path: str, now: datetime) -> tuple[bytes, bytes]:
    """The request with a place for a receipt number and for a card, and the household's own card."""
    body = purchase.body() | {"occurred_at": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    own = body["identifier"]["value"].encode()
    body["identifier"] |= {"value": _CARD.decode()}
    if path.endswith("/quotes"):
        for name in _OF_A_RECEIPT:
            body.pop(name, None)
    else:
        body |= {"reference": _REFERENCE.decode(), "business_date": now.date().isoformat()}
    return request(method="POST", path=path, token=token, body=orjson.dumps(body)), own


def batch(purchases: Sequence[Purchase], cards: Sequence[str] = ()) -> bytes:
    """The body of a batch call; with ``cards`` they are those members', and no receipt was sent before."""
    bodies = [purchase.body() for purchase in purchases]
    for body, card in zip(bodies, itertools.cycle(cards), strict=False):
        body["identifier"] |= {"value": card}
        body["reference"] = f"{next(_numbers):024d}"
    return b"".join(
        orjson.dumps({"type": "purchase", "body": body}, option=orjson.OPT_APPEND_NEWLINE) for body in bodies
    )

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


def purchase_requests(tokens: Mapping[int, str]) -> Iterator[bytes]:
    """Baskets of ten lines, for ever, each as a sale of now under a receipt number of its own; tokens by store."""
    drafts = [_draft(purchase, tokens[purchase.store_id]) for purchase in with_ten_lines()]
    for draft in itertools.cycle(drafts):
        yield draft.replace(_REFERENCE, f"{next(_numbers):024d}".encode())


def _draft(purchase: Purchase, token: str) -> bytes:
    now = datetime.now(UTC)
    body = purchase.body() | {
        "reference": _REFERENCE.decode(),
        "business_date": now.date().isoformat(),
        "occurred_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
    return request(method="POST", path="/v1/purchases", token=token, body=orjson.dumps(body))


def batch(purchases: Sequence[Purchase]) -> bytes:
    """The body of a batch call."""
    return b"".join(
        orjson.dumps({"type": "purchase", "body": purchase.body()}, option=orjson.OPT_APPEND_NEWLINE)
        for purchase in purchases
    )

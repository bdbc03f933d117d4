"""Points that are used, hold and capture, against two of the ceiling's transactions."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson

from benchmarks import ceiling
from benchmarks.figures import Figure, Pace, Street, interleaved, told
from benchmarks.load import Follow, Load, drive, request
from benchmarks.place import Shop, connect
from loyalty_api import ids
from loyalty_api.adjustments import service as adjustments
from loyalty_api.adjustments.queries import Adjustment
from loyalty_api.db import Database
from loyalty_api.program.service import Programs
from loyalty_api.rating.rules_program import Program, compile_program
from loyalty_api.vault import Vault

_POINTS = 100_000_000
_MARK = b"@" * 24
# No key comes twice, however often this is measured in one shop.
_keys = itertools.count()


def redemption(street: Street, pace: Pace) -> Figure:
    """A hold for 10.00 of a basket and its capture, by a till, for some hundred members."""
    _enrich(street.shop)
    token = next(iter(street.shop.tills(connect(street.api)).values()))
    holds, follow = _holds(street.shop, token), _captures(token)
    entries = ceiling.entry_requests(street.shop.members)

    def measured() -> Load:
        return drive(
            port=street.api, requests=holds, seconds=pace.seconds, expected=(200, 201), follow=follow
        )

    def against() -> Load:
        return drive(port=street.ceiling, requests=entries, seconds=pace.seconds, expected=201)

    pairs = interleaved(measured, against, pace.rounds)
    # Both halves of a pair are answers, on either side.
    rounds = [ours.rate / theirs.rate for ours, theirs in pairs]
    more = {"measured": told([ours for ours, _ in pairs]), "ceiling": told([theirs for _, theirs in pairs])}
    title = "hold + capture (8 connections) ÷ two times 6 fields, 1 INSERT, 1 UPDATE"
    return Figure("redemption", title, statistics.median(rounds), 0.40, rounds=rounds, more=more)


def _enrich(shop: Shop) -> None:
    """Give everyone points, more than any number of rounds can use."""
    database, now, vault = Database(shop.app_url), datetime.now(UTC), Vault([("bench", bytes(32))])
    programs: Programs[Program] = Programs(
        lambda document, version: compile_program(document, version=version)
    )
    try:
        for member_id in shop.members:
            given = Adjustment(member_id, ids.new(), _POINTS, "campaign", None, "system", "bench", None, now)
            with database.unit_of_work() as session:
                adjustments.adjust(session, programs, vault=vault, wanted=given, may_owe=False, now=now)
    finally:
        database.close()


def _holds(shop: Shop, token: str) -> Iterator[bytes]:
    """Holds for ever, of one member after the other, all at one till, since a hold is captured where it was made."""
    drafts = [
        request(
            method="POST",
            path="/v1/redemptions",
            token=token,
            key=_MARK.decode(),
            body=orjson.dumps({"member_id": ids.show("mbr", member_id), "for": "basket", "max_amount": 1000}),
        )
        for member_id in shop.members
    ]
    for draft in itertools.cycle(drafts):
        yield draft.replace(_MARK, f"{next(_keys):024d}".encode())


def _captures(token: str) -> Follow:
    """The capture that follows from an answer that holds something."""
    draft = request(
        method="POST", path=f"/v1/redemptions/{'@' * 30}/capture", token=token, key="@" * 30, body=b"{}"
    )
    found = b'"redemption_id":"'

    def follow(answer: bytes) -> bytes | None:
        if answer[9:12] != b"201":
            return None
        start = answer.index(found) + len(found)
        return draft.replace(b"@" * 30, answer[start : start + 30])

    return follow

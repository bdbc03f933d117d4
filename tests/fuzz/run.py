"""A whole run: the place, the shop, both parts, and what the ledger says afterwards."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from loyalty_api import openapi
from loyalty_api.operations import verify
from tests.fuzz import by_schemathesis, seeded
from tests.fuzz.place import Place
from tests.fuzz.promises import Promises
from tests.fuzz.tally import Tally
from tests.fuzz.world import World

# Of all requests so many are schemathesis', and at least this many of a million.
_PART_OF_SCHEMATHESIS = 0.06


@dataclass(frozen=True, slots=True)
class Plan:
    """How many requests, from which seed; ``seconds`` ends each part early, for those who have only so long."""

    requests: int
    seed: int
    seconds: float = float("inf")
    folder: Path = Path("build/fuzz")


def run(place: Place, plan: Plan) -> Tally:
    """Send them all. What went wrong is in the tally, and kept in the plan's folder."""
    world = World(place.shop)
    world.fill()
    promises = Promises(openapi.document(place.shop.app))
    tally = Tally(plan.folder, plan.seed, place.port)
    of_schemathesis = max(round(plan.requests * _PART_OF_SCHEMATHESIS), 1)
    by_schemathesis.run(
        world=world, promises=promises, tally=tally, requests=of_schemathesis,
        until=time.monotonic() + plan.seconds,
    )  # fmt: skip
    seeded.run(
        world=world, promises=promises, tally=tally, requests=plan.requests - tally.requests,
        until=time.monotonic() + plan.seconds,
    )  # fmt: skip
    return tally


def breaches(place: Place) -> list[str]:
    """Which invariants of the ledger do not hold after all that."""
    return [
        f"{verdict.invariant.code}: {verdict.broken} of {verdict.checked}: {verdict.first}"
        for verdict in verify.verify(place.app_url)
        if verdict.broken
    ]

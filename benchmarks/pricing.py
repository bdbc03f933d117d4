"""Promotions: pricing a real basket under a hundred that are active, and under many that cannot apply."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from benchmarks import baskets
from benchmarks.figures import Figure, Pace, Side, Street, rated_baskets, ratio
from benchmarks.place import Shop, connect, serve_api
from loyalty_api import ids
from loyalty_api.db import Database
from loyalty_api.program import service as programs
from loyalty_api.purchases.rules_charged import unpriced
from loyalty_api.rating.rules import price
from loyalty_api.rating.rules_program import Program, check_document, compile_program
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.facts import Facts, Member

ACTIVE, CANNOT_APPLY, MANY_LINES = 100, 1000, 100
_PROMOTED, _DAY, _NOON = datetime(2020, 1, 1, tzinfo=UTC), timedelta(days=1), timedelta(hours=12)
_DEPARTMENTS = ("GROCERY", "PRODUCE", "MEAT", "DRUG GM", "DELI", "PASTRY", "NUTRITION", "SEAFOOD-PCKGD")
_BENEFITS: tuple[dict[str, Any], ...] = (
    {"percent": {"off": "10", "on": "lines"}},
    {"percent": {"off": "100", "on": {"of_each": {"units": 3, "cheapest": 1}}}},
    {"several": {"quantity": 2, "price": 500}},
    {"amount": {"off": 5, "on": "units"}},
    {"percent": {"off": "1", "on": "basket"}},
)


def pricing(document: dict[str, Any], pace: Pace) -> Iterator[Figure]:
    """``price`` under a hundred active promotions, on real baskets of ten lines and on such of a hundred; microseconds,
    the median of all calls. Then what a thousand more cost that cannot apply, as a ratio of times."""
    given = [(unpriced(basket), at) for basket, at in rated_baskets()]
    program = program_with(document, list(active()))
    rounds = [price_all(given, program) for _ in range(pace.rounds + 1)][1:]
    yield _timed("pricing", "promotions, real 10-line baskets, 100 active", 1500.0, rounds)
    long = list(_long(given))
    rounds = [price_all(long, program) for _ in range(pace.rounds + 1)][1:]
    yield _timed("pricing_long", "promotions, baskets of 100 lines, 100 active", 20_000.0, rounds)
    one = list(itertools.islice(active(), 1))
    few, many = program_with(document, one), program_with(document, [*one, *_elsewhere()])
    pairs = [(price_all(given, few), price_all(given, many)) for _ in range(pace.rounds + 1)][1:]
    ratios = [statistics.median(less) / statistics.median(more) for less, more in pairs]
    yield Figure(
        "pricing_flat", "promotions, time under one ÷ under one and 1,000 that cannot apply",
        statistics.median(ratios), 0.8, rounds=ratios,
    )  # fmt: skip


def _timed(name: str, title: str, target: float, rounds: Sequence[list[float]]) -> Figure:
    took = sorted(itertools.chain.from_iterable(rounds))
    medians = [statistics.median(found) for found in rounds]
    more = {"p95": took[len(took) * 95 // 100]}
    return Figure(name, title, statistics.median(took), target, "µs", medians, more)


def quotes(street: Street, pace: Pace) -> Figure:
    """The same quotes over HTTP under a hundred active promotions and under none, by one server.

    Promotions are in force on one day of the past, and quotes are asked for that day and for the one after it.
    """
    _publish(street.shop)
    tills = street.shop.tills(connect(street.api))
    asked = [
        baskets.purchase_requests(tills, street.shop.cards, path="/v1/quotes", at=day + _NOON)
        for day in (_PROMOTED, _PROMOTED + _DAY)
    ]
    # A server of its own has read the new versions.
    with serve_api(street.shop.folder) as port:
        under, none = (Side(port, requests, 200) for requests in asked)
        title = "POST /v1/quotes (10 lines), 100 promotions active ÷ none"
        return ratio("quote_promotions", title, 2 / 3, under, none, pace)


def _publish(shop: Shop) -> None:
    """A version with promotions for a day of the past, and then the one that was in force before; once in a shop."""
    database, now = Database(shop.app_url), _PROMOTED - _DAY
    try:
        with database.unit_of_work() as session:
            versions = programs.published(session)
            if len(versions) > 1:
                return
            document = orjson.loads(versions[0].document)
            for n, found in enumerate([{**document, "promotions": list(active())}, document]):
                draft = programs.add_draft(
                    session,
                    draft_id=ids.new(),
                    document=found,
                    note=None,
                    check=check_document,
                    by="bench",
                    now=now,
                )
                programs.publish(
                    session, draft_id=draft.draft_id, effective_from=_PROMOTED + n * _DAY, check=check_document,
                    by="bench", now=now,
                )  # fmt: skip
    finally:
        database.close()


def active() -> Iterator[dict[str, Any]]:
    """Promotions of every kind, each about a department that is bought, on any day of the week."""
    for n in range(ACTIVE):
        yield {
            "id": f"active_{n}", "priority": n % 7, "benefit": _BENEFITS[n % len(_BENEFITS)],
            "where": {"department": [_DEPARTMENTS[n % len(_DEPARTMENTS)]]},
            "when": {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
        }  # fmt: skip


def _elsewhere() -> Iterator[dict[str, Any]]:
    """Promotions of goods and stores that no basket has."""
    for n in range(CANNOT_APPLY):
        away = {"when": {"store": ["str_elsewhere"]}} if n % 2 else {"where": {"sku": [f"nobody-buys-{n}"]}}
        yield {"id": f"elsewhere_{n}", "benefit": _BENEFITS[n % len(_BENEFITS)], **away}


def program_with(document: dict[str, Any], promotions: Sequence[dict[str, Any]]) -> Program:
    return compile_program({**document, "promotions": list(promotions)}, version=1)


def _long(given: Sequence[tuple[Basket, datetime]]) -> Iterator[tuple[Basket, datetime]]:
    """Ten baskets as one."""
    for n in range(0, 300, MANY_LINES // 10):
        lines = itertools.chain.from_iterable(basket.lines for basket, _ in given[n : n + 10])
        numbered = [replace(line, line_id=str(number)) for number, line in enumerate(lines, 1)]
        yield replace(given[n][0], lines=tuple(numbered)), given[n][1]


def price_all(given: Sequence[tuple[Basket, datetime]], program: Program) -> list[float]:
    """Microseconds of CPU of each call: a pure function waits for nobody but its neighbours on the machine."""
    facts, took = Facts(Member()), []
    for basket, at in given:
        began = time.thread_time_ns()
        price(basket, facts, program, at)
        took.append((time.thread_time_ns() - began) / 1000)
    return took

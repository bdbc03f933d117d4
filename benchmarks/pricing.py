"""Promotions alone: pricing a real basket under a hundred that are active, and under many that cannot apply."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from benchmarks.figures import Figure, Pace, rated_baskets
from loyalty_api.purchases.rules_charged import unpriced
from loyalty_api.rating.rules import Program, compile_program, price
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.facts import Facts, Member

ACTIVE, CANNOT_APPLY, MANY_LINES = 100, 1000, 100
_DEPARTMENTS = ("GROCERY", "PRODUCE", "MEAT", "DRUG GM", "DELI", "PASTRY", "NUTRITION", "SEAFOOD-PCKGD")
_BENEFITS: tuple[dict[str, Any], ...] = (
    {"percent": {"off": "10", "on": "lines"}},
    {"percent": {"off": "100", "on": {"of_each": {"units": 3, "cheapest": 1}}}},
    {"several": {"quantity": 2, "price": 500}},
    {"amount": {"off": 5, "on": "units"}},
    {"percent": {"off": "1", "on": "basket"}},
)


def pricing(document: dict[str, Any], pace: Pace) -> Figure:
    """``price`` on real baskets of ten lines under a hundred active promotions; microseconds, the median of all calls.

    Beside it: the same under one, under one more thousand that cannot apply, and for baskets of a hundred lines.
    """
    given = [(unpriced(basket), at) for basket, at in rated_baskets()]
    active = _program(document, list(_active()))
    rounds = [_price_all(given, active) for _ in range(pace.rounds + 1)][1:]
    took = sorted(itertools.chain.from_iterable(rounds))
    more = [*itertools.islice(_active(), 1), *_elsewhere()]
    return Figure(
        "pricing",
        "promotions, real 10-line baskets, 100 active",
        statistics.median(took),
        1500.0,
        "µs",
        [statistics.median(found) for found in rounds],
        {
            "under_one": statistics.median(_price_all(given, _program(document, more[:1]))),
            "under_one_and_1000_that_cannot_apply": statistics.median(
                _price_all(given, _program(document, more))
            ),
            "lines_100": statistics.median(_price_all(list(_long(given)), active)),
        },
    )


def _active() -> Iterator[dict[str, Any]]:
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


def _program(document: dict[str, Any], promotions: Sequence[dict[str, Any]]) -> Program:
    return compile_program({**document, "promotions": list(promotions)}, version=1)


def _long(given: Sequence[tuple[Basket, datetime]]) -> Iterator[tuple[Basket, datetime]]:
    """Ten baskets as one."""
    for n in range(0, 300, MANY_LINES // 10):
        lines = itertools.chain.from_iterable(basket.lines for basket, _ in given[n : n + 10])
        numbered = [replace(line, line_id=str(number)) for number, line in enumerate(lines, 1)]
        yield replace(given[n][0], lines=tuple(numbered)), given[n][1]


def _price_all(given: Sequence[tuple[Basket, datetime]], program: Program) -> list[float]:
    """Microseconds of each call."""
    facts, took = Facts(Member()), []
    for basket, at in given:
        began = time.perf_counter_ns()
        price(basket, facts, program, at)
        took.append((time.perf_counter_ns() - began) / 1000)
    return took

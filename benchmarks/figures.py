"""The figures, each against its ceiling in the same minute: measured, ceiling, measured, ceiling …

A ratio is the median of the rounds' ratios. Neighbours disturb both halves of a round alike, so a ratio holds where
absolute numbers do not.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import baskets, ceiling
from benchmarks.load import Load, drive, request
from benchmarks.place import Shop, connect, serve_api
from loyalty_api import ids
from loyalty_api.demo import data
from loyalty_api.products.rules import Product
from loyalty_api.products.rules import read as read_product
from loyalty_api.purchases.rules import basket_of
from loyalty_api.purchases.schemas import PurchaseSchema
from loyalty_api.rating.rules import evaluate
from loyalty_api.rating.rules_program import Program, compile_program
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.facts import Facts, Member


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its ``value`` (a ratio unless ``unit`` says otherwise), its target, and how it came about."""

    name: str
    title: str
    value: float
    target: float | None
    unit: str = "ratio"
    rounds: Sequence[float] = ()
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the target is reached: a ratio is at least that, anything else at most; None without a target."""
        if self.target is None:
            return None
        return self.value >= self.target if self.unit == "ratio" else self.value <= self.target


@dataclass(frozen=True, slots=True)
class Pace:
    """How long it is measured: rounds, and seconds of each half of a round."""

    rounds: int = 11
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Side:
    """One half of a round: where to send what."""

    port: int
    requests: Iterator[bytes]
    expected: int = 200


@dataclass(frozen=True, slots=True)
class Street:
    """The servers that stand side by side: the API, the API without Redis, and the ceiling."""

    shop: Shop
    api: int
    without_redis: int
    ceiling: int


def purchases(street: Street, pace: Pace) -> Figure:
    """A sale of ten lines, by the tills of many stores, for some hundred members."""
    tills = street.shop.tills(connect(street.api))
    measured = Side(street.api, baskets.purchase_requests(tills, street.shop.cards), 201)
    against = Side(street.ceiling, ceiling.entry_requests(street.shop.members), 201)
    title = "POST /v1/purchases (10 lines, 8 connections) ÷ 6 fields, 1 INSERT, 1 UPDATE"
    return ratio("purchases", title, 0.40, measured, against, pace)


def balance(street: Street, pace: Pace) -> Figure:
    """A balance from its one row; no Redis is configured."""
    measured = Side(street.without_redis, reads_of(street, "balance"))
    against = Side(street.ceiling, itertools.repeat(ceiling.HELLO))
    return ratio("balance", "GET balance ÷ GET hello", 0.35, measured, against, pace)


def summary(street: Street, pace: Pace) -> Figure:
    """A member's first screen from Redis, against an installation that has none and makes it anew each time."""
    hit = Side(street.api, reads_of(street, "summary"))
    recomputed = Side(street.without_redis, reads_of(street, "summary"))
    _fill(hit, street)
    return ratio("summary", "member summary, hit in Redis ÷ recomputed", 2.0, hit, recomputed, pace)


def threads(street: Street, pace: Pace) -> Figure:
    """Purchases with two blocking threads a worker against one; no target, it chooses the default."""
    with (
        serve_api(street.shop.folder, threads=1) as one,
        serve_api(street.shop.folder, threads=2) as two,
    ):
        requests = baskets.purchase_requests(street.shop.tills(connect(street.api)))
        title = "POST /v1/purchases, 2 blocking threads a worker ÷ 1"
        return ratio("threads", title, None, Side(two, requests, 201), Side(one, requests, 201), pace)


def rating(program: dict[str, Any], pace: Pace) -> Figure:
    """``evaluate`` alone, on each of the real baskets of ten lines; microseconds, the median of all calls."""
    return _rated("evaluate", "evaluate, real 10-line baskets, demo program", 100.0, program, pace)


def hundred(program: dict[str, Any], pace: Pace) -> Figure:
    """The same under a hundred rules."""
    return _rated("hundred_rules", "evaluate, real 10-line baskets, 100 rules", 1_000.0, program, pace)


def _rated(name: str, title: str, target: float, program: dict[str, Any], pace: Pace) -> Figure:
    compiled = compile_program(program, version=1)
    facts = Facts(Member("active", None, False, ()))
    given = list(rated_baskets())
    rounds = [_evaluate_all(given, facts, compiled) for _ in range(pace.rounds + 1)][1:]
    took = sorted(itertools.chain.from_iterable(rounds))
    return Figure(
        name,
        title,
        statistics.median(took),
        target,
        "µs",
        [statistics.median(found) for found in rounds],
        {"baskets": len(given), "p95": took[len(took) * 95 // 100]},
    )


def rated_baskets() -> Iterator[tuple[Basket, Any]]:
    schema, bought = PurchaseSchema(), baskets.with_ten_lines()
    only = frozenset(line.product_id for purchase in bought for line in purchase.lines)
    known = dict(master(only))
    for purchase in bought:
        body = schema.load(purchase.body())
        yield basket_of(body, known, time_zone="UTC"), body["occurred_at"]


def master(only: frozenset[int]) -> Iterator[tuple[str, Product]]:
    for document in data.products(only=only):
        sku, _, category, department, brand, legal_class, _, unit, _, kind, tags = read_product(document)
        yield sku, Product(tuple(category), department, brand, legal_class, unit, kind, tuple(tags))


def _evaluate_all(given: Sequence[tuple[Basket, Any]], facts: Facts, program: Program) -> list[float]:
    """Microseconds of each call."""
    took = []
    for basket, at in given:
        began = time.perf_counter_ns()
        evaluate(basket, facts, program, at)
        took.append((time.perf_counter_ns() - began) / 1000)
    return took


def reads_of(street: Street, what: str) -> Iterator[bytes]:
    """Reads of something of each member in turn, for ever, by the back office."""
    token = connect(street.api).sign_in(client=street.shop.office)
    return itertools.cycle(
        [request(method="GET", path=path, token=token) for path in member_paths(street, what)]
    )


def member_paths(street: Street, what: str) -> list[str]:
    """The path of something of each member who is asked for."""
    return [f"/v1/members/{ids.show('mbr', member_id)}/{what}" for member_id in street.shop.members]


def _fill(side: Side, street: Street) -> None:
    """Ask for each member once, so that what follows is found in Redis."""
    requests = itertools.islice(side.requests, len(street.shop.members))
    drive(port=side.port, requests=requests, seconds=60, expected=side.expected)


def ratio(name: str, title: str, target: float | None, measured: Side, against: Side, pace: Pace) -> Figure:
    """The median of the rounds' ratios of two sides that are driven in turn."""
    pairs = interleaved(lambda: _drive(measured, pace), lambda: _drive(against, pace), pace.rounds)
    rounds = [ours.rate / theirs.rate for ours, theirs in pairs]
    more = {"measured": told([ours for ours, _ in pairs]), "ceiling": told([theirs for _, theirs in pairs])}
    return Figure(name, title, statistics.median(rounds), target, rounds=rounds, more=more)


def interleaved(
    measured: Callable[[], Load], against: Callable[[], Load], rounds: int
) -> list[tuple[Load, Load]]:
    """The first round warms caches, plans and pools up and is not counted."""
    return [(measured(), against()) for _ in range(rounds + 1)][1:]


def _drive(side: Side, pace: Pace) -> Load:
    return drive(port=side.port, requests=side.requests, seconds=pace.seconds, expected=side.expected)


def told(loads: Sequence[Load]) -> dict[str, float]:
    """Medians of one side: answers a second, milliseconds to an answer, CPU a request of the servers (ms) and of the
    generator (µs), and how many cores everyone else on the machine kept busy."""
    return {
        "per_second": round(statistics.median(load.rate for load in loads), 1),
        "p50_ms": round(statistics.median(load.within(50) for load in loads) * 1000, 2),
        "p99_ms": round(statistics.median(load.within(99) for load in loads) * 1000, 2),
        "server_ms": round(statistics.median(load.server_cost for load in loads) * 1000, 2),
        "others_cores": round(statistics.median(load.others for load in loads), 2),
        "generator_us": round(statistics.median(load.own_cost for load in loads) * 1e6, 1),
    }

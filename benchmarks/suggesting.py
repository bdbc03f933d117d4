"""How well suggestions guess: the last weeks of the real year are held out, and counted is only what came before.

Of each held-out basket one product is hidden, and it is a hit when it is among the three that the rest of the basket
is suggested by the rules a till is answered with. The same baskets are asked of the baseline: the three
products that most baskets hold, of those that are not in this one. No basket that is asked about was counted.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from zlib import crc32

import click

from benchmarks.figures import Figure, Pace, rated_baskets
from loyalty_api.demo import data
from loyalty_api.demo.data import Purchase
from loyalty_api.products.rules import Product
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.suggestions.rules import Associations, Sold, Suggesting, suggested
from loyalty_api.suggestions.rules_counting import Baskets

WEEK = 7 * 86_400
SHOWN = 3
# Petrol and what the real tills ring up as a coupon or a fee: nobody asks for it at a till.
_NO_GOODS = frozenset({"FUEL", "COUPON", "MISCELLANEOUS"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A held-out basket: what is hidden, and the store and the products that are shown."""

    hidden: str
    store: str
    rest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """How many baskets were asked about, and how often three products held the hidden one."""

    counted: int
    asked: int
    hits: int
    popular_hits: int
    products: int
    pairs: int
    suggested: float

    @property
    def rate(self) -> float:
        """The share of baskets whose hidden product was suggested."""
        return self.hits / self.asked

    @property
    def popular_rate(self) -> float:
        """The same of the most popular products."""
        return self.popular_hits / self.asked


def measure(*, weeks: int = 26, held_out: int = 8, days: int = 365, of: int = 1) -> Measured:
    """Count ``weeks`` before the last ``held_out`` of ``days`` days, of which one in ``of`` baskets is asked."""
    masters = products(days=days)
    ends = int(data.FIRST_DAY.timestamp()) + days * 86_400
    begins, starts = ends - held_out * WEEK, ends - (held_out + weeks) * WEEK
    baskets, popular, asked = Baskets(), Counter[str](), list[Asked]()
    for purchase in _purchases(days):
        skus = _skus(purchase, masters)
        if starts <= purchase.seconds < begins:
            baskets.add(purchase.basket_id, _store(purchase), purchase.seconds, skus)
            popular.update(skus)
        elif purchase.seconds >= begins and (found := _hide(purchase, skus, of)):
            asked.append(found)
    known, stores = counted(baskets)
    best = [sku for sku, _ in popular.most_common(300)]
    wanted = Suggesting(SHOWN)
    hits = shown = old_hits = 0
    for one in asked:
        found = guess(wanted, known, stores.get(one.store), one, masters)
        hits, shown = hits + (one.hidden in found), shown + len(found)
        old_hits += one.hidden in [sku for sku in best if sku not in one.rest][:SHOWN]
    pairs = sum(len(others) for others in known.others)
    return Measured(len(baskets), len(asked), hits, old_hits, len(known.skus), pairs, shown / len(asked))


def guess(
    wanted: Suggesting, known: Associations, sold: Sold | None, one: Asked, masters: dict[str, Product]
) -> list[str]:
    """What the rest of a basket is suggested."""
    lines = [Line(str(n), 1, sku) for n, sku in enumerate(one.rest)]
    basket = Basket(one.store, data.CURRENCY, tuple(lines))
    found = suggested(wanted, basket, known, sold=sold, products=partial(_of, masters))
    return [each.sku for each in found]


def _of(masters: dict[str, Product], skus: Sequence[str]) -> dict[str, Product]:
    return {sku: masters[sku] for sku in skus if sku in masters}


def counted(
    baskets: Baskets, *, min_baskets: int = 5, min_lift_percent: int = 200
) -> tuple[Associations, dict[str, Sold]]:
    """What the job would write of these baskets, as a process holds it."""
    together = baskets.together(min_baskets=min_baskets, min_lift_percent=min_lift_percent)
    known = Associations(1, len(baskets))
    for one in together.products():
        known.add(one.sku, bought=one.baskets, price=one.price, others=one.others, together=one.together)
    known.weigh()
    return known, dict(together.stores())


def products(*, days: int = data.ALL_DAYS) -> dict[str, Product]:
    """The real master as rules see it, but for what is no goods or may never be suggested."""
    everything = data.window(days=days).products
    wanted, found = Suggesting(SHOWN), dict[str, Product]()
    for document in data.products(only=everything):
        department, legal_class = document.get("department"), document.get("legal_class")
        category = tuple(document.get("category", ()))
        product = Product(category, department, document.get("brand"), legal_class, "each", "goods")
        if department not in _NO_GOODS and wanted.verdict(document["sku"], product) is None:
            found[document["sku"]] = product
    return found


def _purchases(days: int) -> Iterator[Purchase]:
    for day in data.purchases_by_day(days=days):
        yield from day


def _store(purchase: Purchase) -> str:
    return data.store_code(store_id=purchase.store_id)


def _skus(purchase: Purchase, masters: dict[str, Product]) -> list[str]:
    """What may be suggested of a basket, each once."""
    skus = {data.sku(product_id=line.product_id) for line in purchase.lines if line.amount > 0}
    return sorted(skus & masters.keys())


def _hide(purchase: Purchase, skus: Sequence[str], of: int) -> Asked | None:
    """One product of a basket is hidden, as its number says; None where there is nothing to guess it from."""
    mark = crc32(str(purchase.basket_id).encode())
    if len(skus) < 2 or (mark >> 16) % of:
        return None
    hidden = skus[mark % len(skus)]
    return Asked(hidden, _store(purchase), tuple(sku for sku in skus if sku != hidden))


def look_up(pace: Pace) -> Figure:
    """What real baskets of ten lines are suggested, by the counts of 26 weeks; microseconds, the median."""
    masters, baskets = products(), Baskets()
    for purchase in _purchases(26 * 7):
        baskets.add(purchase.basket_id, _store(purchase), purchase.seconds, _skus(purchase, masters))
    known, stores = counted(baskets)
    given, wanted = [basket for basket, _ in rated_baskets()], Suggesting(SHOWN)
    rounds = [_look_up_all(given, wanted, known, stores, masters) for _ in range(pace.rounds + 1)][1:]
    return Figure(
        "suggestions",
        "suggestions, real 10-line baskets",
        statistics.median([took for one in rounds for took in one]),
        1000.0,
        "µs",
        [statistics.median(one) for one in rounds],
        {"products": len(known.skus), "pairs": sum(len(others) for others in known.others)},
    )


def _look_up_all(
    given: Sequence[Basket],
    wanted: Suggesting,
    known: Associations,
    stores: dict[str, Sold],
    masters: dict[str, Product],
) -> list[float]:
    """Microseconds of each call."""
    of, took = partial(_of, masters), []
    for basket in given:
        began = time.perf_counter_ns()
        suggested(wanted, basket, known, sold=stores.get(basket.store), products=of)
        took.append((time.perf_counter_ns() - began) / 1000)
    return took


@click.command()
@click.option("--weeks", default=26, show_default=True, help="Weeks that are counted.")
@click.option("--held-out", default=8, show_default=True, help="Weeks at the end that are asked about.")
def main(**options: Any) -> None:
    """Measure the hit rate of suggestions on the real year, in about a minute."""
    found = measure(**options)
    click.echo(f"{found.counted} baskets counted: {found.products} products, {found.pairs} pairs")
    click.echo(f"{found.asked} baskets asked, {found.suggested:.2f} products suggested to each")
    click.echo(f"hit rate at {SHOWN}: {found.rate:.2%}; most popular: {found.popular_rate:.2%}")
    click.echo(f"{found.rate / found.popular_rate:.2f} times the most popular")


if __name__ == "__main__":
    main()

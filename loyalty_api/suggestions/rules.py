"""Which products a basket is suggested: scored, ranked and explained.

A product is scored by how often it was in the baskets that held what is in this one. A product that everybody buys
is in every basket, so its share is damped by how often it is bought at all: between its share of baskets and lift.
What few have bought counts for less. The shares of all products in the basket add up, and how well a product sells in
the store, against the chain, raises or lowers it. Scores are whole numbers and ties go by sku: the same basket is
suggested the same, until the counts change.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import nsmallest
from math import isqrt
from zoneinfo import ZoneInfo

from loyalty_api.products.rules import Product
from loyalty_api.program.rules_settings import LAWFUL_CARE
from loyalty_api.rulekit.basket import Basket, Line
from loyalty_api.rulekit.conditions import Condition
from loyalty_api.rulekit.exclusions import Excluded
from loyalty_api.rulekit.facts import Facts
from loyalty_api.rulekit.selectors import Selector
from loyalty_api.rulekit.situations import Situation
from loyalty_api.rulekit.windows import moment

DAMPING = 0.4
"""How much a product's own popularity counts against it: 0 ranks by share of baskets, 1 by lift."""
DOUBT = 20
"""So many baskets are added to those of every product, so that what few have bought counts for less."""
STORE_DOUBT = 1000
"""So many baskets of the chain are added to those of a store, so that a small store sells as the chain does."""
EXPECTED = 5
"""A store that would have sold a product so often, and never did, does not have it."""
RANKED = 40
"""How many of the best are weighed by store; the others cannot become one of the few that are shown."""
_SCALE = 10**12
_KEPT_OUT = frozenset(("discount", "gift"))


@dataclass(frozen=True, slots=True)
class Pin:
    """A product that the marketer wants suggested with some goods."""

    selects: Selector | None
    add: str


@dataclass(frozen=True, slots=True)
class Suggesting:
    """The suggestions of a program: how many at most, what is pinned and blocked, and for whom they are."""

    most: int
    blocked: frozenset[str] = frozenset()
    pinned: tuple[Pin, ...] = ()
    audience: Condition | None = None
    excluded: Excluded | None = None

    @property
    def asks(self) -> frozenset[str]:
        """The facts of the member that the audience asks for."""
        return self.audience.asks if self.audience else frozenset()

    def meant_for(self, basket: Basket, facts: Facts, *, at: datetime, zone: ZoneInfo) -> bool:
        """Whether a basket of this member is suggested anything at ``at``."""
        if self.audience is None:
            return True
        now = moment(at=at, zone=zone, basket=basket) if self.audience.timed else None
        paid = [line.paid for line in basket.lines]
        return self.audience.test(Situation(basket, facts, now, paid, range(len(paid)))) is None

    def allows(self, line: Line) -> bool:
        """Whether goods may be suggested, or be the reason for a suggestion.

        What may not be discounted or given away may not be pressed on anybody either, and what the law protects
        people from never is, whatever the program excludes (R15).
        """
        if line.type != "goods" or line.legal_class in LAWFUL_CARE:
            return False
        return not (self.excluded and self.excluded(line) & _KEPT_OUT)

    def verdict(self, sku: str, product: Product | None) -> str | None:
        """Why a product is never suggested, by a code; None when it may be. What the master lacks may be anything."""
        if sku in self.blocked:
            return "blocked"
        if product is None:
            return "unknown_product"
        return None if self.allows(line_of(sku, product)) else "excluded"


def line_of(sku: str, product: Product, *, amount: int = 0) -> Line:
    """A product as one more line of a basket; ``amount`` is what a piece costs, in minor units."""
    return Line(
        "suggested", amount, sku, unit=product.unit, type=product.type, category=product.category,
        department=product.department, brand=product.brand, legal_class=product.legal_class, tags=product.tags,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sold:
    """What a store sold while it was counted: in how many baskets in all, and by the number of a product."""

    baskets: int
    products: Mapping[int, int]


@dataclass(slots=True)
class Associations:
    """What was bought together, as one refresh counted it.

    Products have numbers. ``bought`` says in how many baskets each was and ``prices`` what a piece last cost, in minor
    units, 0 when nobody knows. For each product, ``others`` are those it was bought together with, in how many baskets
    (``together``) and their ``weights`` when it is in a basket. ``stores`` are filled in as they are asked for.
    """

    refresh: int
    baskets: int
    skus: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    bought: array[int] = field(default_factory=lambda: array("I"))
    prices: array[int] = field(default_factory=lambda: array("q"))
    others: list[array[int]] = field(default_factory=list)
    together: list[array[int]] = field(default_factory=list)
    weights: list[array[int]] = field(default_factory=list)
    stores: dict[str, Sold | None] = field(default_factory=dict)

    def add(
        self, sku: str, *, bought: int, price: int | None, others: Sequence[int], together: Sequence[int]
    ) -> None:
        """The next product, in the order of their numbers."""
        self.numbers[sku] = len(self.skus)
        self.skus.append(sku)
        self.bought.append(bought)
        self.prices.append(price or 0)
        self.others.append(array("I", others))
        self.together.append(array("I", together))

    def weigh(self) -> None:
        """Turn counts into weights, once all products are there."""
        damped = [(bought + DOUBT) ** DAMPING for bought in self.bought]
        for bought, others, together in zip(self.bought, self.others, self.together, strict=True):
            share = _SCALE / (bought + DOUBT)
            self.weights.append(
                array(
                    "Q", [round(share * n / damped[other]) for other, n in zip(others, together, strict=True)]
                )
            )


@dataclass(frozen=True, slots=True)
class Because:
    """Why a product is suggested: a product of the basket, ``of`` whose baskets so many held both (``together``)."""

    sku: str | None
    together: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A product to suggest; ``kind`` is bought_together or pinned. ``price`` is what a piece last cost, 0: unknown."""

    sku: str
    kind: str
    because: Because
    price: int = 0


def ranked(known: Associations, skus: Collection[str], *, sold: Sold | None) -> list[int]:
    """The numbers of the products that go best with ``skus``, none of them among these; the best first.

    ``sold`` is what the store sold, None when nobody knows: then it sells as the chain does.
    """
    held = [known.numbers[sku] for sku in skus if sku in known.numbers]
    scores: dict[int, int] = {}
    for number in held:
        for other, weight in zip(known.others[number], known.weights[number], strict=True):
            scores[other] = scores.get(other, 0) + weight
    for number in held:
        scores.pop(number, None)
    best = nsmallest(RANKED, [(-score, number) for number, score in scores.items()])
    if sold is None:
        return [number for _, number in best]
    weighed = [(score * factor(known, sold, number), number) for score, number in best]
    return [number for score, number in sorted(weighed) if score]


def factor(known: Associations, sold: Sold, number: int) -> int:
    """How much better a product sells in a store than in the chain, in thousandths of its square root.

    0 for one that the store does not have: it would have been in several baskets by now.
    """
    here, bought = sold.products.get(number, 0), known.bought[number]
    if not here and sold.baskets * bought >= EXPECTED * known.baskets:
        return 0
    seen, expected = here * known.baskets + STORE_DOUBT * bought, (sold.baskets + STORE_DOUBT) * bought
    return isqrt(10**6 * seen // expected)


def because(known: Associations, number: int, skus: Iterable[str]) -> Because:
    """The product of the basket that speaks loudest for a suggestion; ties by sku."""
    best = Because(None)
    loudest = 0
    for sku in sorted(skus):
        mine = known.numbers.get(sku)
        if mine is None or number not in known.others[mine]:
            continue
        place = known.others[mine].index(number)
        if known.weights[mine][place] > loudest:
            loudest = known.weights[mine][place]
            best = Because(sku, known.together[mine][place], known.bought[mine])
    return best


def suggested(
    wanted: Suggesting,
    basket: Basket,
    known: Associations | None,
    *,
    sold: Sold | None,
    products: Callable[[Sequence[str]], Mapping[str, Product]],
) -> list[Suggestion]:
    """What a basket is suggested: what is pinned first, in its order, then what goes best with what is in it.

    ``products`` looks products up in the master. Nothing that is in the basket, and nothing twice.
    """
    lines = [line for line in basket.lines if line.sku and line.amount > 0 and wanted.allows(line)]
    found: list[Suggestion] = []
    taken = {line.sku for line in basket.lines if line.sku}
    for candidates in _candidates(wanted, lines, known, sold):
        fresh = [one for one in candidates if one.sku not in taken]
        masters = products([one.sku for one in fresh]) if fresh else {}
        for one in fresh:
            if len(found) == wanted.most:
                return found
            if one.sku not in taken and wanted.verdict(one.sku, masters.get(one.sku)) is None:
                taken.add(one.sku)
                found.append(one if known is None or one.because.sku else _explained(one, known, lines))
    return found


def _explained(one: Suggestion, known: Associations, lines: Sequence[Line]) -> Suggestion:
    """With its reason, which is looked for only now: few of those that are ranked are shown."""
    skus = {line.sku for line in lines if line.sku}
    return replace(one, because=because(known, known.numbers[one.sku], skus))


def _candidates(
    wanted: Suggesting, lines: Sequence[Line], known: Associations | None, sold: Sold | None
) -> Iterator[list[Suggestion]]:
    """Products that may be suggested, in handfuls, so that few are looked up in the master."""
    yield [
        Suggestion(pin.add, "pinned", Because(line.sku))
        for pin in wanted.pinned
        for line in lines
        if pin.selects is None or pin.selects(line)
    ]
    if known is None:
        return
    skus = {line.sku for line in lines if line.sku}
    best = ranked(known, skus, sold=sold)
    for start in range(0, len(best), 8):
        yield [
            Suggestion(known.skus[number], "bought_together", Because(None), known.prices[number])
            for number in best[start : start + 8]
        ]

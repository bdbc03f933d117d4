"""Suggestions in a quote: what goes with the basket, which promotion would lower its price, and the words for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from loyalty_api.language import catalogue
from loyalty_api.products.rules import Product
from loyalty_api.purchases.desk import Desk
from loyalty_api.rating.rules import Program, price
from loyalty_api.rulekit.basket import Basket
from loyalty_api.rulekit.facts import Facts
from loyalty_api.suggestions.rules import line_of
from loyalty_api.suggestions.service import Suggestion


@dataclass(frozen=True, slots=True)
class Suggested:
    """What is suggested with the promotion that would take something off it, and the names of the products."""

    suggestion: Suggestion
    rule: str | None
    names: Mapping[str, str]


def suggest(
    connection: Connection[TupleRow],
    desk: Desk,
    basket: Basket,
    *,
    program: Program,
    facts: Facts,
    known: Callable[..., Facts],
    at: datetime,
    version: int,
) -> list[Suggested]:
    """What goes with an open basket at ``at``; nothing unless the program wants suggestions.

    ``facts`` are what the rules were told of its member, ``known`` tells what an audience asks for; ``version`` is that
    of the master of products.
    """
    wanted = program.suggestions
    if wanted is None:
        return []
    told_of = replace(facts, member=known(at=at, asks=wanted.asks).member) if wanted.asks else facts
    if not wanted.meant_for(basket, told_of, at=at, zone=program.settings.zone):
        return []

    def products(skus: Sequence[str]) -> dict[str, Product]:
        return desk.catalogue.resolve(connection, skus, version=version)

    found = desk.suggestions.suggest(connection, wanted, basket, products=products)
    if not found:
        return []
    asked = [sku for one in found for sku in (one.sku, one.because.sku) if sku]
    names = desk.suggestions.names(connection, asked, version=version)
    masters = products([one.sku for one in found])
    return [
        Suggested(one, _promotion(basket, one, masters[one.sku], program, facts, at), names) for one in found
    ]


def _promotion(
    basket: Basket,
    one: Suggestion,
    product: Product,
    program: Program,
    facts: Facts,
    at: datetime,
) -> str | None:
    """The promotion that takes most off when one piece of a product is added at its last price; ties by id.

    One that lowers the whole basket does so without it, and is not named.
    """
    if program.promotions is None or not one.price or product.unit != "each":
        return None
    line = line_of(one.sku, product, amount=one.price)
    more = replace(basket, lines=(*basket.lines, line))
    if not program.promotions.index.of(basket.store, [line]):
        return None
    before = {given.rule: given.granted for given in price(basket, facts, program, at).discounts}
    gains = [
        (before.get(given.rule, 0) - given.granted, given.rule)
        for given in price(more, facts, program, at).discounts
        if not given.basket_wide and given.granted > before.get(given.rule, 0)
    ]
    return min(gains)[1] if gains else None


def told(found: Sequence[Suggested], language: str) -> list[dict[str, Any]]:
    """As a quote shows them: what to add, why, and which promotion would then apply."""
    return [_told(one, language) for one in found]


def _told(one: Suggested, language: str) -> dict[str, Any]:
    because, names = one.suggestion.because, one.names
    bought = one.suggestion.kind == "bought_together"
    text = catalogue(language).say(
        "suggestion",
        one.suggestion.kind,
        count=because.of,
        product=names.get(because.sku or "") or because.sku or "",
        together=str(because.together),
        of=str(because.of),
    )
    return {
        "kind": one.suggestion.kind,
        "rule": one.rule,
        "add": {"sku": one.suggestion.sku, "quantity": 1},
        "name": names.get(one.suggestion.sku) or None,
        "because": {"sku": because.sku, "together": because.together, "of": because.of} if bought else None,
        "text": text,
    }

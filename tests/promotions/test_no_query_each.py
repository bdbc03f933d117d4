"""However many promotions there are, a quote and a sale ask the database the same number of questions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from loyalty_api import wire
from tests.promotions.till import buy, of, quote
from tests.support.shop import BASIC, Shop

NOW = datetime.now(UTC)


class Asked:
    """The statements that were sent since the last look."""

    def __init__(self) -> None:
        self.statements = 0

    def since(self) -> int:
        found, self.statements = self.statements, 0
        return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    counted, execute, converse = Asked(), psycopg.Cursor.execute, wire._converse

    def one(cursor: Any, *arguments: Any, **named: Any) -> Any:
        counted.statements += 1
        return execute(cursor, *arguments, **named)

    def several(connection: Any, statements: Any, *, commit: bool) -> Any:
        counted.statements += len(statements)
        return converse(connection, statements, commit=commit)

    monkeypatch.setattr(psycopg.Cursor, "execute", one)
    monkeypatch.setattr(wire, "_converse", several)
    return counted


def promotions(count: int) -> list[dict[str, Any]]:
    """Promotions of all kinds that apply to apples, and such as ask about the basket and the member."""
    kinds: list[dict[str, Any]] = [
        {"where": {"sku": ["apple"]}, "benefit": {"percent": {"off": "1", "on": "lines"}}},
        {"minimum_basket": 100_000, "benefit": {"amount": {"off": 1, "on": "basket"}}},
        {"when": {"member": {"member_for_days": {"at_least": 0}}}, "benefit": {"tiers": {"gold": "1"}}},
        {"when": {"days": ["mon"]}, "benefit": {"several": {"quantity": 2, "price": 100}}},
        {"group": "g", "benefit": {"amount": {"off": 2, "on": "basket"}}},
    ]  # fmt: skip
    return [{"id": f"p{n}", **kinds[n % len(kinds)]} for n in range(count)]


def test_a_hundred_promotions_ask_no_more_than_five(shop: Shop, asked: Asked) -> None:
    shop.enrol("MANY")
    apples = of(3000, "apple", 1, 3)
    found = []
    for n, count in enumerate((5, 100)):
        shop.publish(
            {**BASIC, "promotions": promotions(count)}, effective_from=NOW - timedelta(minutes=20 - n)
        )
        tries = []
        for _ in range(4):
            asked.since()
            quoted = quote(shop, apples, card="MANY")
            of_quote = asked.since()
            assert buy(shop, quoted, apples, card="MANY")["discrepancies"] == []
            tries.append((of_quote, asked.since()))
        found.append(tuple(map(min, *tries)))
    # Whoever is asked may look for new versions, clients and products just then: a handful, and not one for each.
    for few, many in zip(*found, strict=True):
        assert 0 < many < few + 6, found

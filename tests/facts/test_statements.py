"""However many rules a program has, what they need of the member takes no more statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from loyalty_api.purchases import queries
from loyalty_api.wire import round_trip
from tests.facts.test_counting import document
from tests.support.shop import Shop, line, receipt

_NOT_OF_A_RECEIPT = ("business_date", "reference", "total", "payments")
# Where facts are read from. What else a quote asks for has nothing to do with rules.
_OF_FACTS = ("member_counters", "rule_limits", "FROM purchases p")


def rules(times: int) -> list[dict[str, Any]]:
    """So many times a rule of each kind that needs to know something of the member."""
    more: list[dict[str, Any]] = [
        {"caps": [{"per": "day", "points": 90}, {"per": "month", "times": 9}]},
        {"budget": 10**6},
        {"when": {"member": {"purchase_number": {"every": 3}, "week_streak": {"at_least": 2}}}},
        {"when": {"member": {"first_in_category": [["Food", "Fruit"]], "new_visit": True}}},
        {"when": {"member": {"days_since_visit": {"at_least": 3}}}},
    ]
    return [
        {"id": f"r{n}_{k}", "kind": "bonus", "points": 1, **one}
        for n in range(times)
        for k, one in enumerate(more)
    ]


def test_facts_take_two_statements_whatever_the_number_of_rules(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    execute = psycopg.Connection.execute

    def told(self: Any, query: Any, *args: Any, **named: Any) -> Any:
        sent.append(str(query))
        return execute(self, query, *args, **named)

    def trip(connection: Any, statements: Sequence[Any], **named: Any) -> Any:
        sent.extend(sql for sql, _ in statements)
        return round_trip(connection, statements, **named)

    monkeypatch.setattr(psycopg.Connection, "execute", told)
    monkeypatch.setattr(queries, "round_trip", trip)
    fresh_shop.enrol("FACT1")
    asked = receipt(line(500), card="FACT1")
    basket = {name: value for name, value in asked.items() if name not in _NOT_OF_A_RECEIPT}
    counted = []
    for n, times in enumerate((0, 1, 20)):
        made = document({"id": "base", "kind": "base", "points": 1}, *rules(times))
        fresh_shop.publish(made, effective_from=datetime(2019, 1, 1 + n, tzinfo=UTC) + timedelta(hours=1))
        for _ in range(2):
            sent.clear()
            assert fresh_shop.till.post("/v1/quotes", basket).status in (200, 201)
        counted.append(sum(1 for sql in sent if any(table in sql for table in _OF_FACTS)))
    assert counted == [0, 2, 2]

"""The page about publishing: its calls are made as they stand, and answered as it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from loyalty_api.publishing import backtests
from tests.docs import markdown
from tests.docs.test_rewards_page import call, filled
from tests.support.calendar import Calendar
from tests.support.shop import Shop, line, receipt

PAGE = markdown.read("docs/publishing.md")
BACKTEST = PAGE[PAGE.index("## Back-test") :].partition("\n## ")[0]
BEFORE = {
    "currency": "NOK",
    "time_zone": "Europe/Oslo",
    "earn": {"rules": [{"id": "base", "kind": "base", "points_per": {"points": 1, "amount": 100}}]},
}


def test_a_back_test_is_answered_as_the_page_says(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, calendar = fresh_shop, Calendar(monkeypatch)
    shop.publish(BEFORE, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    sold = [
        ("9800000000001", 20_000, "bread"),
        ("9800000000001", 5_000, "apple"),
        ("9800000000002", 3_000, "bread"),
    ]
    at = calendar.on("2026-03-02T12:00+01:00")
    for card in ("9800000000001", "9800000000002"):
        shop.enrol(card)
    for card, amount, sku in sold:
        body = receipt(line(amount, sku=sku), card=card, at=at, currency="NOK")
        assert shop.till.post("/v1/purchases", body, key=None).status == 201
    now, known = calendar.on("2026-03-20T12:00+01:00"), dict[str, str]()
    blocks = markdown.blocks(BACKTEST, "http office", "json answer")
    for asked, answered in zip(blocks[::2], blocks[1::2], strict=True):
        first, _, body = asked.text.partition("\n")
        reply = call(shop.office, filled(first, known), filled(body, known))
        difference = markdown.differs(json.loads(answered.text), reply.body)
        assert difference == "", f"{first}: {difference}"
        known |= {"$DRAFT": reply["program_version_id"], "$BACKTEST": reply.body.get("backtest_id", "")}
        backtests.run_waiting(shop.database, clock=lambda: now, told=lambda: False, processes=1)

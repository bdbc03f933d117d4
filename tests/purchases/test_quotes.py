"""A quote's promise: the rules it was priced under, until it ends, for sales of its own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from loyalty_api.quotes import Quote, read_quote, write_quote
from loyalty_api.vault import Vault
from tests.support.shop import BASIC, KEYS, Shop, line, receipt

END = datetime(2026, 11, 21, 15, 19, tzinfo=UTC)
VAULT = Vault(KEYS)


@pytest.mark.parametrize(
    ("minutes_before_its_end", "honoured"), [(0, True), (14, True), (19, True), (21, False), (-1, False)]
)
def test_a_quote_covers_its_quarter_of_an_hour_and_a_little_for_clocks(
    minutes_before_its_end: int, honoured: bool
) -> None:
    assert Quote(1, END, 10).covers(END - timedelta(minutes=minutes_before_its_end)) is honoured


def test_only_we_can_write_a_quote() -> None:
    text = write_quote(VAULT, Quote(7, END, 10))
    assert read_quote(VAULT, text) == Quote(7, END, 10)
    forged = text[:10] + ("A" if text[10] != "A" else "B") + text[11:]
    assert read_quote(VAULT, forged) is None
    assert read_quote(Vault((("other", bytes(32)),)), text) is None


def test_a_sale_is_rated_by_the_rules_it_was_quoted_under(fresh_shop: Shop) -> None:
    fresh_shop.enrol("PROMISED")
    body = receipt(line(1000), card="PROMISED")
    basket = {k: v for k, v in body.items() if k not in ("business_date", "reference", "total", "payments")}
    quote = fresh_shop.till.post("/v1/quotes", basket, key=None)
    assert quote["points"]["total"] == 10
    nothing = {**BASIC, "earn": {"rules": []}}
    fresh_shop.publish(nothing, effective_from=datetime.now(UTC) - timedelta(seconds=30))
    promised = fresh_shop.till.post("/v1/purchases", {**body, "quote_id": quote["quote_id"]}, key=None)
    assert promised["points"]["earned"] == 10
    after = fresh_shop.till.post("/v1/purchases", receipt(line(1000), card="PROMISED"), key=None)
    assert after["points"]["earned"] == 0

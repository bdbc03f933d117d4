"""Points that were spent on a purchase come back with its goods: to their lots, never as cash (R34, R37)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.purchases.racing import breaches
from tests.redemptions.till import hold, opened
from tests.returns.selling import bring, figures, goods, paper, sell
from tests.support.shop import Shop, line


def paid_with_points(shop: Shop, member: str, card: str, now: datetime) -> tuple[dict[str, Any], str]:
    """A sale of 60.00, 30.00 of it paid with 300 points; and its id."""
    held = hold(shop.till, member, 3000)
    payments = [
        {"kind": "points", "amount": 3000, "redemption_id": held["redemption_id"]},
        {"kind": "card", "amount": 3000},
    ]
    sale, sold = sell(shop, line(6000, quantity=3), card=card, payments=payments, at=now)
    assert (sold["points"]["earned"], sold["points"]["spent"]) == (30, 300)
    return sale, sold["purchase_id"]


def test_points_and_money_come_back_in_the_proportion_of_the_sale(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, today = fresh_shop, opened(fresh_shop, monkeypatch)
    member = shop.enrol("SPENT1")
    sell(shop, line(40_000), card="SPENT1", at=today.now)
    sale, purchase_id = paid_with_points(shop, member, "SPENT1", today.now)
    assert figures(shop, member) == (130, 0, 0)
    back = bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}, at=today.now))
    assert back["money"] == {
        "refundable": 1000,
        "tenders": [{"kind": "card", "amount": 1000}],
        "shortfall": 0,
    }
    assert (back["lines"][0]["value"], back["lines"][0]["points_part"]) == (2000, 1000)
    assert (back["points"]["given_back"], back["points"]["taken_back"]) == (100, 10)
    assert figures(shop, member) == (220, 0, 0)
    undone = shop.caller("terminal", store="str_2").post(
        f"/v1/returns/{back['return_id']}/void", {"reason": "x"}
    )
    assert undone["status"] == "voided"
    assert figures(shop, member) == (130, 0, 0)
    whole = shop.till.post(f"/v1/purchases/{purchase_id}/void", {"reason": "x"})
    assert (whole["points"]["given_back"], whole["points"]["taken_back"]) == (300, 30)
    assert shop.balance(member)["lifetime"]["spent"] == 0
    assert figures(shop, member) == (400, 0, 0)
    assert breaches(shop) == []


def test_points_given_back_pay_what_is_owed_first(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """One journal: the lots are restored, debt collects, and only then points are taken (R37)."""
    shop, today = fresh_shop, opened(fresh_shop, monkeypatch)
    member = shop.enrol("SPENT2")
    first, _ = sell(shop, line(30_000), card="SPENT2", at=today.now)
    sale, _ = paid_with_points(shop, member, "SPENT2", today.now)
    assert bring(shop, goods(paper(first), at=today.now))["points"]["to_debt"] == 270
    assert figures(shop, member) == (0, 0, 270)
    back = bring(shop, goods(paper(sale), at=today.now))
    assert (back["points"]["given_back"], back["points"]["taken_back"]) == (300, 30)
    assert figures(shop, member) == (0, 0, 0)
    assert breaches(shop) == []


def test_points_of_a_lot_that_expired_meanwhile_come_back_with_the_programs_grace(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, today = fresh_shop, opened(fresh_shop, monkeypatch, expire={"days": 30})
    member = shop.enrol("SPENT3")
    sell(shop, line(30_000), card="SPENT3", at=today.now)
    sale, _ = paid_with_points(shop, member, "SPENT3", today.now)
    today.pass_by(days=60)
    back = bring(shop, goods(paper(sale), at=today.now))
    assert (back["points"]["given_back"], back["points"]["expired"]) == (300, 30)
    assert back["points"]["given_back_expires"] == "2031-07-19T00:00:00Z"
    assert figures(shop, member) == (300, 0, 0)
    assert breaches(shop) == []

"""Points that were spent on a purchase come back with its goods: to their lots, never as cash (R34, R37)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from loyalty_api import ids
from loyalty_api.db import driver
from loyalty_api.ledger.rules import Movement
from loyalty_api.ledger.rules_spending import take
from loyalty_api.ledger.service import Cause, lock_book, write_book
from tests.purchases.racing import breaches
from tests.returns.selling import bring, figures, goods, paper, sell
from tests.support.calendar import Calendar
from tests.support.documents import with_lots
from tests.support.shop import Shop, line

DAY = timedelta(days=1)


def spend(shop: Shop, member: str, points: int, now: datetime) -> str:
    """Points as a redemption uses them: one journal from available to redeemed."""
    redemption = ids.new()
    with shop.database.unit_of_work() as session:
        member_id = ids.read("mbr", member)
        assert member_id is not None
        _, book = lock_book(session, member_id=member_id, named=[])
        book.settle(first_id=redemption, now=now)
        movement = Movement("redeem", now, take(book.account, points, to="redeemed"))
        book.record(
            movement, journal_id=ids.nth(redemption, 1), cause=Cause("redemption", redemption), now=now
        )
        write_book(driver(session), book)
    return ids.show("red", redemption)


def stands_behind(shop: Shop, purchase_id: str, redemption: dict[str, Any]) -> None:
    """What a purchase keeps of points that were spent on it."""
    found: UUID | None = ids.read("pur", purchase_id)
    with shop.database.unit_of_work() as session:
        driver(session).execute(
            "UPDATE purchases SET outcome = outcome || %s::jsonb WHERE purchase_id = %s",
            (orjson.dumps({"redemptions": [redemption]}).decode(), found),
        )


def paid_with_points(shop: Shop, member: str, card: str, now: datetime) -> tuple[dict[str, Any], str]:
    """A sale of 60.00, 30.00 of it paid with 300 points; and its id."""
    redemption = spend(shop, member, 300, now)
    payments = [{"kind": "points", "amount": 3000}, {"kind": "card", "amount": 3000}]
    sale, sold = sell(shop, line(6000, quantity=3), card=card, payments=payments, at=now)
    assert sold["points"]["earned"] == 30
    stands_behind(
        shop,
        sold["purchase_id"],
        {"redemption_id": redemption, "points": 300, "amount": 3000, "lines": [["1", 300, 3000]]},
    )
    return sale, sold["purchase_id"]


def test_points_and_money_come_back_in_the_proportion_of_the_sale(shop: Shop) -> None:
    member = shop.enrol("SPENT1")
    now = datetime.now(UTC)
    sell(shop, line(40_000), card="SPENT1")
    sale, purchase_id = paid_with_points(shop, member, "SPENT1", now)
    assert figures(shop, member) == (130, 0, 0)
    back = bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}))
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


def test_points_given_back_pay_what_is_owed_first(shop: Shop) -> None:
    """One journal: the lots are restored, debt collects, and only then points are taken (R37)."""
    member = shop.enrol("SPENT2")
    now = datetime.now(UTC)
    first, _ = sell(shop, line(30_000), card="SPENT2")
    sale, _ = paid_with_points(shop, member, "SPENT2", now)
    assert bring(shop, goods(paper(first)))["points"]["to_debt"] == 270
    assert figures(shop, member) == (0, 0, 270)
    back = bring(shop, goods(paper(sale)))
    assert (back["points"]["given_back"], back["points"]["taken_back"]) == (300, 30)
    assert figures(shop, member) == (0, 0, 0)
    assert breaches(shop) == []


def test_points_of_a_lot_that_expired_meanwhile_come_back_with_the_programs_grace(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, today = fresh_shop, Calendar(monkeypatch, datetime(2031, 5, 5, 10, tzinfo=UTC))
    shop.publish(with_lots(expire={"days": 30}), effective_from=today.now - DAY)
    member = shop.enrol("SPENT3")
    sell(shop, line(30_000), card="SPENT3", at=today.now)
    sale, _ = paid_with_points(shop, member, "SPENT3", today.now)
    today.pass_by(days=60)
    back = bring(shop, goods(paper(sale), at=today.now))
    assert (back["points"]["given_back"], back["points"]["expired"]) == (300, 30)
    assert back["points"]["given_back_expires"] == "2031-07-19T00:00:00Z"
    assert figures(shop, member) == (300, 0, 0)
    assert breaches(shop) == []

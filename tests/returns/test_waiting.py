"""A return that arrives before its purchase (R29), as offline tills send them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from loyalty_api.returns import waiting
from tests.purchases.racing import breaches
from tests.returns.selling import bring, figures, goods, paper
from tests.support.calendar import Calendar
from tests.support.shop import BASIC, Reply, Shop, line, receipt

DAY = timedelta(days=1)


def seen(shop: Shop, back: Reply) -> Reply:
    return shop.office.get(f"/v1/returns/{back['return_id']}")


def test_a_return_waits_for_its_purchase_and_is_done_when_it_comes(shop: Shop) -> None:
    member = shop.enrol("WAIT1")
    sale = receipt(line(6000, quantity=3), card="WAIT1")
    one = goods(paper(sale), {"line_id": "1", "quantity": 1})
    waits = bring(shop, one)
    assert (waits.status, waits["status"], waits["purchase_id"]) == (201, "waiting", None)
    assert bring(shop, one)["status"] == "waiting"
    assert breaches(shop) == []
    sold = shop.till.post("/v1/purchases", sale, key=None)
    done = seen(shop, waits)
    assert (done["status"], done["purchase_id"]) == ("applied", sold["purchase_id"])
    assert done["points"]["taken_back"] == 20
    assert figures(shop, member) == (40, 0, 0)
    assert bring(shop, one)["status"] == "applied"
    assert breaches(shop) == []


def test_a_return_of_a_receipt_that_nobody_is_known_for_waits_as_well(shop: Shop) -> None:
    sale = receipt(line(1000))
    waits = bring(shop, goods(paper(sale)))
    sold = shop.till.post("/v1/purchases", sale, key=None)
    assert seen(shop, waits)["status"] == "applied"
    assert shop.till.get(f"/v1/purchases/{sold['purchase_id']}")["status"] == "returned"


def test_what_a_return_that_waited_asks_too_much_is_named_in_it(shop: Shop) -> None:
    member = shop.enrol("WAIT2")
    sale = receipt(line(1000), card="WAIT2")
    waits = bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 5}))
    shop.till.post("/v1/purchases", sale, key=None)
    done = seen(shop, waits)
    assert done["status"] == "applied"
    assert {"code": "return_exceeds_purchase"} in done["discrepancies"]
    assert figures(shop, member) == (10, 0, 0)
    assert breaches(shop) == []


def test_a_return_that_waits_can_be_undone_and_is_not_done_then(shop: Shop) -> None:
    member = shop.enrol("WAIT3")
    sale = receipt(line(1000), card="WAIT3")
    waits = bring(shop, goods(paper(sale)))
    undone = shop.office.post(f"/v1/returns/{waits['return_id']}/void", {"reason": "wrong receipt"})
    assert undone["status"] == "voided"
    shop.till.post("/v1/purchases", sale, key=None)
    assert figures(shop, member) == (10, 0, 0)
    assert breaches(shop) == []


def test_a_return_whose_purchase_never_comes_has_nothing_to_take_back(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, today = fresh_shop, Calendar(monkeypatch, datetime(2031, 5, 5, 10, tzinfo=UTC))
    shop.publish({**BASIC, "purchases": {"late_days": 31}}, effective_from=today.now - DAY)
    waits = bring(shop, goods({**paper(receipt()), "reference": "before the import"}, at=today.now))
    assert apply_due(shop, today.now + 30 * DAY) == 0
    assert apply_due(shop, today.now + 32 * DAY) == 1
    done = seen(shop, waits)
    assert (done["status"], done["discrepancies"]) == ("applied", [{"code": "nothing_to_take_back"}])
    assert breaches(shop) == []


def apply_due(shop: Shop, now: datetime) -> int:
    """What the job does."""
    with shop.database.unit_of_work() as session:
        return waiting.apply_due(session, shop.app.extensions["desk"], now=now, limit=100)

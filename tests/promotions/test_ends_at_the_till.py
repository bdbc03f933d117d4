"""Promotions that run out, over HTTP: what quotes and sales are told, what comes back, and who gets the last one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.promotions.till import back, buy, of, off, quote
from tests.purchases.racing import at_once, breaches, insisting, settled
from tests.support.shop import BASIC, Reply, Shop, receipt

PROGRAM: dict[str, Any] = {
    **BASIC,
    "promotions": [
        off("cheese", name="Cheese week", budget={"amount": 500}),
        off("salmon", budget={"times": 2, "per": "day", "by_store": True}),
        off("daily", limits=[{"per": "day", "times": 1}]),
        off("rested", cooldown_days=7),
        off("few", budget={"times": 4}),
        off("many", budget={"amount": 700}),
        off("nobodys", budget={"amount": 300}),
        off(
            "watched",
            name="Watched",
            budget={"amount": 900, "times": 3, "per": "month", "by_store": True},
            limits=[{"per": "year", "amount": 5000}],
        ),
    ],
}
NUMBER = 64


@pytest.fixture(scope="module", autouse=True)
def rules(shop: Shop) -> Iterator[None]:
    shop.publish(PROGRAM, effective_from=datetime.now(UTC) - timedelta(days=20))
    yield
    assert breaches(settled(shop)) == []


def why(quoted: Reply, rule: str) -> list[tuple[str, str]]:
    return [(one["outcome"], one["code"]) for one in quoted["reasons"] if one["rule"] == rule]


def sold(shop: Shop, sku: str, *, card: str | None = None, amount: int = 2000, **more: Any) -> Reply:
    """Quoted, and charged as it was quoted."""
    return buy(shop, quote(shop, of(amount, sku), card=card, **more), of(amount, sku), card=card, **more)


def charged(shop: Shop, sku: str, *, card: str | None = None, given: int = 200) -> Reply:
    """A sale that nobody quoted."""
    mine = {"source": "program", "promotion_id": sku, "amount": given}
    reply = shop.till.post("/v1/purchases", receipt(of(2000, sku, discounts=[mine]), card=card), key=None)
    assert reply.status == 201, reply.body
    return reply


def taken(shop: Shop, key: str) -> int:
    row = shop.database.fetch_one("SELECT taken FROM rule_limits WHERE key = %s", (key,))
    return int(row[0]) if row else 0


def told(shop: Shop, rule: str) -> list[dict[str, Any]]:
    """What the merchant is told of the promotion's end."""
    sql = "SELECT body FROM events WHERE kind = 'promotion_exhausted' AND subject = %s"
    with shop.database.snapshot() as connection:
        return [row[0] for row in connection.execute(sql, (rule,))]


def test_a_budget_of_money_ends_with_its_last_cent_and_a_return_opens_it_again(shop: Shop) -> None:
    first, second = sold(shop, "cheese"), sold(shop, "cheese")
    assert (first["discrepancies"], second["discrepancies"], told(shop, "cheese")) == ([], [], [])
    last = quote(shop, of(2000, "cheese"), card=None)
    assert (last["totals"]["program_discounts"], why(last, "cheese")) == (100, [("capped", "budget_used_up")])
    shop.enrol("END1")
    third = sold(shop, "cheese", card="END1")
    assert third["effects"][0]["granted"] == 100
    (event,) = told(shop, "cheese")
    assert event == {"purchase_id": third["purchase_id"], "amount": 500, "period": "always"}
    over = quote(shop, of(2000, "cheese"), card=None)
    assert (over["totals"]["program_discounts"], why(over, "cheese")) == (
        0,
        [("not_applicable", "budget_used_up")],
    )
    assert over["reasons"][0]["text"] == "All that there was for it has been given: 5.00 USD."
    assert sold(shop, "cheese")["discrepancies"] == []
    # Anonymous sales and those of members bring their share back alike, and it is given once more.
    back(shop, first, {"line_id": "1", "amount": 900})
    assert taken(shop, "cheese:off:always") == 400
    back(shop, first)
    back(shop, third)
    assert taken(shop, "cheese:off:always") == 200
    assert sold(shop, "cheese", amount=3000)["effects"][0]["granted"] == 300
    assert len(told(shop, "cheese")) == 1


def test_what_was_charged_without_cover_is_kept_and_said(shop: Shop) -> None:
    assert charged(shop, "nobodys")["discrepancies"] == []
    half, none = charged(shop, "nobodys"), charged(shop, "nobodys")
    assert [odd for odd in half["discrepancies"] if odd["code"] != "price_differs"] == [
        {"code": "budget_used_up", "promotions": ["nobodys"], "uncovered": 100}
    ]
    assert none["discrepancies"][-1] == {
        "code": "budget_used_up",
        "promotions": ["nobodys"],
        "uncovered": 200,
    }
    assert (none["effects"][0]["granted"], none["total"]) == (200, 1800)
    assert taken(shop, "nobodys:off:always") == 300
    voided = shop.till.post(f"/v1/purchases/{half['purchase_id']}/void", {"reason": "wrong"})
    assert voided.status == 201, voided.body
    assert taken(shop, "nobodys:off:always") == 200


def test_a_store_has_its_own_times_of_a_day(shop: Shop) -> None:
    assert [sold(shop, "salmon")["effects"][:1] != [] for _ in range(3)] == [True, True, False]
    other = shop.caller("terminal", store="str_2")
    body = receipt(of(2000, "salmon"), store="str_2")
    for name in ("business_date", "reference", "total", "payments"):
        body.pop(name)
    assert other.post("/v1/quotes", body, key=None)["totals"]["program_discounts"] == 200
    yesterday = datetime.now(UTC) - timedelta(days=1)
    late = charged_at(shop, yesterday)
    assert late["discrepancies"] == []
    assert taken(shop, f"salmon:use:{yesterday.date().isoformat()}:1") == 1


def charged_at(shop: Shop, at: datetime) -> Reply:
    mine = {"source": "program", "promotion_id": "salmon", "amount": 200}
    return shop.till.post("/v1/purchases", receipt(of(2000, "salmon", discounts=[mine]), at=at), key=None)


def test_a_member_gets_it_once_a_day_and_not_again_before_it_has_rested(shop: Shop) -> None:
    shop.enrol("END2")
    for sku, code in (("daily", "limit_reached"), ("rested", "resting")):
        assert why(quote(shop, of(2000, sku), card=None), sku) == [("not_applicable", "no_member")]
        early = quote(shop, of(2000, sku), card="END2")
        first = sold(shop, sku, card="END2")
        assert first["effects"][0]["granted"] == 200
        assert why(quote(shop, of(2000, sku), card="END2"), sku) == [("not_applicable", code)]
        # The other till had quoted it before: the price stands, and the answer says that it was once too often.
        again = buy(shop, early, of(2000, sku), card="END2")
        assert again["discrepancies"] == [{"code": "limit_reached", "promotions": [sku]}]
        for one in (first, again):
            shop.till.post(f"/v1/purchases/{one['purchase_id']}/void", {"reason": "wrong"})
        assert quote(shop, of(2000, sku), card="END2")["totals"]["program_discounts"] == 200


def test_a_receipt_that_is_claimed_later_keeps_what_it_took(shop: Shop) -> None:
    before = taken(shop, "few:use:always")
    bought = charged(shop, "few", card="ENDNEW")
    member = shop.enrol("ENDNEW")
    settled(shop)
    assert shop.balance(member)["available"] > 0
    assert taken(shop, "few:use:always") == before + 1
    assert back(shop, bought)["status"] == "applied"
    assert taken(shop, "few:use:always") == before


@pytest.mark.parametrize(
    ("sku", "gets", "key"), [("few", 4, "few:use:always"), ("many", 3, "many:off:always")]
)
def test_of_many_tills_at_once_exactly_so_many_get_it_as_there_are(
    shop: Shop, sku: str, gets: int, key: str
) -> None:
    """The money of ``many`` is enough for three and a half."""
    mine = {"source": "program", "promotion_id": sku, "amount": 200}
    bodies = [receipt(of(2000, sku, discounts=[mine])) for _ in range(NUMBER)]

    answers = at_once(*[insisting(shop.till, "/v1/purchases", body, key=None) for body in bodies])
    short = [[odd for odd in one["discrepancies"] if odd["code"] == "budget_used_up"] for one in answers]
    assert sum(not odd for odd in short) == gets
    assert taken(shop, key) == (4 if sku == "few" else 700)
    assert len(told(shop, sku)) == 1
    assert sum(odd[0]["uncovered"] for odd in short if odd) == 200 * NUMBER - (
        4 * 200 if sku == "few" else 700
    )


def test_who_watches_a_campaign_sees_what_is_left_of_it(shop: Shop) -> None:
    shop.enrol("END3")
    sold(shop, "watched", card="END3", amount=5000)
    found = shop.office.get("/v1/promotions/watched").body
    assert found == {
        "promotion_id": "watched", "name": {"*": "Watched"}, "paused": False, "used_up": False,
        "budget": {"amount": 900, "times": 3, "per": "month", "by_store": True,
                   "period": datetime.now(UTC).strftime("%Y-%m")},
        "limits": [{"per": "year", "amount": 5000}], "cooldown_days": 0,
        "use": [{"store": "str_1", "taken": {"amount": 500, "times": 1}, "held": {"amount": 0, "times": 0},
                 "left": {"amount": 400, "times": 2}}],
    }  # fmt: skip
    listed = {one["promotion_id"]: one for one in shop.office.get("/v1/promotions")["data"]}
    assert listed["watched"] == found
    assert (listed["daily"]["budget"], listed["daily"]["use"]) == (None, [])
    assert shop.office.get("/v1/promotions/nothing").code == "promotion_unknown"
    assert shop.till.get("/v1/promotions").status == 403

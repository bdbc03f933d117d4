"""What a quote needs is held for a few minutes: budgets, coupons, limits and points together, or nothing (R43)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty_api import jobs
from loyalty_api.db import driver
from tests.promotions.till import asked, of, off
from tests.purchases.racing import at_once, breaches, insisting, settled
from tests.support.shop import BASIC, Reply, Shop, receipt

PROGRAM: dict[str, Any] = {
    **BASIC,
    "redeem": {"rate": {"points": 10, "amount": 100, "step": 10}},
    "discounts": {"member_ceiling": {"amount": 1000, "per": "program"}},
    "promotions": [
        off("one", budget={"times": 1}), off("two", budget={"amount": 300, "per": "day"}),
        off("ends", budget={"times": 1}),
        off("race", budget={"times": 3}), off("mixed", budget={"times": 5}), off("free", budget={"times": 9}),
        off("code", when={"coupon": ["HELD"]}), off("points", budget={"times": 9}),
        off("mine", limits=[{"per": "program", "times": 3}]), off("rests", cooldown_days=2), off("much"),
    ],
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def rules(shop: Shop) -> Iterator[None]:
    shop.publish(PROGRAM, effective_from=datetime.now(UTC) - timedelta(minutes=20))
    yield
    jobs.release_holds(shop.database, now=datetime.now(UTC) + timedelta(hours=1))
    assert breaches(settled(shop)) == []


_lanes = itertools.count(100)


class Lane:
    """A basket of one product at a till: quoted, reserved, paid."""

    def __init__(self, shop: Shop, sku: str, *, card: str | None = None, **more: Any) -> None:
        self.shop, self.line = shop, of(2000, sku)
        self.terminal = str(next(_lanes))
        body = receipt(self.line, card=card, terminal=self.terminal, **more)
        self.body = asked(body)
        self.card = card
        self.quoted: Reply = self.quote()

    def quote(self) -> Reply:
        wished = {k: v for k, v in self.body.items() if k != "redeem"}
        self.quoted = self.shop.till.post("/v1/quotes", wished, key=None)
        assert self.quoted.status == 200, self.quoted.body
        return self.quoted

    @property
    def off(self) -> int:
        return int(self.quoted["totals"]["program_discounts"])

    @property
    def path(self) -> str:
        return f"/v1/quotes/{self.quoted['quote_id']}/reserve"

    def reserve(self) -> Reply:
        return self.shop.till.post(self.path, self.body)

    def paid(self, *, named: bool = True) -> dict[str, Any]:
        given = [{**one, "amount": 200} for one in self.quoted["lines"][0]["discounts"]]
        more = {"coupons": self.body["coupons"]} if "coupons" in self.body else {}
        body = receipt({**self.line, "discounts": given}, card=self.card, terminal=self.terminal, **more)
        return {**body, "quote_id": self.quoted["quote_id"] if named else None}

    def pay(self, *, named: bool = True) -> Reply:
        reply = self.shop.till.post("/v1/purchases", self.paid(named=named), key=None)
        assert reply.status == 201, reply.body
        return reply


def codes(reply: Reply) -> list[str]:
    return [odd["code"] for odd in reply["discrepancies"]]


def taken(shop: Shop, rule: str) -> int:
    row = shop.database.fetch_one("SELECT sum(taken) FROM rule_limits WHERE key LIKE %s", (f"{rule}:%",))
    return int(row[0] or 0) if row else 0


def end_all(shop: Shop) -> None:
    """As if the minutes had gone by: what is held was to end a moment ago."""
    with shop.database.unit_of_work() as session:
        for table in ("limit_holds", "counter_holds", "coupon_holds", "reservations"):
            driver(session).execute(f"UPDATE {table} SET expires_at = now() - interval '1 second'")


def test_the_last_use_is_held_for_the_basket_that_reserved_it(shop: Shop) -> None:
    mine, theirs = Lane(shop, "one"), Lane(shop, "one")
    held = mine.reserve()
    assert held.status == 201, held.body
    assert held["budgets"] == [{"promotion_id": "one", "times": 1, "period": "always"}]
    assert (held["coupons"], held["redemption"]) == ([], None)
    assert mine.reserve()["reservation_id"] == held["reservation_id"]
    assert theirs.reserve().code == "budget_used_up"
    assert Lane(shop, "one").off == 0
    (use,) = shop.office.get("/v1/promotions/one")["use"]
    assert (use["held"], use["left"]) == ({"times": 1}, {"times": 0})
    assert codes(theirs.pay()) == ["budget_used_up"]
    assert codes(mine.pay()) == []
    assert taken(shop, "one") == 1
    path = f"/v1/reservations/{held['reservation_id']}"
    assert shop.till.delete(path).code == "reservation_used"
    assert shop.caller("terminal", store="str_2").delete(path).code == "reservation_unknown"


def test_what_is_let_go_is_there_for_others(shop: Shop) -> None:
    mine = Lane(shop, "two")
    held = mine.reserve()
    assert (held["budgets"][0]["amount"], Lane(shop, "two").off) == (200, 100)
    path = f"/v1/reservations/{held['reservation_id']}"
    assert [shop.till.delete(path).status for _ in range(2)] == [204, 204]
    other = Lane(shop, "two")
    assert (other.off, codes(other.pay())) == (200, [])
    assert mine.reserve().code == "budget_used_up"


def test_what_is_over_counts_for_nothing_and_a_job_notes_it(shop: Shop) -> None:
    mine = Lane(shop, "ends")
    assert mine.reserve().status == 201
    end_all(shop)
    other = Lane(shop, "ends")
    assert other.off == 200
    assert other.reserve().status == 201
    assert codes(mine.pay()) == ["budget_used_up"]
    assert codes(other.pay()) == []
    assert jobs.release_holds(shop.database, now=datetime.now(UTC)) >= 1
    assert taken(shop, "ends") == 1


def coupon(shop: Shop) -> str:
    made = shop.office.post("/v1/coupon-batches", {"name": "HELD", "kind": "single", "count": 1})["batch_id"]
    jobs.make_coupons(shop.database, shop.app.extensions["vault"], now=datetime.now(UTC))
    found = shop.office.post(f"/v1/coupon-batches/{made}/codes", {"after": 0})
    code: str = found.lines[0]["code"]
    return code


def test_a_coupon_is_held_and_nobody_else_uses_it(shop: Shop) -> None:
    code = coupon(shop)
    mine, theirs = (Lane(shop, "code", coupons=[code]) for _ in range(2))
    held = mine.reserve()
    assert held.status == 201, held.body
    assert [one["name"] for one in held["coupons"]] == ["HELD"]
    assert theirs.reserve().code == "coupon_reserved"
    assert (
        shop.till.post("/v1/coupons/validate", {"code": code, "store": "str_1"}, key=None).code
        == "coupon_reserved"
    )
    assert "coupon_reserved" in codes(theirs.pay(named=False))
    bought = mine.pay()
    assert (codes(bought), bought["coupons"][0]["status"]) == ([], "used")
    again = coupon(shop)
    late = Lane(shop, "code", coupons=[again])
    late.reserve()
    end_all(shop)
    assert Lane(shop, "code", coupons=[again]).reserve().status == 201


def test_points_are_held_with_it_or_nothing_is(shop: Shop) -> None:
    member = shop.enrol("RSV1")
    poor = Lane(shop, "points", card="RSV1", redeem={"max_amount": 500})
    before = taken(shop, "points")
    assert poor.reserve().code == "below_minimum"
    assert taken(shop, "points") == before
    shop.till.post("/v1/purchases", receipt(of(9000, "bread"), card="RSV1"), key=None)
    rich = Lane(shop, "points", card="RSV1", redeem={"max_amount": 500})
    held = rich.reserve()
    assert held.status == 201, held.body
    assert (held["redemption"]["points"], held["redemption"]["amount"]) == (50, 500)
    assert held["redemption"]["expires_at"] == held["expires_at"]
    assert shop.balance(member)["held"] == 50
    shop.till.delete(f"/v1/reservations/{held['reservation_id']}")
    assert (shop.balance(member)["held"], taken(shop, "points")) == (0, before)


def test_only_what_was_quoted_can_be_reserved(shop: Shop) -> None:
    mine = Lane(shop, "free")
    mine.body["lines"] = [of(4000, "free")]
    assert mine.reserve().code == "quote_differs"
    assert shop.till.post("/v1/quotes/quo_made_up/reserve", mine.body).code == "quote_unknown"
    assert taken(shop, "free") == 0


def test_of_many_tills_exactly_so_many_hold_it_as_there_are(shop: Shop) -> None:
    lanes = [Lane(shop, "race") for _ in range(32)]
    answers = at_once(*[insisting(shop.till, lane.path, lane.body) for lane in lanes])
    assert sorted(one.status for one in answers) == [201] * 3 + [409] * 29
    assert {one.code for one in answers if one.status == 409} == {"budget_used_up"}
    paid = at_once(*[insisting(shop.till, "/v1/purchases", lane.paid(), key=None) for lane in lanes])
    assert [codes(one) for one in paid] == [
        [] if one.status == 201 else ["budget_used_up"] for one in answers
    ]
    assert taken(shop, "race") == 3


def test_sales_and_reservations_at_once_never_take_more_than_there_is(shop: Shop) -> None:
    lanes = [Lane(shop, "mixed") for _ in range(24)]
    work = [
        insisting(shop.till, lane.path, lane.body)
        if n % 2
        else insisting(shop.till, "/v1/purchases", lane.paid(named=False), key=None)
        for n, lane in enumerate(lanes)
    ]
    answers = at_once(*work)
    got = [
        one.status == 201 if n % 2 else "budget_used_up" not in codes(one) for n, one in enumerate(answers)
    ]
    assert sum(got) == taken(shop, "mixed") == 5


def counted(shop: Shop, rule: str) -> tuple[int, int]:
    """What is counted of members under a rule, and how much of it is held."""
    row = shop.database.fetch_one(
        "SELECT (SELECT coalesce(sum(value), 0) FROM member_counters WHERE key LIKE %s),"
        " (SELECT coalesce(sum(amount), 0) FROM counter_holds WHERE key LIKE %s)",
        (f"{rule}:%", f"{rule}:%"),
    )
    assert row is not None
    return int(row[0]), int(row[1])


def test_of_many_tills_exactly_so_many_hold_it_as_one_member_may_have(shop: Shop) -> None:
    shop.enrol("RSV2")
    lanes = [Lane(shop, "mine", card="RSV2") for _ in range(24)]
    answers = at_once(*[insisting(shop.till, lane.path, lane.body) for lane in lanes])
    assert sorted(one.status for one in answers) == [201] * 3 + [409] * 21
    assert {one.code for one in answers if one.status == 409} == {"limit_reached"}
    assert counted(shop, "mine") == (0, 3)
    assert Lane(shop, "mine", card="RSV2").off == 0
    held = [lane for lane, one in zip(lanes, answers, strict=True) if one.status == 201]
    paid = at_once(*[insisting(shop.till, "/v1/purchases", one.paid(), key=None) for one in held[:2]])
    assert [codes(one) for one in paid] == [[], []]
    assert counted(shop, "mine") == (2, 1)
    assert shop.till.delete(f"/v1/reservations/{held[2].reserve()['reservation_id']}").status == 204
    assert counted(shop, "mine") == (2, 0)
    assert Lane(shop, "mine", card="RSV2").off == 200


def test_a_promotion_rests_for_who_has_it_in_hand(shop: Shop) -> None:
    shop.enrol("RSV3")
    mine, theirs = (Lane(shop, "rests", card="RSV3") for _ in range(2))
    assert mine.reserve().status == 201
    assert theirs.reserve().code == "limit_reached"
    end_all(shop)
    assert theirs.reserve().status == 201
    assert codes(mine.pay()) == ["limit_reached"]
    # What the other charged is a fact, and rests this member's use as well.
    assert codes(theirs.pay()) == ["limit_reached"]
    jobs.release_holds(shop.database, now=datetime.now(UTC))
    assert counted(shop, "rests") == (2, 0)


def test_what_all_promotions_together_may_take_off_for_a_member_is_held(shop: Shop) -> None:
    shop.enrol("RSV4")
    lanes = [Lane(shop, "much", card="RSV4") for _ in range(6)]
    held = [lane.reserve() for lane in lanes]
    assert [one.status for one in held] == [201] * 5 + [409]
    assert held[5].code == "limit_reached"
    assert shop.till.delete(f"/v1/reservations/{held[0]['reservation_id']}").status == 204
    assert lanes[5].reserve().status == 201
    assert [codes(lane.pay()) for lane in lanes[1:]] == [[]] * 5
    assert Lane(shop, "much", card="RSV4").off == 0

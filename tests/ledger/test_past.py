"""What was answered then, and what is known today about then: balances and statements by two clocks."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.ledger.rules_past import account_of
from tests.purchases.racing import breaches
from tests.support.calendar import Calendar
from tests.support.documents import with_lots
from tests.support.shop import Caller, Reply, Shop, line, receipt

BEGIN = datetime(2031, 1, 15, 9, tzinfo=UTC)
POINTS = ("available", "pending", "held", "debt")
SAID = (*POINTS, "lifetime", "expiring", "pending_next", "worth")


def back(caller: Caller, path: str, at: datetime | str, clock: str, **more: str) -> Reply:
    moment = at if isinstance(at, str) else at.isoformat()
    return caller.get(f"{path}?{urlencode({'as_of': moment, 'clock': clock, **more})}")


def balance(shop: Shop, member: str, at: datetime, clock: str) -> dict[str, Any]:
    found: dict[str, Any] = back(shop.office, f"/v1/members/{member}/balance", at, clock).body
    return found


def said(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in SAID}


class Life:
    """A member to whom anything may happen, and who looks at the balance after each thing."""

    def __init__(self, shop: Shop, today: Calendar, seed: int) -> None:
        self.shop, self.today, self.dice = shop, today, random.Random(seed)
        self.card = f"PAST{seed}"
        self.member = shop.enrol(self.card)
        self.sold: list[Reply] = []
        self.held: list[str] = []
        self.answers: list[tuple[datetime, dict[str, Any], list[str]]] = []

    def live(self, steps: int) -> None:
        for _ in range(steps):
            self.today.pass_by(hours=self.dice.randint(1, 200))
            self.dice.choice(
                [
                    self.buy,
                    self.buy,
                    self.buy_late,
                    self.bring_back,
                    self.hold,
                    self.let_go,
                    self.give,
                    self.wait,
                ]
            )()
            self.look()

    def look(self) -> None:
        # Nobody reads the statement here, for that would book what is due: balances are worked out.
        self.answers.append((self.today.now, self.shop.balance(self.member), []))

    def buy(self) -> None:
        self.sell(self.today.now)

    def buy_late(self) -> None:
        self.sell(self.today.now - timedelta(days=self.dice.randint(1, 50)))

    def sell(self, at: datetime) -> None:
        lines = [line(self.dice.randint(1, 40) * 100, sku=self.dice.choice(["apple", "bread"]))]
        sold = self.shop.till.post("/v1/purchases", receipt(*lines, card=self.card, at=at), key=None)
        assert sold.status == 201, sold.body
        self.sold.append(sold)

    def bring_back(self) -> None:
        if self.sold:
            sold = self.sold.pop(self.dice.randrange(len(self.sold)))
            body = {
                "store": "str_1", "terminal": "9", "business_date": self.today.now.date().isoformat(),
                "reference": sold["purchase_id"][-12:], "occurred_at": self.today.now.isoformat(), "kind": "goods",
            }  # fmt: skip
            done = self.shop.till.post(f"/v1/purchases/{sold['purchase_id']}/returns", body, key=None)
            assert done.status == 201, done.body

    def hold(self) -> None:
        body = {"member_id": self.member, "for": "basket", "max_amount": 500, "store": "str_1", "terminal": "1",
                "occurred_at": self.today.now.isoformat()}  # fmt: skip
        held = self.shop.till.post("/v1/redemptions", body)
        if held.status == 201:
            self.held.append(held["redemption_id"])

    def let_go(self) -> None:
        if self.held:
            self.shop.till.post(f"/v1/redemptions/{self.held.pop()}/release", {})

    def give(self) -> None:
        body = {"points": self.dice.choice([-3, 20]), "reason": "goodwill"}
        self.shop.office.post(f"/v1/members/{self.member}/adjustments", body)

    def wait(self) -> None:
        self.today.pass_by(days=self.dice.randint(1, 20))


def rules() -> dict[str, Any]:
    terms = with_lots(available={"after_days": 10}, expire={"days": 40}, purchases={"late_days": 60})
    terms["earn"]["rules"][1]["lots"] = {"available": "at_once", "expire": {"inactivity": 1}}
    terms["redeem"] = {"rate": {"points": 1, "amount": 100}, "hold": {"till": {"hours": 60}}}
    return terms


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    return Calendar(monkeypatch, BEGIN)


def test_whatever_happened_each_past_answer_is_given_again(fresh_shop: Shop, today: Calendar) -> None:
    fresh_shop.publish(rules(), effective_from=BEGIN - timedelta(days=400))
    for seed in range(6):
        life = Life(fresh_shop, today, seed)
        life.live(30)
        for moment, then, _ in life.answers:
            again = balance(fresh_shop, life.member, moment, "recorded")
            assert said(again) == said(then), (seed, moment)
            assert again["valid_until"] is None
        for clock in ("recorded", "occurred"):
            now = balance(fresh_shop, life.member, today.now, clock)
            assert said(now) == said(fresh_shop.balance(life.member)), (seed, clock)
    assert breaches(fresh_shop) == []


def test_a_late_receipt_changes_what_is_known_of_then_and_not_what_was_said(
    fresh_shop: Shop, today: Calendar
) -> None:
    fresh_shop.publish(rules(), effective_from=BEGIN - timedelta(days=400))
    member = fresh_shop.enrol("LATE")
    noon = today.pass_by(days=3)
    before = balance(fresh_shop, member, noon, "occurred")
    today.pass_by(days=5)
    late = receipt(line(900, sku="apple"), card="LATE", at=noon - timedelta(hours=1))
    sold = fresh_shop.till.post("/v1/purchases", late, key=None)
    earned = sold["points"]["earned"]
    assert earned > 0
    assert sum(balance(fresh_shop, member, noon, "recorded")[name] for name in POINTS) == 0
    known = balance(fresh_shop, member, noon, "occurred")
    assert known["available"] + known["pending"] == before["available"] + before["pending"] + earned
    path = f"/v1/members/{member}/entries"
    assert back(fresh_shop.office, path, noon, "recorded")["data"] == []
    entries = back(fresh_shop.office, path, noon, "occurred")["data"]
    assert {entry["kind"] for entry in entries} == {"earn"}
    assert sum(entry["points"] for entry in entries) == earned
    assert all(entry["occurred_at"] < entry["recorded_at"] for entry in entries)


def test_a_statement_has_what_time_had_done_by_then_whenever_it_was_booked(
    fresh_shop: Shop, today: Calendar
) -> None:
    fresh_shop.publish(rules(), effective_from=BEGIN - timedelta(days=400))
    member = fresh_shop.enrol("TIME")
    path = f"/v1/members/{member}/entries"
    fresh_shop.till.post(
        "/v1/purchases", receipt(line(900, sku="bread"), card="TIME", at=today.now), key=None
    )
    awake = today.pass_by(days=12)
    today.pass_by(days=100)
    assert {entry["kind"] for entry in fresh_shop.office.get(path)["data"]} == {"earn", "activate", "expire"}
    then = back(fresh_shop.office, path, awake, "recorded")["data"]
    assert [entry["kind"] for entry in then] == ["activate", "earn"]
    assert then[-1]["state"] == "available"
    pages = back(fresh_shop.office, path, awake, "recorded", limit="1")
    again = back(fresh_shop.office, path, awake, "recorded", limit="1", cursor=pages["next_cursor"])
    assert pages["data"] + again["data"] == then
    assert again["next_cursor"] is None


def test_before_a_member_joined_there_was_nothing(shop: Shop) -> None:
    member = shop.enrol()
    for clock in ("recorded", "occurred"):
        then = balance(shop, member, datetime(1990, 1, 1, tzinfo=UTC), clock)
        assert [then[name] for name in POINTS] == [0, 0, 0, 0]
        assert (then["expiring"], then["as_of"], then["worth"]) == ([], "1990-01-01T00:00:00Z", None)


@pytest.mark.parametrize("what", ["balance", "entries"])
def test_what_has_not_been_or_is_no_moment_is_refused(shop: Shop, what: str) -> None:
    member = shop.enrol()
    path = f"/v1/members/{member}/{what}"
    ahead = back(shop.office, path, datetime.now(UTC) + timedelta(days=1), "recorded")
    assert (ahead.status, ahead.code) == (422, "as_of_ahead")
    for moment in ("2026-01-01T10:00:00", "yesterday", "2026-13-01T10:00:00Z", ""):
        assert back(shop.office, path, moment, "occurred").status == 422
    assert back(shop.office, path, datetime(2026, 1, 1, tzinfo=UTC), "sundial").status == 422
    nobody = f"/v1/members/mbr_00000000000000000000000000/{what}"
    assert back(shop.office, nobody, datetime(2026, 1, 1, tzinfo=UTC), "recorded").status == 404


def test_the_member_sees_the_same_and_is_told_when_nothing_has_changed(shop: Shop) -> None:
    member = shop.enrol("MINE")
    shop.till.post("/v1/purchases", receipt(line(1200), card="MINE"), key=None)
    app, then = shop.member(member), datetime.now(UTC).isoformat()
    mine = back(app, "/v1/me/balance", then, "occurred")
    theirs = back(shop.office, f"/v1/members/{member}/balance", then, "occurred")
    assert mine.body == theirs.body
    assert mine["available"] == 12
    tag = mine.headers["ETag"]
    path = f"/v1/me/balance?{urlencode({'as_of': then, 'clock': 'occurred'})}"
    assert app.get(path, If_None_Match=tag).status == 304
    # Neither another moment, nor the other clock, nor the present is what that tag stands for.
    others = [path.replace("occurred", "recorded"), "/v1/me/balance"]
    assert [app.get(other, If_None_Match=tag).status for other in others] == [200, 200]
    late = receipt(line(500), card="MINE", at=datetime.fromisoformat(then) - timedelta(hours=1))
    shop.till.post("/v1/purchases", late, key=None)
    known = app.get(path, If_None_Match=tag)
    assert (known.status, known["available"]) == (200, 17)
    assert back(app, "/v1/me/balance", then, "recorded")["available"] == 12
    assert app.get("/v1/me/summary")["balance"]["available"] == 17


MEMBERS, PROGRAM = ("available", "pending", "held", "debt"), ("issued", "redeemed", "expired", "adjusted")


@given(st.lists(st.tuples(st.sampled_from(MEMBERS), st.sampled_from(PROGRAM), st.integers(-50, 50))))
def test_whatever_came_in_whatever_order_nothing_is_below_zero_and_the_sum_is_that_of_the_postings(
    moved: list[tuple[str, str, int]],
) -> None:
    sums: dict[str, int] = {}
    for mine, theirs, points in moved:
        sums[mine] = sums.get(mine, 0) + points
        sums[theirs] = sums.get(theirs, 0) - points
    found = account_of([(None, account, points) for account, points in sums.items()], []).balance
    assert min(found.available, found.pending, found.held, found.debt) >= 0
    own = found.available + found.pending + found.held - found.debt
    assert own == sum(sums.get(name, 0) for name in MEMBERS)
    assert own == found.earned + found.adjusted - found.spent - found.expired

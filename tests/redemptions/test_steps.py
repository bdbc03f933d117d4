"""Hold, capture, release, reverse: what each step answers, and what happens when it is asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from loyalty_api import jobs
from tests.purchases.racing import breaches
from tests.redemptions.till import earn, hold, opened, rich, step
from tests.support.calendar import Calendar
from tests.support.shop import Reply, Shop


@dataclass
class Counter:
    """A shop, its calendar, and a member with 500 points that expire after 30 days."""

    shop: Shop
    today: Calendar
    member: str

    def balance(self) -> tuple[int, int, int]:
        found = self.shop.balance(self.member)
        return found["available"], found["held"], found["debt"]


@pytest.fixture
def counter(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    today = opened(fresh_shop, monkeypatch, expire={"days": 30})
    yield Counter(fresh_shop, today, rich(fresh_shop, today, 500, "9500000000001"))
    assert breaches(fresh_shop) == []


def test_points_are_held_at_the_programs_price_and_captured(counter: Counter) -> None:
    till = counter.shop.till
    held = hold(till, counter.member, 2099)
    assert (held.status, held["status"], held["points"], held["amount"]) == (201, "held", 200, 2000)
    assert (held["rate"], held["next"]) == ({"points": 100, "amount": 1000}, ["capture", "release"])
    assert held["expires_at"] == "2031-05-05T10:15:00Z"
    assert [(lot["points"], lot["expires_at"]) for lot in held["lots"]] == [(200, "2031-06-05T00:00:00Z")]
    assert counter.balance() == (300, 200, 0)
    done = step(till, held, "capture")
    assert (done.status, done["status"], done["captured"]) == (
        200,
        "captured",
        {"points": 200, "amount": 2000},
    )
    assert done["balance"]["version"] == held["balance"]["version"] + 1
    assert counter.balance() == (300, 0, 0)
    assert counter.shop.balance(counter.member)["lifetime"]["spent"] == 200


def test_the_member_may_be_scanned_and_the_limit_may_be_in_points(counter: Counter) -> None:
    body = {"identifier": {"kind": "card", "value": "9500000000001"}, "for": "basket", "max_points": 350}
    held = counter.shop.till.post("/v1/redemptions", body)
    assert (held["points"], held["member_id"]) == (300, counter.member)
    assert (
        counter.shop.till.post("/v1/redemptions", {**body, "for": "points", "points": 200})["amount"] == 2000
    )


def test_a_part_is_captured_and_the_rest_is_let_go(counter: Counter) -> None:
    held = hold(counter.shop.till, counter.member, 3000)
    done = step(counter.shop.till, held, "capture", points=100)
    assert (done["captured"], counter.balance()) == ({"points": 100, "amount": 1000}, (400, 0, 0))
    assert step(counter.shop.till, held, "capture", points=101).code == "already_captured"


def test_repeating_a_step_answers_the_same(counter: Counter) -> None:
    till = counter.shop.till
    used, freed = hold(till, counter.member, 1000), hold(till, counter.member, 1000)
    for redemption, name in ((used, "capture"), (freed, "release")):
        first, again = step(till, redemption, name), step(till, redemption, name)
        assert (first.status, first.body) == (again.status, again.body)
    back, again = (step(till, used, "reverse", reason="mistake") for _ in range(2))
    assert back.body == again.body
    assert counter.balance() == (500, 0, 0)


def test_what_is_over_is_refused_by_its_own_name(counter: Counter) -> None:
    till, member = counter.shop.till, counter.member
    held, used, freed = (hold(till, member, 1000) for _ in range(3))
    step(till, used, "capture")
    step(till, freed, "release")

    def codes(redemption: Reply) -> list[str | None]:
        asked = [("capture", {}), ("release", {}), ("reverse", {"reason": "x"})]
        return [step(till, redemption, name, **body).code for name, body in asked]

    assert codes(freed) == ["already_released", None, "already_released"]
    assert step(till, held, "reverse", reason="x").code == "not_captured"
    assert step(till, used, "release").code == "already_captured"
    step(till, used, "reverse", reason="x")
    assert codes(used) == ["already_reversed", "already_reversed", None]
    assert step(till, "red_00000000000000000000000000", "capture").code == "redemption_unknown"


def test_used_points_go_back_in_parts_to_the_lots_they_came_from(counter: Counter) -> None:
    till = counter.shop.till
    earn(counter.shop, counter.today, 100, "9500000000001")
    held = hold(till, counter.member, 6000)
    assert [lot["points"] for lot in held["lots"]] == [500, 100]
    step(till, held, "capture")
    part = step(till, held, "reverse", reason="x", points=150)
    assert (part["status"], part["reversed"]) == ("partly_reversed", {"points": 150, "amount": 1500})
    expiring = counter.shop.balance(counter.member)["expiring"]
    assert [lot["points"] for lot in expiring] == [150]
    whole = step(till, held, "reverse", reason="x")
    assert (whole["status"], whole["reversed"]) == ("reversed", {"points": 600, "amount": 6000})
    assert counter.balance() == (600, 0, 0)


def test_an_expired_lot_that_gets_points_back_lives_for_the_grace(counter: Counter) -> None:
    held = hold(counter.shop.till, counter.member, 2000)
    step(counter.shop.till, held, "capture")
    counter.today.pass_by(days=40)
    assert counter.balance() == (0, 0, 0)
    back = step(counter.shop.till, held, "reverse", reason="x")
    assert back["lots"][0]["expires_at"] == "2031-06-29T00:00:00Z"
    assert counter.balance() == (200, 0, 0)
    counter.today.pass_by(days=15)
    assert counter.balance() == (0, 0, 0)


def test_a_hold_left_alone_returns_by_itself_without_any_job(counter: Counter) -> None:
    held = hold(counter.shop.till, counter.member, 2000)
    counter.today.pass_by(minutes=15)
    assert counter.balance() == (500, 0, 0)
    found = counter.shop.till.get(f"/v1/redemptions/{held['redemption_id']}")
    assert (found["status"], found["next"]) == ("expired", [])
    looked = counter.shop.till.post(
        "/v1/members/lookup", {"identifier": {"kind": "card", "value": "9500000000001"}}, key=None
    )
    assert looked["balance"]["available"] == 500
    assert step(counter.shop.till, held, "release")["status"] == "expired"
    # The next write of the member books it, dated when it was due.
    again = hold(counter.shop.till, counter.member, 5000)
    entries = counter.shop.office.get(f"/v1/members/{counter.member}/entries")["data"]
    assert [(e["kind"], e["occurred_at"]) for e in entries[:2]] == [
        ("hold", again["held_at"]), ("release", held["expires_at"]),
    ]  # fmt: skip


def test_points_whose_life_ends_while_they_are_held_die_when_the_hold_ends(counter: Counter) -> None:
    counter.today.on("2031-06-04T23:50:00+00:00")
    held = hold(counter.shop.till, counter.member, 5000)
    counter.today.pass_by(minutes=12)
    assert counter.balance() == (0, 500, 0)
    step(counter.shop.till, held, "release")
    assert counter.balance() == (0, 0, 0)


def test_a_capture_that_happened_inside_its_hold_is_accepted_late(counter: Counter) -> None:
    till, today = counter.shop.till, counter.today
    held = hold(till, counter.member, 2000)
    today.pass_by(hours=1)
    assert step(till, held, "capture", occurred_at=today.now.isoformat()).code == "hold_expired"
    inside = today.now - timedelta(minutes=50)
    done = step(till, held, "capture", occurred_at=inside.isoformat())
    assert (done["status"], done["captured"]["points"]) == ("captured", 200)
    assert counter.balance() == (300, 0, 0)


def test_a_hold_that_has_ended_is_refused_a_reversal_alike_before_and_after_that_is_noted(
    counter: Counter,
) -> None:
    till, today = counter.shop.till, counter.today
    held = hold(till, counter.member, 2000)
    today.pass_by(minutes=15)
    before = step(till, held, "reverse", reason="x")
    assert jobs.release_holds(counter.shop.database, now=today.now) == 1
    assert before.code == step(till, held, "reverse", reason="x").code == "hold_expired"


def test_points_that_were_spent_meanwhile_are_owed(counter: Counter) -> None:
    till, today, card = counter.shop.till, counter.today, "9500000000001"
    held, inside = hold(till, counter.member, 3000), today.now
    today.pass_by(hours=1)
    step(till, hold(till, counter.member, 4000), "capture")
    late = step(till, held, "capture", occurred_at=inside.isoformat())
    assert late["captured"] == {"points": 300, "amount": 3000}
    assert counter.balance() == (0, 0, 200)
    # Half of the debt is paid by a purchase; then everything is given back.
    earn(counter.shop, today, 100, card)
    assert counter.balance() == (0, 0, 100)
    step(till, held, "reverse", reason="x", points=50)
    assert counter.balance() == (0, 0, 50)
    step(till, held, "reverse", reason="x")
    assert counter.balance() == (200, 0, 0)


def test_the_program_may_refuse_late_captures(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    today = opened(fresh_shop, monkeypatch, redeem={"late_capture": "refuse_points"})
    member = rich(fresh_shop, today, 500, "9500000000001")
    held, inside = hold(fresh_shop.till, member, 2000), today.now
    today.pass_by(hours=1)
    assert step(fresh_shop.till, held, "capture", occurred_at=inside.isoformat()).code == "hold_expired"
    assert breaches(fresh_shop) == []


def test_each_refusal_says_what_would_make_it_work(counter: Counter) -> None:
    till, member = counter.shop.till, counter.member
    few = till.post("/v1/redemptions", {"member_id": member, "for": "points", "points": 700})
    assert (few.status, few.code, few["missing"], few["action"]) == (
        409, "insufficient_points", {"points": 200}, "proceed_without",
    )  # fmt: skip
    assert hold(till, member, 999).code == "below_minimum"
    poor = counter.shop.enrol()
    assert hold(till, poor, 9999)["missing"] == {"points": 100}
    odd = till.post("/v1/redemptions", {"member_id": member, "for": "points", "points": 150})
    assert (odd.status, odd["errors"][0]["pointer"]) == (422, "/points")
    assert till.post("/v1/redemptions", {"member_id": member, "for": "basket"}).status == 422
    assert hold(till, member, 1000, store="str_2").code == "store_not_allowed"
    counter.shop.office.post(f"/v1/members/{member}/block", {"reason": "fraud_suspected"})
    assert hold(till, member, 1000).code == "member_blocked"


def test_another_stores_hold_is_as_if_it_were_not_there(counter: Counter) -> None:
    held = hold(counter.shop.till, counter.member, 1000)
    other = counter.shop.caller("terminal", store="str_2")
    refused = step(other, held, "capture")
    assert (refused.status, refused.code) == (404, "redemption_unknown")
    assert other.get(f"/v1/redemptions/{held['redemption_id']}").code == "redemption_unknown"


def test_where_points_have_no_price_they_do_not_pay(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = opened(fresh_shop, monkeypatch, rate=None)
    member = rich(fresh_shop, today, 500, "9500000000001")
    assert hold(fresh_shop.till, member, 1000).code == "not_redeemable_here"


def test_the_app_sees_its_own_redemptions_and_nobody_elses(counter: Counter) -> None:
    app, stranger = counter.shop.member(counter.member), counter.shop.member(counter.shop.enrol())
    held = app.post("/v1/me/redemptions", {"for": "points", "points": 100})
    assert held["expires_at"] == "2031-05-06T10:00:00Z"
    path = f"/v1/me/redemptions/{held['redemption_id']}"
    assert app.get(path)["status"] == "held"
    assert stranger.get(path).code == "redemption_unknown"
    assert stranger.post(path + "/release").code == "redemption_unknown"
    for _ in range(2):
        hold(counter.shop.till, counter.member, 1000)
    first = app.get("/v1/me/redemptions?limit=2")
    second = app.get(f"/v1/me/redemptions?limit=2&cursor={first['next_cursor']}")
    assert [len(page["data"]) for page in (first, second)] == [2, 1]
    listed = counter.shop.office.get(f"/v1/members/{counter.member}/redemptions")["data"]
    assert [item["redemption_id"] for item in listed] == [
        item["redemption_id"] for item in (*first["data"], *second["data"])
    ]
    assert app.post(path + "/release")["status"] == "released"


def test_much_is_used_only_with_a_code_from_the_app(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, today = fresh_shop, opened(fresh_shop, monkeypatch, redeem={"verify_above": {"amount": 1000}})
    member = rich(shop, today, 900, "9500000000001")
    app = shop.member(member)

    def ask(code: str, amount: int = 2000) -> Reply:
        return hold(shop.till, member, amount, verification={"method": "app_code", "value": code})

    assert hold(shop.till, member, 1000).status == 201
    refused = hold(shop.till, member, 2000)
    assert (refused.status, refused.code, refused["action"]) == (403, "verification_required", "ask_member")
    code = app.post("/v1/me/code")["code"]
    assert ask(code).status == 201
    assert ask(code).code == "verification_required", "a code is used up"
    code = app.post("/v1/me/code")["code"]
    today.pass_by(minutes=5)
    assert ask(code).code == "verification_required", "it lives five minutes"
    code = app.post("/v1/me/code")["code"]
    for n in range(5):
        assert ask(f"{(int(code) + n + 1) % 10**6:06d}").code == "verification_required"
    assert ask(code).code == "verification_required", "too many were tried"
    assert app.post("/v1/me/redemptions", {"for": "points", "points": 300}).status == 201


def test_what_time_ended_is_noted_in_batches_and_told_once(counter: Counter) -> None:
    from loyalty_api.redemptions import service

    shop, today = counter.shop, counter.today
    members = [rich(shop, today, 200, f"950000000010{n}") for n in range(3)]
    for member in (*members, counter.member):
        hold(shop.till, member, 1000)
    today.pass_by(minutes=20)

    def run() -> int:
        with shop.database.unit_of_work() as session:
            return service.release_due(session, now=today.now, limit=3)

    assert [run(), run(), run()] == [3, 1, 0]
    told = [event["kind"] for event in shop.office.get("/v1/events?limit=200")["data"]]
    assert told.count("hold_expired") == 4

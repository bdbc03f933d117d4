"""Rewards: who can have which and why not, what a code is worth at a counter, and what an order goes through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.purchases.racing import breaches
from tests.redemptions.till import opened, rich, step
from tests.support.calendar import Calendar
from tests.support.shop import Caller, Reply, Shop


@dataclass
class Kiosk:
    """A shop with rewards, and a member with 500 points."""

    shop: Shop
    today: Calendar
    member: str
    app: Caller

    def offer(self, **more: Any) -> str:
        """A new reward of 200 points, and its id."""
        body = {"kind": "product", "name": {"en": "Coffee", "nb": "Kaffe"}, "price": {"points": 200}, **more}
        made = self.shop.office.post("/v1/rewards", body)
        assert made.status == 201, made.body
        found: str = made["reward_id"]
        return found

    def shown(self, reward: str, **query: str) -> dict[str, Any]:
        path = "/v1/me/rewards?" + "&".join(f"{k}={v}" for k, v in query.items())
        found: dict[str, Any] = next(r for r in self.app.get(path)["data"] if r["reward_id"] == reward)
        return found

    def why_not(self, reward: str, **query: str) -> list[str]:
        return [reason["code"] for reason in self.shown(reward, **query)["reasons"]]

    def wish(self, reward: str, quantity: int = 1) -> Reply:
        return self.app.post(
            "/v1/me/redemptions", {"for": "reward", "reward_id": reward, "quantity": quantity}
        )

    def at_till(self, reward: str, **more: Any) -> Reply:
        body = {"member_id": self.member, "for": "reward", "reward_id": reward, "store": "str_1", **more}
        return self.shop.till.post("/v1/redemptions", body)

    def left(self, reward: str) -> int | None:
        found: int | None = self.shop.office.get(f"/v1/rewards/{reward}")["stock"]
        return found

    def use(self, code: str, caller: Caller | None = None, **more: Any) -> Reply:
        return (caller or self.shop.till).post("/v1/codes/use", {"code": code, "store": "str_1", **more})

    def inspect(self, code: str) -> Reply:
        return self.shop.till.post("/v1/codes/inspect", {"code": code, "store": "str_1"}, key=None)


@pytest.fixture
def kiosk(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kiosk]:
    today = opened(fresh_shop, monkeypatch)
    member = rich(fresh_shop, today, 500, "9600000000001")
    yield Kiosk(fresh_shop, today, member, fresh_shop.member(member))
    assert breaches(fresh_shop) == []


def test_the_catalogue_is_kept_with_an_etag(kiosk: Kiosk) -> None:
    office, reward = kiosk.shop.office, kiosk.offer(stock=7)
    path = f"/v1/rewards/{reward}"
    found = office.get(path)
    assert (found["price"], found["stock"], found["status"]) == ({"points": 200, "money": None}, 7, "active")
    assert office.patch(path, {"stock": 8}).code == "precondition_required"
    edited = office.patch(path, {"stock": 8, "price": {"points": 300}}, If_Match=found.headers["ETag"])
    assert (edited["stock"], edited["price"]["points"], edited["name"]["nb"]) == (8, 300, "Kaffe")
    assert office.patch(path, {"stock": 9}, If_Match=found.headers["ETag"]).code == "precondition_failed"
    archived = office.post(path + "/archive", If_Match=edited.headers["ETag"])
    assert archived["status"] == "archived"
    assert kiosk.app.get("/v1/me/rewards")["data"] == []
    assert kiosk.wish(reward).code == "reward_not_available"
    assert office.get("/v1/rewards/rwd_00000000000000000000000000").code == "reward_unknown"
    ids = [kiosk.offer() for _ in range(3)]
    first = office.get("/v1/rewards?limit=2&status=active")
    rest = office.get(f"/v1/rewards?limit=2&status=active&cursor={first['next_cursor']}")
    assert [r["reward_id"] for r in (*first["data"], *rest["data"])] == ids
    assert (
        office.post("/v1/rewards", {"kind": "money_off", "name": {"en": "x"}, "price": {"points": 1}}).status
        == 422
    )


def test_a_member_sees_what_can_be_had_and_every_reason_against_the_rest(kiosk: Kiosk) -> None:
    here = kiosk.offer()
    shown = kiosk.shown(here)
    assert (shown["available"], shown["reasons"], shown["stock"], shown["name"]) == (
        True,
        [],
        "many",
        "Coffee",
    )
    assert kiosk.why_not(kiosk.offer(price={"points": 700})) == ["insufficient_points"]
    dear = kiosk.shown(kiosk.offer(price={"points": 700}, stock=3))
    assert (dear["missing_points"], dear["stock"]) == (200, "few")
    assert dear["reasons"][0]["text"] == "200 points missing."
    assert kiosk.why_not(kiosk.offer(valid_from="2031-06-01T00:00:00+00:00")) == ["not_yet_offered"]
    assert kiosk.why_not(kiosk.offer(valid_until="2031-05-01T00:00:00+00:00")) == ["no_longer_offered"]
    assert kiosk.why_not(kiosk.offer(audience={"tags": ["student"]}, stock=0)) == [
        "not_for_this_member", "reward_out_of_stock",
    ]  # fmt: skip
    elsewhere = kiosk.offer(stores=["str_2"])
    assert kiosk.why_not(elsewhere) == []
    assert kiosk.why_not(elsewhere, store="str_1") == ["not_in_this_store"]
    assert kiosk.at_till(elsewhere).code == "reward_not_available"
    listed = kiosk.shop.office.get(f"/v1/members/{kiosk.member}/rewards")["data"]
    assert [item["reward_id"] for item in listed] == [
        item["reward_id"] for item in kiosk.app.get("/v1/me/rewards")["data"]
    ]


def test_a_code_from_the_app_is_used_at_the_counter_once(kiosk: Kiosk) -> None:
    held = kiosk.wish(kiosk.offer())
    code = held["code"]
    assert (held["status"], held["points"], held["amount"], len(code)) == ("held", 200, None, 21)
    assert held["reward"]["name"] == "Coffee"
    found = kiosk.inspect(code.lower().replace("-", " "))
    assert (found["usable"], found["member_id"], found["reward"]["name"]) == (True, kiosk.member, "Coffee")
    assert code not in str(found.body)
    used = kiosk.use(code, reference="004711")
    assert (used.status, used["redemption_status"], used["usable"]) == (200, "captured", False)
    assert used["used"]["reference"] == "004711"
    assert kiosk.use(code).code == "code_used"
    assert kiosk.inspect(code)["reason"]["code"] == "code_used"
    assert kiosk.app.get(f"/v1/me/redemptions/{held['redemption_id']}")["code"] is None
    assert kiosk.shop.balance(kiosk.member)["lifetime"]["spent"] == 200


def test_codes_that_never_were_are_answered_like_mistyped_ones_and_limited(kiosk: Kiosk) -> None:
    code = kiosk.wish(kiosk.offer())["code"]
    other = "3" if code[0] == "2" else "2"
    never = kiosk.inspect("22222-22222-2222-2222")
    mistyped = kiosk.inspect(other + code[1:])
    same = ("status", "code", "title", "detail", "action")
    assert [never[name] for name in same] == [mistyped[name] for name in same]
    assert never.code == "code_unknown"
    till = kiosk.shop.caller("terminal", store="str_2")
    answers = {till.post("/v1/codes/inspect", {"code": f"{n}"}, key=None).status for n in range(100)}
    assert answers == {404, 429}
    assert kiosk.inspect(code).status == 200, "another client is not stopped"


def test_a_code_dies_with_its_hold_or_its_redemption(kiosk: Kiosk) -> None:
    reward = kiosk.offer()
    left, cancelled = kiosk.wish(reward), kiosk.wish(reward)
    kiosk.app.post(f"/v1/me/redemptions/{cancelled['redemption_id']}/release")
    assert kiosk.use(cancelled["code"]).code == "code_cancelled"
    kiosk.today.pass_by(hours=24)
    assert kiosk.use(left["code"]).code == "code_expired"
    assert kiosk.shop.balance(kiosk.member)["available"] == 500


def test_a_till_gets_the_code_once_when_it_captures(kiosk: Kiosk) -> None:
    held = kiosk.at_till(kiosk.offer(kind="money_off", value={"amount": 2500}))
    assert held["code"].startswith("…")
    captured = step(kiosk.shop.till, held, "capture")
    assert len(captured["code"]) == 21
    assert step(kiosk.shop.till, held, "capture")["code"].startswith("…")
    assert kiosk.app.get(f"/v1/me/redemptions/{held['redemption_id']}")["code"] == captured["code"]
    found = kiosk.inspect(captured["code"])
    assert (found["usable"], found["reward"]["value"]) == (True, {"amount": 2500})


def test_stock_is_taken_by_a_hold_and_comes_back_however_it_ends(kiosk: Kiosk) -> None:
    reward = kiosk.offer(stock=2)
    first, second = kiosk.wish(reward), kiosk.wish(reward)
    assert kiosk.left(reward) == 0
    assert kiosk.why_not(reward) == ["reward_out_of_stock", "insufficient_points"]
    kiosk.app.post(f"/v1/me/redemptions/{first['redemption_id']}/release")
    assert kiosk.left(reward) == 1
    step(kiosk.shop.office, second, "capture")
    assert kiosk.left(reward) == 1
    step(kiosk.shop.office, second, "reverse", reason="stale")
    assert kiosk.left(reward) == 2
    kiosk.wish(reward, quantity=2)
    refused = kiosk.wish(reward)
    assert refused.code == "insufficient_points"
    kiosk.today.pass_by(hours=24)
    # Nobody has noted it yet: the member sees it all the same, and whoever asks next gets it.
    assert (kiosk.left(reward), kiosk.shown(reward)["stock"]) == (0, "few")
    assert kiosk.wish(reward, quantity=2).status == 201
    assert kiosk.wish(kiosk.offer(stock=1), quantity=2).code == "insufficient_points"


def test_a_reward_that_has_run_out_is_refused_and_nothing_is_held(kiosk: Kiosk) -> None:
    refused = kiosk.wish(kiosk.offer(stock=1), quantity=2)
    assert (refused.status, refused.code, refused["action"]) == (
        409,
        "reward_out_of_stock",
        "proceed_without",
    )
    assert kiosk.shop.balance(kiosk.member)["held"] == 0


def test_a_members_limit_counts_by_the_programs_calendar_and_comes_back(kiosk: Kiosk) -> None:
    reward = kiosk.offer(price={"points": 10}, limit={"number": 2, "per": "day"})
    kiosk.wish(reward)
    second = kiosk.wish(reward)
    refused = kiosk.wish(reward)
    assert (refused.status, refused.code) == (409, "member_limit_reached")
    kiosk.app.post(f"/v1/me/redemptions/{second['redemption_id']}/release")
    assert kiosk.wish(reward).status == 201
    assert kiosk.why_not(reward) == ["member_limit_reached"]
    kiosk.today.on("2031-05-06T00:00:00+00:00")
    assert kiosk.wish(reward, quantity=2).status == 201
    ever = kiosk.offer(price={"points": 10}, limit={"number": 1, "per": "ever"})
    step(kiosk.shop.office, kiosk.wish(ever), "capture")
    kiosk.today.pass_by(days=900)
    assert kiosk.wish(ever).code == "member_limit_reached"


def test_an_order_is_made_ready_and_handed_over(kiosk: Kiosk) -> None:
    till, held = kiosk.shop.till, kiosk.at_till(kiosk.offer(fulfilment="pickup"))
    assert (held["code"], held["order"]) == (None, None)
    order = step(till, held, "capture")["order"]
    assert order["state"] == "issued"
    assert [o["order_id"] for o in till.get("/v1/orders?state=issued")["data"]] == [order["order_id"]]
    path = f"/v1/orders/{order['order_id']}"
    elsewhere = kiosk.shop.caller("terminal", store="str_2")
    assert elsewhere.get("/v1/orders")["data"] == []
    assert elsewhere.post(path + "/ready").code == "order_unknown"
    assert [till.post(path + "/ready")["state"] for _ in range(2)] == ["ready", "ready"]
    assert till.post(path + "/hand-over")["state"] == "handed_over"
    assert till.post(path + "/ready").code == "order_closed"
    assert till.post(path + "/cancel", {"reason": "late"}).code == "order_closed"
    told = [event["kind"] for event in kiosk.shop.office.get("/v1/events?limit=200")["data"]]
    assert told[-3:] == ["points_redeemed", "reward_ready", "reward_handed_over"]


def test_a_member_orders_in_the_app_and_a_cancelled_order_gives_everything_back(kiosk: Kiosk) -> None:
    reward = kiosk.offer(fulfilment="delivery", stock=1, limit={"number": 1, "per": "ever"})
    held = kiosk.wish(reward)
    confirmed = kiosk.app.post(f"/v1/me/redemptions/{held['redemption_id']}/capture")
    order = confirmed["order"]["order_id"]
    cancelled = kiosk.shop.office.post(f"/v1/orders/{order}/cancel", {"reason": "broken"})
    assert cancelled["state"] == "cancelled"
    assert kiosk.app.get(f"/v1/me/redemptions/{held['redemption_id']}")["status"] == "reversed"
    assert (kiosk.left(reward), kiosk.shop.balance(kiosk.member)["available"]) == (1, 500)
    assert kiosk.wish(reward).status == 201


def test_a_reward_captured_late_takes_its_piece_again(kiosk: Kiosk) -> None:
    reward, inside = kiosk.offer(stock=1), kiosk.today.now
    held = kiosk.at_till(reward)
    kiosk.today.pass_by(hours=1)
    assert kiosk.wish(reward).status == 201
    late = step(kiosk.shop.till, held, "capture", occurred_at=inside.isoformat())
    assert late.code == "reward_out_of_stock"
    office = kiosk.shop.office
    etag = office.get(f"/v1/rewards/{reward}").headers["ETag"]
    office.patch(f"/v1/rewards/{reward}", {"stock": 1}, If_Match=etag)
    late = step(kiosk.shop.till, held, "capture", occurred_at=inside.isoformat())
    assert (late["status"], kiosk.left(reward)) == ("captured", 0)

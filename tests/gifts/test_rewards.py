"""Gifts of rewards: a piece is kept from the grant on, and whoever takes the gift has the reward and pays nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import psycopg
import pytest

from loyalty_api import ids, jobs
from loyalty_api.db import driver
from loyalty_api.purchases.gifting import open_rewards
from loyalty_api.rating.rules_program import compile_program
from loyalty_api.rulekit.facts import Facts, Member
from loyalty_api.rulekit.stored import decision_from_json, facts_from_json, facts_to_json
from tests.batches.test_batch import item
from tests.gifts.shop import buy, named, only
from tests.gifts.test_granting import give
from tests.purchases.racing import at_once, breaches, insisting, patiently
from tests.returns import selling as returns
from tests.support.shop import BASIC, Reply, Shop, line, receipt

MISSING = "rwd_00000000000000000000000000"
OTHER = {"id": "other", "trigger": {"purchase": {}}, "give": {"product": {"text": "Cake"}}}


@dataclass(frozen=True)
class Kiosk:
    """The shop, and its rewards by name."""

    shop: Shop
    rewards: dict[str, str]

    def left(self, name: str) -> int | None:
        found: int | None = self.shop.office.get(f"/v1/rewards/{self.rewards[name]}")["stock"]
        return found

    def stock(self, name: str, left: int) -> None:
        path = f"/v1/rewards/{self.rewards[name]}"
        found = self.shop.office.get(path)
        assert self.shop.office.patch(path, {"stock": left}, If_Match=found.headers["ETag"]).status == 200

    def given(self, tag: str) -> tuple[str, Reply, str]:
        """A member with this tag who has bought something: the member, the purchase and the gift."""
        card, member = named(self.shop, tag)
        purchase = buy(self.shop, card, line(1000), line(500, sku="apple", line_id="2"))
        return member, purchase, purchase["gifts"][0]["gift_id"]

    def claim(self, member: str, gift: str) -> Reply:
        reply = self.shop.member(member).post(f"/v1/me/gifts/{gift}/claim")
        assert reply.status == 200, reply.body
        return reply

    def hand_over(self, gift: str) -> Reply:
        return self.shop.till.post(f"/v1/gifts/{gift}/hand-over", {"store": "str_1"})

    def gift(self, member: str, gift: str) -> dict[str, Any]:
        found: dict[str, Any] = self.shop.office.get(f"/v1/members/{member}/gifts/{gift}").body
        return found

    def use(self, code: str) -> Reply:
        return self.shop.till.post("/v1/codes/use", {"code": code, "store": "str_1"})

    def redemption(self, shown: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.shop.office.get(f"/v1/redemptions/{shown['redemption_id']}").body
        return found

    def void(self, purchase: Reply) -> Reply:
        reply = self.shop.till.post(f"/v1/purchases/{purchase['purchase_id']}/void", {"reason": "mistake"})
        assert reply.status == 201, reply.body
        return reply

    def run(self, sql: str, *params: Any) -> Any:
        with self.shop.database.unit_of_work() as session:
            found = driver(session).execute(sql, params)
            return found.fetchall() if found.description else None


OFFERS: dict[str, dict[str, Any]] = {
    "coffee": {"name": {"en": "A coffee", "nb": "En kaffe"}, "audience": {"tags": ["nobody"]}},
    "mug": {"name": {"en": "A mug"}, "stock": 1000, "limit": {"number": 1, "per": "ever"}},
    "parcel": {"name": {"en": "A parcel"}, "stock": 1000, "fulfilment": "delivery"},
    "tree": {"kind": "donation", "name": {"en": "A tree"}},
    "cake": {"name": {"en": "A cake"}, "stock": 3},
    "ended": {"name": {"en": "Old"}, "valid_until": "2020-01-01T00:00:00+00:00"},
    "later": {"name": {"en": "New"}, "valid_from": "2099-01-01T00:00:00+00:00"},
    "elsewhere": {"name": {"en": "There"}, "stores": ["str_2"]},
}


def rules(rewards: dict[str, str]) -> list[dict[str, Any]]:
    at_tills = [
        {"id": name, "trigger": {"purchase": {}}, "when": only(name), "give": {"reward": reward}, "cost": 300}
        for name, reward in {**rewards, "gone": MISSING}.items()
    ]
    return [
        *at_tills,
        {"id": "second", "trigger": {"purchase": {}}, "when": only("two"), "give": {"reward": rewards["cake"]}},
        {"id": "first", "trigger": {"purchase": {}}, "when": only("two"), "give": {"reward": rewards["cake"]}},
        {"id": "event", "trigger": {"event": "cheer"}, "give": {"reward": rewards["cake"]}, "stock": 1000},
        {
            "id": "daily", "trigger": {"event": "cheer"}, "give": {"reward": rewards["mug"]},
            "caps": [{"times": 1, "per": "day"}],
        },
        {"id": "treat", "trigger": {"staff": {"per_day": 100}}, "give": {"reward": rewards["mug"]}},
        {"id": "moved", "trigger": {"event": "moved"}, "give": {"reward": rewards["mug"]}},
        {"id": "listed", "trigger": {"list": {}}, "give": {"reward": rewards["mug"]}},
        {"id": "hand", "trigger": {"staff": {"per_day": 100}}, "give": {"reward": rewards["elsewhere"]}},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def counter(shop: Shop) -> Iterator[Kiosk]:
    rewards = {}
    for name, offer in OFFERS.items():
        made = shop.office.post("/v1/rewards", {"kind": "product", "price": {"points": 500}, **offer})
        assert made.status == 201, made.body
        rewards[name] = made["reward_id"]
    document = {**BASIC, "gifts": {"rules": rules(rewards)}}
    shop.publish(document, effective_from=datetime.now(UTC) - timedelta(days=2))
    yield Kiosk(shop, rewards)
    assert breaches(shop) == []


def why_not(counter: Kiosk, purchase: Reply) -> list[str]:
    """What kept rules from giving something with a purchase that they were about."""
    row = counter.run(
        "SELECT decision FROM purchases WHERE purchase_id = %s", ids.read("pur", purchase["purchase_id"])
    )
    return [reason.code for reason in decision_from_json(row[0][0]).reasons if reason.outcome == "capped"]


def test_who_takes_the_gift_has_the_reward_with_its_code_and_pays_nothing(counter: Kiosk) -> None:
    member, purchase, gift = counter.given("coffee")
    app, before = counter.shop.member(member), counter.shop.balance(member)
    assert purchase["gifts"][0]["name"] == "A coffee"
    assert app.get("/v1/me/redemptions")["data"] == []
    claimed = [counter.claim(member, gift) for _ in range(2)]
    shown = claimed[0]["redemption"]
    assert [one["redemption"] for one in claimed] == [shown, shown]
    assert (claimed[0]["state"], claimed[0]["title"]) == ("handed_over", "A coffee")
    assert (shown["status"], shown["expires_at"]) == ("held", claimed[0]["expires_at"])
    (listed,) = app.get("/v1/me/redemptions")["data"]
    assert (listed["code"], listed["points"], listed["reward"]["name"]) == (shown["code"], 0, "A coffee")
    assert counter.gift(member, gift)["redemption"]["code"] == "…" + shown["code"][-4:]
    assert counter.use(shown["code"])["redemption_status"] == "captured"
    assert counter.use(shown["code"]).code == "code_used"
    assert counter.hand_over(gift).code == "gift_handed_over"
    after = counter.gift(member, gift)["redemption"]
    assert (after["status"], after["code"], after["expires_at"]) == ("captured", None, None)
    balance = counter.shop.balance(member)
    assert (balance["available"], balance["lifetime"]) == (before["available"], before["lifetime"])
    assert [item["kind"] for item in app.get("/v1/me/activity")["data"]] == ["purchase"]
    assert counter.run("SELECT count(*) FROM journals WHERE cause_type = 'redemption'") == [(0,)]


def test_a_hand_at_the_counter_collects_it_whether_it_was_claimed_or_not(counter: Kiosk) -> None:
    _, _, gift = counter.given("coffee")
    handed = counter.hand_over(gift)
    assert (handed["state"], handed["store"], handed["redemption"]["status"]) == (
        "handed_over",
        "str_1",
        "captured",
    )
    assert counter.hand_over(gift).code == "gift_handed_over"
    member, _, gift = counter.given("coffee")
    code = counter.claim(member, gift)["redemption"]["code"]
    assert counter.hand_over(gift)["redemption"]["status"] == "captured"
    assert counter.use(code).code == "code_used"
    assert counter.hand_over(gift).code == "gift_handed_over"


def test_of_sixty_four_who_take_it_at_once_one_does(counter: Kiosk) -> None:
    member, _, gift = counter.given("mug")
    left = counter.left("mug")
    app = counter.shop.member(member)
    claims = [insisting(app, f"/v1/me/gifts/{gift}/claim") for _ in range(32)]
    hands = [
        insisting(counter.shop.till, f"/v1/gifts/{gift}/hand-over", {"store": "str_1"}) for _ in range(32)
    ]
    answers = at_once(*claims, *hands)
    assert len({one["redemption"]["redemption_id"] for one in answers if one.status == 200}) == 1
    assert Counter(one.code for one in answers[32:]) == {None: 1, "gift_handed_over": 31}
    assert counter.left("mug") == left
    kinds = "SELECT kind FROM events WHERE subject = %s AND kind = 'points_redeemed'"
    assert counter.run(kinds, answers[0]["redemption"]["redemption_id"]) == [("points_redeemed",)]


def test_of_the_last_pieces_none_is_given_twice(counter: Kiosk) -> None:
    counter.stock("cake", 5)
    cards = [named(counter.shop, "cake")[0] for _ in range(16)]
    members = [named(counter.shop)[1] for _ in range(16)]
    sales = [
        insisting(counter.shop.till, "/v1/purchases", receipt(card=card), key=None)
        for card in cards
        for _ in (1, 2)
    ]
    grants = [partial(patiently, give, counter.shop, member, "event") for member in members for _ in (1, 2)]
    found: list[Any] = at_once(*sales, *grants)
    sold, granted = found[:32], found[32:]
    assert {one.status for one in sold} == {201}
    assert {one.refused for one in granted} <= {None, "reward_out_of_stock"}
    given = sum(len(one["gifts"]) for one in sold) + sum(one.gift is not None for one in granted)
    assert (given, counter.left("cake")) == (5, 0)
    assert counter.run("SELECT coalesce(sum(taken), 0) FROM rule_limits WHERE key = 'event:stock'") == [
        (sum(one.gift is not None for one in granted),)
    ]
    assert why_not(counter, buy(counter.shop, cards[0])) == ["reward_out_of_stock"]


def test_many_purchases_at_once_and_two_gifts_of_one_reward_share_what_is_left(counter: Kiosk) -> None:
    counter.stock("cake", 3)
    cards = [named(counter.shop, "two")[0] for _ in range(2)]
    sales = [receipt(card=card) for card in cards]
    lines = counter.shop.till.upload("POST", "/v1/batch", [item("purchase", sale) for sale in sales]).lines
    assert [one["status"] for one in lines] == ["created"] * 2
    again = [counter.shop.till.post("/v1/purchases", sale, key=None) for sale in sales]
    assert [[gift["rule"] for gift in one["gifts"]] for one in again] == [["second", "first"], ["second"]]
    assert counter.left("cake") == 0
    counter.stock("cake", 1)
    alone = buy(counter.shop, cards[0])
    assert ([gift["rule"] for gift in alone["gifts"]], why_not(counter, alone)) == (
        ["second"],
        ["reward_out_of_stock"],
    )


def test_what_cannot_be_had_is_not_given_and_says_why(counter: Kiosk) -> None:
    for name, code in {
        "gone": "reward_unknown", "ended": "no_longer_offered", "later": "not_yet_offered",
        "elsewhere": "not_in_this_store",
    }.items():  # fmt: skip
        purchase = buy(counter.shop, named(counter.shop, name)[0])
        assert (purchase["gifts"], why_not(counter, purchase)) == ([], [code])
    member = named(counter.shop)[1]
    wish = {"rule": "hand", "reason": "kind", "staff_ref": "c-70", "store": "str_1"}
    refused = counter.shop.caller("staff").post(f"/v1/members/{member}/gifts", wish)
    assert (refused.code, refused["errors"][0]["code"]) == ("gift_refused", "not_in_this_store")


def test_what_is_refused_after_all_keeps_no_piece(counter: Kiosk) -> None:
    member, left = named(counter.shop)[1], counter.left("mug") or 0
    facts = Facts(Member())
    assert give(counter.shop, member, "daily", facts=facts).gift is not None
    assert give(counter.shop, member, "daily", facts=facts).refused == "gift_had"
    assert counter.left("mug") == left - 1


def test_a_void_takes_it_back_until_it_is_collected(counter: Kiosk) -> None:
    left = counter.left("mug") or 0
    waiting, claimed, collected = (counter.given("mug") for _ in range(3))
    code = counter.claim(*claimed[::2])["redemption"]["code"]
    counter.hand_over(collected[2])
    assert counter.left("mug") == left - 3
    statuses = [counter.void(one[1])["gifts"][0]["status"] for one in (waiting, claimed, collected)]
    assert (statuses, counter.left("mug")) == (["taken_back", "taken_back", "used"], left - 1)
    assert counter.use(code).code == "code_cancelled"
    assert counter.gift(*claimed[::2])["redemption"]["status"] == "released"


def test_a_return_that_is_undone_gives_it_again_as_it_was(counter: Kiosk) -> None:
    for claims in (False, True):
        member, purchase, gift = counter.given("mug")
        shown = counter.claim(member, gift)["redemption"] if claims else None
        left = counter.left("mug") or 0
        back = returns.bring(counter.shop, returns.goods({"purchase_id": purchase["purchase_id"]}))
        assert (back["gifts"][0]["status"], counter.left("mug")) == ("taken_back", left + 1)
        other = counter.shop.caller("terminal", store="str_2")
        assert other.post(f"/v1/returns/{back['return_id']}/void", {"reason": "mistake"}).status == 201
        assert counter.left("mug") == left
        assert counter.gift(member, gift)["state"] == ("handed_over" if claims else "granted")
        again = counter.claim(member, gift)["redemption"]
        assert again["status"] == "held"
        assert shown is None or again == shown


def test_a_parcel_is_ordered_when_it_is_claimed_and_cancelled_while_it_is_not_sent(counter: Kiosk) -> None:
    left = counter.left("parcel") or 0
    found = [counter.given("parcel") for _ in range(2)]
    shown = [counter.claim(member, gift)["redemption"] for member, _, gift in found]
    assert [(one["status"], one["code"]) for one in shown] == [("captured", None)] * 2
    assert counter.shop.till.post(f"/v1/orders/{shown[0]['order_id']}/hand-over").status == 200
    assert [counter.void(one[1])["gifts"][0]["status"] for one in found] == ["used", "taken_back"]
    assert counter.redemption(shown[1])["order"]["state"] == "cancelled"
    assert counter.redemption(shown[1])["status"] == "reversed"
    assert counter.left("parcel") == left - 1
    member, _, gift = counter.given("tree")
    assert counter.claim(member, gift)["redemption"]["status"] == "captured"


def test_time_gives_the_piece_back_and_no_points(counter: Kiosk) -> None:
    left = counter.left("mug") or 0
    (idle, _, unclaimed), (member, _, gift) = (counter.given("mug") for _ in range(2))
    shown = counter.claim(member, gift)["redemption"]
    before = counter.shop.balance(member)["available"]
    over = "UPDATE {} SET expires_at = now() - interval '1 second' WHERE {} = %s"
    counter.run(over.format("gifts", "gift_id"), ids.read("gft", unclaimed))
    counter.run(over.format("redemptions", "redemption_id"), ids.read("red", shown["redemption_id"]))
    assert counter.hand_over(gift).code == "gift_expired"
    inspected = counter.shop.till.post(
        "/v1/codes/inspect", {"code": shown["code"], "store": "str_1"}, key=None
    )
    assert inspected["reason"] == {"code": "code_expired", "text": "This code has expired."}
    for _ in range(2):
        jobs.release_holds(counter.shop.database, now=datetime.now(UTC))
    assert counter.left("mug") == left
    assert counter.gift(idle, unclaimed)["state"] == "expired"
    assert counter.redemption(shown)["status"] == "expired"
    assert counter.shop.balance(member)["available"] == before


def test_a_redemption_that_nobody_paid_for_gives_no_points_back(counter: Kiosk) -> None:
    (member, _, gift), (other, _, second) = (counter.given("mug") for _ in range(2))
    before, left = counter.shop.balance(member)["available"], counter.left("mug") or 0
    let_go = counter.claim(member, gift)["redemption"]["redemption_id"]
    used = counter.claim(other, second)["redemption"]["redemption_id"]
    till = counter.shop.till
    assert [till.post(f"/v1/redemptions/{let_go}/release")["status"] for _ in range(2)] == ["released"] * 2
    assert till.post(f"/v1/redemptions/{used}/capture")["status"] == "captured"
    bought = counter.shop.office.post(f"/v1/members/{other}/adjustments", {"points": 500, "reason": "other"})
    wish = {"for": "reward", "reward_id": counter.rewards["mug"]}
    assert (bought.status, counter.shop.member(other).post("/v1/me/redemptions", wish).status) == (201, 201)
    back = [till.post(f"/v1/redemptions/{used}/reverse", {"reason": "broken"}) for _ in range(2)]
    assert [one["status"] for one in back] == ["reversed"] * 2
    assert counter.shop.balance(member)["available"] == before
    assert counter.left("mug") == left + 2 - 1


def test_staff_events_and_lists_give_rewards_in_the_same_way(counter: Kiosk) -> None:
    office, left = counter.shop.office, counter.left("mug") or 0
    by_hand, by_event, by_list = (counter.shop.enrol() for _ in range(3))
    wish = {"rule": "treat", "reason": "kind", "staff_ref": "c-71", "store": "str_1"}
    assert counter.shop.caller("staff").post(f"/v1/members/{by_hand}/gifts", wish).status == 201
    told = {
        "member_id": by_event,
        "event": "moved",
        "occurred_at": datetime.now(UTC).isoformat(),
        "reference": "m",
    }
    assert office.post("/v1/events", told).status == 201
    listed = office.post("/v1/gift-lists", {"rule": "listed", "name": "Spring"})["list_id"]
    office.upload("POST", f"/v1/gift-lists/{listed}/members", [{"member_id": by_list}])
    vault = counter.shop.app.extensions["vault"]
    assert jobs.grant_gifts(counter.shop.database, vault, now=datetime.now(UTC)).given == 1
    assert counter.left("mug") == left - 3
    for member in (by_hand, by_event, by_list):
        (gift,) = office.get(f"/v1/members/{member}/gifts")["data"]
        assert gift["title"] == "A mug"
        assert counter.claim(member, gift["gift_id"])["redemption"]["status"] == "held"
    assert counter.left("mug") == left - 3


def test_lint_names_gifts_whose_reward_is_not_there(counter: Kiosk) -> None:
    office = counter.shop.office
    named_ones = {"lost": MISSING, "past": counter.rewards["ended"], "fine": counter.rewards["mug"]}
    said = [
        {"id": name, "trigger": {"list": {}}, "give": {"reward": reward}}
        for name, reward in named_ones.items()
    ]
    draft = office.post("/v1/program/versions", {"document": {**BASIC, "gifts": {"rules": said}}})
    found = office.post(f"/v1/program/versions/{draft['program_version_id']}/lint")["findings"]
    told = {
        one["code"]: (one["severity"], one["rules"]) for one in found if one["code"].startswith("gift_of")
    }
    assert told == {"gift_of_no_reward": ("error", ["lost"]), "gift_of_past_reward": ("warning", ["past"])}


def test_a_purchase_may_name_it_among_its_payments_and_no_points_come_back_with_it(counter: Kiosk) -> None:
    card, member = named(counter.shop, "coffee")
    gift = buy(counter.shop, card)["gifts"][0]["gift_id"]
    red = counter.claim(member, gift)["redemption"]["redemption_id"]
    before = counter.shop.balance(member)["available"]
    paid = [{"kind": "cash", "amount": 1000}, {"kind": "points", "amount": 0, "redemption_id": red}]
    purchase = buy(counter.shop, card, payments=paid)
    assert purchase["redemptions"] == [{"redemption_id": red, "status": "captured", "points": 0, "amount": 0}]
    assert purchase["discrepancies"] == []
    counter.void(purchase)
    assert counter.shop.balance(member)["available"] == before


def test_what_gives_no_reward_reads_no_reward() -> None:
    program = compile_program({**BASIC, "gifts": {"rules": [OTHER]}}, version=1)
    nowhere = cast("psycopg.Connection[Any]", None)
    assert open_rewards(nowhere, [program, None], hold=True, now=datetime.now(UTC)) is None


def test_what_stands_against_a_reward_is_kept_with_the_facts() -> None:
    facts = Facts(Member(), no_reward={"coffee": "reward_unknown"})
    assert facts_from_json(facts_to_json(facts)) == facts

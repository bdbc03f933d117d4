"""Many tills on the same points, the same piece and the same code: real threads, each on a connection of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from loyalty_api import clock
from loyalty_api.redemptions import service
from tests.purchases.racing import at_once, breaches, insisting, patiently
from tests.redemptions.till import RATE
from tests.support.documents import with_lots
from tests.support.shop import Caller, Reply, Shop, line, receipt

AT_ONCE = 64


@pytest.fixture(scope="module")
def counter(shop: Shop) -> Shop:
    """A shop in which 100 points are worth 10.00."""
    shop.publish(with_lots(redeem={"rate": RATE}), effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    return shop


def with_points(shop: Shop, points: int, card: str) -> str:
    member = shop.enrol(card)
    assert shop.till.post("/v1/purchases", receipt(line(points * 100), card=card), key=None).status == 201
    return member


def all_at_once(caller: Caller, path: str, body: dict[str, Any], number: int = AT_ONCE) -> list[Reply]:
    return at_once(*(insisting(caller, path, body) for _ in range(number)))


def codes(answers: list[Reply]) -> Counter[str | int | None]:
    return Counter(answer.code if answer.status >= 400 else answer.status for answer in answers)


def test_64_redemptions_on_one_member_take_exactly_what_there_is(counter: Shop) -> None:
    member = with_points(counter, 2300, "RED1")
    body = {"member_id": member, "for": "points", "points": 100, "store": "str_1"}
    answers = all_at_once(counter.till, "/v1/redemptions", body)
    assert codes(answers) == {201: 23, "insufficient_points": 41}
    balance = counter.balance(member)
    assert (balance["available"], balance["held"]) == (0, 2300)
    assert breaches(counter) == []


def test_64_members_on_the_last_pieces_leave_none_and_take_no_more(counter: Shop) -> None:
    reward = counter.office.post(
        "/v1/rewards", {"kind": "product", "name": {"en": "Mug"}, "price": {"points": 10}, "stock": 5}
    )["reward_id"]
    members = [with_points(counter, 10, f"RED2-{n}") for n in range(16)]
    wish = {"for": "reward", "reward_id": reward, "store": "str_1"}
    answers = at_once(
        *(
            insisting(counter.till, "/v1/redemptions", {**wish, "member_id": members[n % 16]})
            for n in range(AT_ONCE)
        )
    )
    taken = [answer for answer in answers if answer.status == 201]
    assert len(taken) == 5
    assert set(codes(answers)) <= {201, "reward_out_of_stock", "insufficient_points"}
    assert counter.office.get(f"/v1/rewards/{reward}")["stock"] == 0
    assert sum(counter.balance(member)["held"] for member in members) == 50
    assert breaches(counter) == []


def test_who_wants_the_last_piece_while_it_is_put_back_is_told_to_come_again(counter: Shop) -> None:
    reward = counter.office.post(
        "/v1/rewards", {"kind": "product", "name": {"en": "Mug"}, "price": {"points": 10}, "stock": 1}
    )["reward_id"]
    first, second = (with_points(counter, 10, f"RED9-{n}") for n in range(2))
    wish = {"for": "reward", "reward_id": reward, "store": "str_1"}
    held = counter.till.post("/v1/redemptions", {**wish, "member_id": first})
    ended = datetime.fromisoformat(held["expires_at"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: ended)
        with counter.database.unit_of_work() as session:
            assert service.release_due(session, now=ended, limit=1000) > 0
            meanwhile = counter.till.post("/v1/redemptions", {**wish, "member_id": second})
        assert (meanwhile.status, meanwhile.code) == (503, "unavailable")
        assert counter.till.post("/v1/redemptions", {**wish, "member_id": second}).status == 201
    assert breaches(counter) == []


def test_64_tills_with_one_code_use_it_once(counter: Shop) -> None:
    reward = counter.office.post(
        "/v1/rewards", {"kind": "product", "name": {"en": "Mug"}, "price": {"points": 10}}
    )["reward_id"]
    member = with_points(counter, 50, "RED3")
    wish = {"for": "reward", "reward_id": reward}
    code = counter.member(member).post("/v1/me/redemptions", wish)["code"]
    answers = all_at_once(counter.till, "/v1/codes/use", {"code": code, "store": "str_1"})
    assert codes(answers) == {200: 1, "code_used": 63}
    assert counter.balance(member)["lifetime"]["spent"] == 10
    assert breaches(counter) == []


def test_of_capture_release_and_the_end_of_a_hold_one_wins(counter: Shop) -> None:
    member = with_points(counter, 1000, "RED4")
    for _ in range(8):
        body = {"member_id": member, "for": "points", "points": 100, "store": "str_1"}
        held = counter.till.post("/v1/redemptions", body)
        path = f"/v1/redemptions/{held['redemption_id']}"
        expires = datetime.fromisoformat(held["expires_at"])

        def end(expires: datetime = expires) -> int:
            with counter.database.unit_of_work() as session:
                return service.release_due(session, now=expires)

        def step(name: str, path: str = path) -> Callable[[], Reply]:
            return insisting(counter.till, f"{path}/{name}", {})

        ending = partial(patiently, end)
        at_once(step("capture"), step("release"), ending, step("capture"), step("release"))
        found = counter.till.get(path)
        assert found["status"] in {"captured", "released", "expired"}
        assert breaches(counter) == []
    balance = counter.balance(member)
    assert balance["available"] + balance["lifetime"]["spent"] == 1000
    assert balance["held"] == 0


def test_what_is_reversed_64_times_at_once_comes_back_once(counter: Shop) -> None:
    member = with_points(counter, 500, "RED5")
    body = {"member_id": member, "for": "points", "points": 400, "store": "str_1"}
    held = counter.till.post("/v1/redemptions", body)
    path = f"/v1/redemptions/{held['redemption_id']}"
    counter.till.post(f"{path}/capture", {})
    answers = all_at_once(counter.till, f"{path}/reverse", {"reason": "race"})
    assert codes(answers) == {200: 64}
    assert {answer["reversed"]["points"] for answer in answers} == {400}
    assert counter.balance(member)["available"] == 500
    assert breaches(counter) == []


def test_holds_on_rewards_end_while_others_ask_for_them_and_nobody_waits_in_a_circle(counter: Shop) -> None:
    reward = counter.office.post(
        "/v1/rewards", {"kind": "product", "name": {"en": "Mug"}, "price": {"points": 10}, "stock": 12}
    )["reward_id"]
    members = [with_points(counter, 1000, f"RED6-{n}") for n in range(12)]
    wish = {"for": "reward", "reward_id": reward, "store": "str_1"}
    ends = []
    for member in members:
        held = counter.till.post("/v1/redemptions", {**wish, "member_id": member})
        ends.append(datetime.fromisoformat(held["expires_at"]))

    def end() -> int:
        with counter.database.unit_of_work() as session:
            return service.release_due(session, now=max(ends))

    def ask(till: Caller) -> set[str | int]:
        return {insisting(till, "/v1/redemptions", {**wish, "member_id": m})().status for m in members}

    ending = partial(patiently, end)
    found = at_once(ending, *(partial(ask, counter.till) for _ in range(6)), ending)
    assert {status for each in found[1:-1] for status in each} <= {201, 409}  # type: ignore[union-attr]
    assert breaches(counter) == []

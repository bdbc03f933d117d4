"""What customers do beside buying is the same in every run, and the till never loses a sale over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from loyalty_api.demo import data
from loyalty_api.demo.client import Connection, Credential, Refused, Tokens
from loyalty_api.demo.customers import Customers, goods_back, points_wish, reward_wish
from loyalty_api.demo.replay import Replay
from loyalty_api.demo.sandbox import Clock
from loyalty_api.demo.tally import Tally

from .shop import Received, Reply, Shop, open_shop

OFFICE = Credential("cli_office", "secret")
REWARDS = ("rwd_1", "rwd_2", "rwd_3")
DAYS = list(data.purchases_by_day(days=2))
PURCHASES = [purchase for day in DAYS for purchase in day]


def purchase(basket_id: int, *lines: tuple[int, int, int]) -> data.Purchase:
    """A basket of lines: how many, cents, cents of coupons."""
    rows = tuple(data.Line(number, *line) for number, line in enumerate(lines, start=1))
    return data.Purchase(basket_id, 900, 330, 1_483_271_606, rows)


def accepts(request: Received) -> Reply:
    """Every hold is granted for 50 cents; batches and all the rest are taken."""
    if request.path == "/v1/redemptions":
        return Reply(201, {"redemption_id": f"red_{request.key}", "amount": 50})
    if request.path == "/v1/batch":
        items = [orjson.loads(line)["body"]["reference"] for line in request.body.splitlines()]
        results = [{"reference": item, "status": "created", "code": None} for item in items]
        return Reply(200, b"\n".join(orjson.dumps(result) for result in results))
    return Reply(200 if request.path.endswith(("/capture", "/clock")) else 201, {})


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop(accepts) as shop:
        yield shop


@pytest.fixture
def connections(shop: Shop) -> Iterator[list[Connection]]:
    tokens = Tokens()
    connections = [Connection(host="127.0.0.1", port=shop.port, tokens=tokens) for _ in range(4)]
    yield connections
    for connection in connections:
        connection.close()


@pytest.fixture
def replay(connections: list[Connection]) -> Replay:
    tills = {each.store_id: Credential(f"cli_{each.store_id}", "secret") for each in PURCHASES}
    return Replay(
        connections=connections,
        tills=tills,
        office=OFFICE,
        advance=lambda more: None,
        customers=Customers(tills, REWARDS),
        move_clock=Clock(connections[0], OFFICE).move,
    )


def test_never_more_than_the_basket_and_five_is_asked_for() -> None:
    wishes = [points_wish(purchase(7, (1, amount, 0))) for amount in (199, 200, 499, 501)]
    assert [wish and wish["max_amount"] for wish in wishes] == [None, 200, 499, 500]
    assert points_wish(purchase(8, (1, 900, 0))) is None


def test_a_reward_is_taken_by_some_and_there_is_none_without_a_catalogue() -> None:
    wishes = [reward_wish(purchase(number, (1, 900, 0)), rewards=REWARDS) for number in (11, 22, 33, 34)]
    assert [wish and wish["reward_id"] for wish in wishes] == ["rwd_2", "rwd_3", "rwd_1", None]
    assert reward_wish(purchase(11, (1, 900, 0)), rewards=()) is None


def test_one_unit_of_the_first_line_that_can_be_carried_back_comes_back() -> None:
    bought = purchase(31, (0, 90, 0), (12_000, 2400, 0), (1, 100, 100), (3, 297, 0))
    body = goods_back(bought, closing=1_483_315_200)
    original = {"store": "str_330", "terminal": "1", "business_date": "2017-01-01", "reference": "31"}
    assert body == {
        **original,
        "reference": "R31",
        "occurred_at": "2017-01-02T00:00:00Z",
        "original": original,
        "lines": [{"line_id": "4", "quantity": 1}],
    }
    assert goods_back(purchase(31, (0, 90, 0)), closing=0) is None
    assert goods_back(purchase(32, (1, 90, 0)), closing=0) is None


@pytest.mark.parametrize(
    ("held", "payments"),
    [
        (50, [("points", 50), ("card", 250)]),
        (300, [("points", 300)]),
    ],
)
def test_points_pay_what_they_are_worth_and_the_card_the_rest(
    shop: Shop, replay: Replay, held: int, payments: list[tuple[str, int]]
) -> None:
    shop.answer = lambda _: Reply(201, {"redemption_id": "red_1", "amount": held})
    bought, tally = purchase(7, (1, 300, 0)), Tally()
    assert replay.customers is not None
    paid = replay.customers.serve(replay.connections[0], bought, tally)
    assert paid is not None
    assert [(each["kind"], each["amount"]) for each in paid] == payments
    assert bought.body(payments=paid)["total"] == sum(each["amount"] for each in paid)


@pytest.mark.parametrize(("code", "rejected"), [("below_minimum", 0), ("member_blocked", 1)])
def test_a_refused_wish_leaves_the_sale_to_the_card(
    shop: Shop, replay: Replay, code: str, rejected: int
) -> None:
    shop.answer = lambda _: Reply(409, {"code": code})
    tally = Tally()
    assert replay.customers is not None
    assert replay.customers.serve(replay.connections[0], purchase(7, (1, 300, 0)), tally) is None
    assert tally.outcomes["rejected"] == rejected
    assert tally.problems == [f"redemption 7: {code}"] * rejected


def test_a_reward_is_held_and_captured_under_keys_of_its_basket(shop: Shop, replay: Replay) -> None:
    assert replay.customers is not None
    replay.customers.serve(replay.connections[0], purchase(11, (1, 300, 0)), Tally())
    asked = [(request.path, request.key) for request in shop.received]
    assert asked == [
        ("/v1/redemptions", "demo-rwd-11"),
        ("/v1/redemptions/red_demo-rwd-11/capture", "demo-rwd-11-used"),
    ]


Sent = set[tuple[str, str | None, bytes]]


def sent(shop: Shop) -> tuple[Sent, list[dict[str, Any]]]:
    """What tills asked and told beside purchases, and the purchases, however they were reported."""
    beside = {
        (request.path, request.key, request.body)
        for request in shop.received
        if request.path.startswith(("/v1/redemptions", "/v1/returns", "/v1/sandbox"))
    }
    bodies = [orjson.loads(request.body) for request in shop.asked("/v1/purchases")]
    for request in shop.asked("/v1/batch"):
        bodies += [orjson.loads(line)["body"] for line in request.body.splitlines()]
    return beside, sorted(bodies, key=lambda body: str(body["reference"]))


def test_tills_and_batches_ask_for_the_same(shop: Shop, replay: Replay) -> None:
    found = []
    for send in (replay.as_tills, replay.as_batches):
        shop.received.clear()
        assert send(days=DAYS).outcomes == {"created": len(PURCHASES)}
        found.append(sent(shop))
    assert found[0] == found[1]
    kinds = {body["payments"][0]["kind"] for body in found[0][1]}
    assert kinds == {"points", "card"}
    assert any(path == "/v1/returns" for path, _, _ in found[0][0])


@pytest.mark.parametrize("mode", ["as_tills", "as_batches"])
def test_time_comes_first_and_goods_come_back_last(shop: Shop, replay: Replay, mode: str) -> None:
    send: Callable[..., Tally] = getattr(replay, mode)
    send(days=DAYS)
    # Whoever is new has joined before the clock moves.
    assert shop.received[0].path == "/v1/members"
    paths = [request.path for request in shop.received if request.path != "/v1/members"]
    moments = [orjson.loads(request.body)["now"] for request in shop.asked("/v1/sandbox/clock")]
    for moment, day in zip(moments, DAYS, strict=False):
        assert moment > max(each.body()["occurred_at"] for each in day)
    assert [moment[:10] for moment in moments] == ["2017-01-01", "2017-01-02", "2017-01-03"]
    assert moments[-1] == "2017-01-03T00:00:00Z"
    assert paths[0] == paths[-1] == "/v1/sandbox/clock"
    second = paths.index("/v1/sandbox/clock", 1)
    told = "/v1/purchases" if mode == "as_tills" else "/v1/batch"
    last_sale = max(place for place, path in enumerate(paths[:second]) if path == told)
    assert set(paths[last_sale + 1 : second]) == {"/v1/returns"}


def test_a_clock_that_is_ahead_is_left_and_one_that_is_not_to_be_had_is_told(
    shop: Shop, connections: list[Connection]
) -> None:
    clock = Clock(connections[0], OFFICE)
    shop.answer = lambda _: Reply(409, {"code": "clock_backwards"})
    clock.move(1_483_315_200)
    shop.answer = lambda _: Reply(403, {"code": "sandbox_only"})
    with pytest.raises(Refused, match="sandbox_only"):
        clock.move(1_483_315_200)

"""A replay keeps each member's order, enrols a household once and counts what was answered."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from loyalty_api.demo import data
from loyalty_api.demo.client import Connection, Credential, Tokens
from loyalty_api.demo.luck import NONE
from loyalty_api.demo.replay import Replay, whole_days
from loyalty_api.demo.report import PASSED, TOTALS, Progress, figures, json_line, table
from loyalty_api.demo.tally import Tally

from .shop import Received, Reply, Shop, open_shop

OFFICE = Credential("cli_office", "secret")
DAYS = list(data.purchases_by_day(days=1))
PURCHASES = [purchase for day in DAYS for purchase in day]


def api(request: Received) -> Reply:
    """Answers as the API does for purchases it has not seen."""
    if request.path == "/v1/batch":
        items = [orjson.loads(line) for line in request.body.splitlines()]
        results = [
            {"index": index, "reference": item["body"]["reference"], "status": "created", "code": None}
            for index, item in enumerate(items)
        ]
        return Reply(200, b"\n".join(orjson.dumps(result) for result in results))
    return Reply(201, {})


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop(api) as shop:
        yield shop


@pytest.fixture
def replay(shop: Shop) -> Iterator[Replay]:
    tokens = Tokens()
    connections = [Connection(host="127.0.0.1", port=shop.port, tokens=tokens) for _ in range(4)]
    tills = {purchase.store_id: Credential(f"cli_{purchase.store_id}", "secret") for purchase in PURCHASES}
    yield Replay(connections=connections, tills=tills, office=OFFICE, advance=lambda more: None)
    for connection in connections:
        connection.close()


def references_by_card(bodies: list[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for body in bodies:
        found[body["identifier"]["value"]].append(body["reference"])
    return found


def in_order() -> dict[str, list[str]]:
    return references_by_card([purchase.body() for purchase in PURCHASES])


def test_tills_keep_the_order_of_each_member(shop: Shop, replay: Replay) -> None:
    tally = replay.as_tills(days=DAYS)
    sent = [orjson.loads(request.body) for request in shop.asked("/v1/purchases")]
    assert references_by_card(sent) == in_order()
    assert tally.outcomes == {"created": len(PURCHASES)}


def test_batches_keep_the_order_of_each_member(shop: Shop, replay: Replay) -> None:
    tally = replay.as_batches(days=DAYS)
    (request,) = shop.asked("/v1/batch")
    items = [orjson.loads(line) for line in request.body.splitlines()]
    assert {item["type"] for item in items} == {"purchase"}
    assert references_by_card([item["body"] for item in items]) == in_order()
    assert tally.outcomes == {"created": len(PURCHASES)}


def test_a_household_is_enrolled_once_and_before_its_first_purchase(shop: Shop, replay: Replay) -> None:
    replay.as_tills(days=[*DAYS, *DAYS])
    cards = [orjson.loads(request.body)["identifiers"][0]["value"] for request in shop.asked("/v1/members")]
    assert len(cards) == len(set(cards))
    assert set(cards) == set(in_order())
    assert shop.received[0].path == "/v1/members"


def test_answers_given_again_and_refusals_are_counted(shop: Shop, replay: Replay) -> None:
    first, second, third = PURCHASES[:3]
    replies = iter(
        [
            Reply(201, {}, {"Idempotent-Replayed": "true"}),
            Reply(409, {"code": "receipt_mismatch"}),
            Reply(201, {}),
        ]
    )
    shop.answer = lambda request: next(replies) if request.path == "/v1/purchases" else Reply(201, {})
    tally = replay.as_tills(days=[[first], [second], [third]])
    assert tally.outcomes == {"duplicate": 1, "rejected": 1, "created": 1}
    assert tally.problems == [f"purchase {second.basket_id}: receipt_mismatch"]


def test_a_card_that_is_enrolled_already_is_no_trouble(shop: Shop, replay: Replay) -> None:
    shop.answer = lambda request: (
        Reply(409, {"code": "identifier_in_use"}) if request.path == "/v1/members" else Reply(201, {})
    )
    assert replay.as_tills(days=DAYS).outcomes == {"created": len(PURCHASES)}


def test_a_batch_whose_answer_was_cut_is_sent_again_whole(shop: Shop, replay: Replay) -> None:
    answers = iter([b'{"index": 0, "reference": "1", "status": "created", "code": null}\n'])

    def cut_once(request: Received) -> Reply:
        cut = next(answers, None) if request.path == "/v1/batch" else None
        return Reply(200, cut) if cut else api(request)

    shop.answer = cut_once
    assert replay.as_batches(days=DAYS).outcomes == {"created": len(PURCHASES)}
    first, second = shop.asked("/v1/batch")
    assert first.body == second.body


def test_days_are_put_together_but_never_split() -> None:
    one, two, three = PURCHASES[:1], PURCHASES[:2], PURCHASES[:3]
    assert [len(group) for group in whole_days([one, two, three, one], most=3)] == [3, 3, 1]
    assert [len(group) for group in whole_days([three, one], most=2)] == [3, 1]


def test_the_last_line_holds_the_totals_and_what_this_run_was_answered() -> None:
    totals = {name: number for number, name in enumerate(TOTALS, start=1)}
    tally = Tally()
    tally.count(status="duplicate", reference="1")
    off = {"deli_10": 1205}
    given = {**NONE, "granted": 3}
    found = figures(totals=totals, promotions=off, gifts=given, tally=tally, broken=[], seconds=1.26)
    more = {
        "promotions": off,
        "gifts": given,
        "duplicates": 1,
        "rejected": 0,
        "verify": PASSED,
        "seconds": 1.3,
    }
    assert orjson.loads(json_line(found=found)) == {**totals, **more}
    assert list(found) == [*TOTALS, *more]
    assert "0.05" in table(found=found)
    assert "12.05" in table(found=found)


def test_what_is_broken_is_named_once() -> None:
    totals = dict.fromkeys(TOTALS, 0)
    broken = ["I5", "I3", "I5"]
    found = figures(totals=totals, promotions={}, gifts=NONE, tally=Tally(), broken=broken, seconds=0)
    assert found["verify"] == "I3, I5"


def test_progress_off_a_terminal_is_a_line_for_each_tenth() -> None:
    stream = io.StringIO()
    progress = Progress(total=200, stream=stream, label="Replaying")
    for _ in range(200):
        progress.advance(1)
    progress.finish()
    assert stream.getvalue().splitlines() == [f"Replaying {tenth * 10} %" for tenth in range(11)]

"""Many tills, few members, one truth: real threads, each on a connection of its own."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import Any

import orjson
import pytest
from psycopg import errors

from loyalty_api import clock
from loyalty_api.batches import batch
from loyalty_api.batches.api import KINDS
from loyalty_api.batches.kinds import Sender
from loyalty_api.purchases import recording
from loyalty_api.purchases.desk import Who
from tests.purchases.racing import AGAIN, another, at_once, breaches, insisting, settled, until_answered
from tests.support.shop import Caller, Reply, Shop, line, receipt


def send(till: Caller, body: dict[str, Any]) -> Reply:
    return till.post("/v1/purchases", body, key=None)


def tills(shop: Shop, number: int) -> list[Caller]:
    return [another(shop.till) for _ in range(number)]


def test_a_receipt_that_arrives_64_times_at_once_has_one_effect_and_equal_answers(shop: Shop) -> None:
    member, body = shop.enrol("RACE1"), receipt(line(4200), card="RACE1")
    seen: list[int] = []
    answers = at_once(*(partial(until_answered, till, body, seen) for till in tills(shop, 64)))
    assert {answer.raw for answer in answers} == {answers[0].raw}
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers].count(None) == 1
    assert {status for status in seen if status >= 500} <= {503}
    assert shop.balance(member)["lifetime"]["earned"] == 42
    assert breaches(shop) == []


def test_one_key_64_times_at_once_has_one_effect_and_equal_answers(shop: Shop) -> None:
    body = {"identifiers": [{"kind": "card", "value": "RACEKEY"}]}
    answers = at_once(*(insisting(shop.office, "/v1/members", body, key="enrol-once") for _ in range(64)))
    assert {answer.status for answer in answers} == {201}
    assert {answer.raw for answer in answers} == {answers[0].raw}
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers].count(None) == 1
    assert breaches(shop) == []


def test_of_several_receipts_under_one_key_one_is_kept_and_the_others_are_refused(shop: Shop) -> None:
    member = shop.enrol("RACE2")
    bodies = [receipt(line(1000), card="RACE2") for _ in range(8)]
    answers = at_once(*(insisting(shop.till, "/v1/purchases", body, key="one-key") for body in bodies))
    assert sorted(answer.status for answer in answers) == [201] + [422] * 7
    assert {answer.code for answer in answers if answer.status == 422} == {"idempotency_key_reused"}
    assert shop.balance(member)["available"] == 10


def test_different_sales_under_one_number_leave_one_of_them(shop: Shop) -> None:
    member = shop.enrol("RACE3")
    number = receipt()["reference"]
    bodies = [receipt(line(100 * n), card="RACE3", reference=number) for n in range(1, 9)]
    answers = at_once(*(insisting(shop.till, "/v1/purchases", body, key=None) for body in bodies))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    kept = next(answer for answer in answers if answer.status == 201)
    assert shop.balance(member)["available"] == kept["points"]["earned"]


def test_many_tills_on_one_member_add_up_and_every_journal_has_its_own_version(shop: Shop) -> None:
    member, seen = shop.enrol("RACE4"), list[int]()

    def sell(till: Caller, amounts: list[int]) -> list[Reply]:
        return [until_answered(till, receipt(line(a), card="RACE4"), seen) for a in amounts]

    days = [[100 * (n + m) for n in range(1, 9)] for m in range(16)]
    answers = at_once(*(partial(sell, till, day) for till, day in zip(tills(shop, 16), days, strict=True)))
    sold = [answer for of_till in answers for answer in of_till]
    assert {answer.status for answer in sold} == {201}
    assert {status for status in seen if status >= 500} <= {503}
    assert shop.balance(member)["available"] == sum(sum(day) for day in days) // 100
    versions = [answer["balance"]["version"] for answer in sold]
    assert sorted(versions) == list(range(2, 2 + len(sold)))
    last = max(sold, key=lambda answer: answer["balance"]["version"])
    assert last["balance"]["available"] == shop.balance(member)["available"]
    assert breaches(shop) == []


def test_batches_and_single_sales_of_the_same_members_in_opposite_order_do_not_stop_each_other(
    shop: Shop,
) -> None:
    cards = [f"RACE5-{n}" for n in range(6)]
    members = [shop.enrol(card) for card in cards]
    offices = [another(shop.office) for _ in range(3)]
    seen: list[int] = []

    def queue(order: list[str]) -> list[dict[str, Any]]:
        return [
            {"type": "purchase", "body": receipt(line(100), card=card, terminal="queue")}
            for _ in range(10)
            for card in order
        ]

    def upload(office: Caller, items: list[dict[str, Any]]) -> int:
        for _ in range(600):
            answer = office.upload("POST", "/v1/batch", items)
            seen.append(answer.status)
            if answer.status == 200:
                break
            time.sleep(0.1)  # Batches take turns in a process.
        assert {result["status"] for result in answer.lines} <= {"created", "duplicate"}
        return len(answer.lines)

    def sell(till: Caller, order: list[str]) -> int:
        bodies = [receipt(line(100), card=card) for _ in range(10) for card in order]
        return [until_answered(till, body, seen).status for body in bodies].count(201)

    orders = [cards, cards[::-1], random.sample(cards, 6)]
    queues = [partial(upload, office, queue(o)) for office, o in zip(offices, orders, strict=True)]
    sales = [partial(sell, till, o) for till, o in zip(tills(shop, 3), orders, strict=True)]
    assert at_once(*queues, *sales) == [60] * 6
    assert set(seen) <= {200, 201, *AGAIN}
    assert [shop.balance(member)["available"] for member in members] == [60] * 6
    assert breaches(shop) == []


def test_two_processes_that_record_batches_in_opposite_order_do_not_stop_each_other(shop: Shop) -> None:
    """In one process batches take turns, so this is below HTTP."""
    cards = [f"RACE8-{n}" for n in range(12)]
    members = [shop.enrol(card) for card in cards]
    unknown = [f"RACE8-nobody-{n}" for n in range(12)]
    counter = batch.Counter(Sender(Who("cli_test", "admin"), lambda _: None), KINDS)

    def record(order: list[str]) -> list[str]:
        items = [
            orjson.dumps({"type": "purchase", "body": receipt(line(100), card=card, terminal="queue")})
            for _ in range(20)
            for card in order
        ]
        desk = shop.app.extensions["desk"]
        answers = batch.work(shop.database, desk, iter(items), counter=counter, clock=clock.now)
        return [orjson.loads(text)["status"] for chunk in answers for text in chunk.splitlines()]

    orders = [cards + unknown, (cards + unknown)[::-1], random.sample(cards + unknown, 24)]
    assert at_once(*(partial(record, order) for order in orders)) == [["created"] * 480] * 3
    assert [shop.balance(member)["available"] for member in members] == [60] * 12
    assert breaches(shop) == []


def test_what_is_written_while_the_rest_is_rated_is_undone_with_the_rest(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = shop.enrol("RACE9")
    counter = batch.Counter(Sender(Who("cli_test", "admin"), print), KINDS)
    items = [orjson.dumps({"type": "purchase", "body": receipt(line(100), card="RACE9")}) for _ in range(12)]

    def record() -> int:
        desk = shop.app.extensions["desk"]
        answers = batch.work(shop.database, desk, iter(items), counter=counter, clock=clock.now)
        return b"".join(answers).count(b'"created"')

    monkeypatch.setattr(recording, "_SLICE", 5)
    statements, seen = recording.statements, []

    def third_fails(given: Any) -> Any:
        seen.append(given)
        return [("SELECT 1 / 0", ())] if len(seen) == 3 else statements(given)

    with monkeypatch.context() as broken:
        broken.setattr(recording, "statements", third_fails)
        with pytest.raises(errors.DivisionByZero):
            record()
    assert shop.balance(member)["available"] == 0
    assert record() == 12
    assert shop.balance(member)["available"] == 12
    assert breaches(shop) == []


def test_the_same_outage_sent_by_two_tills_at_once_is_recorded_once(shop: Shop) -> None:
    member = shop.enrol("RACE6")
    items = [{"type": "purchase", "body": receipt(line(100), card="RACE6")} for _ in range(40)]

    def upload(till: Caller) -> list[str]:
        for _ in range(600):
            answer = till.upload("POST", "/v1/batch", items)
            if answer.status == 200:
                return [result["status"] for result in answer.lines]
            assert answer.status in AGAIN
            time.sleep(0.1)
        raise AssertionError

    sent = at_once(*(partial(upload, till) for till in tills(shop, 2)))
    assert sorted(status for of_till in sent for status in of_till) == ["created"] * 40 + ["duplicate"] * 40
    assert shop.balance(member)["available"] == 40


def test_a_first_copy_that_is_still_running_is_waited_for_and_then_asked_about_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the lock's time-out a copy waits; after it, it is told to come again with the same key."""
    member, body = shop.enrol("RACE7"), receipt(line(700), card="RACE7")
    told: list[Reply] = []
    statements = recording._Batch.statements

    def slowly(*given: Any) -> Any:
        monkeypatch.undo()
        told.append(send(another(shop.till), body))
        return statements(*given)

    monkeypatch.setattr(recording._Batch, "statements", slowly)
    first = send(shop.till, body)
    assert first.status == 201
    assert (told[0].status, told[0].code, told[0]["action"]) == (
        409, "request_in_progress", "retry_same_key",
    )  # fmt: skip
    assert told[0].headers["Retry-After"]
    assert send(shop.till, body).raw == first.raw
    assert settled(shop).balance(member)["available"] == 7

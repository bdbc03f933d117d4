"""A purchase and the person it belongs to, who turns up at the very same moment: neither may miss the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty_api.purchases import claims, queries_claims, recording
from tests.purchases.racing import another, at_once, breaches, settled, wait_for_waiting
from tests.support.shop import Shop, line, receipt


class Pause:
    """Something that happens elsewhere, in a thread of its own, while a function is just (or just not yet) done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.results: list[Any] = []
        self._threads: list[threading.Thread] = []

    def before(self, module: Any, name: str, elsewhere: Callable[[], Any]) -> None:
        original = getattr(module, name)

        def paused(*given: Any, **named: Any) -> Any:
            self._begin(elsewhere)
            self.end()
            return original(*given, **named)

        self._monkeypatch.setattr(module, name, paused)

    def after(self, module: Any, name: str, elsewhere: Callable[[], Any], wait: Callable[[], None]) -> None:
        original = getattr(module, name)

        def paused(*given: Any, **named: Any) -> Any:
            found = original(*given, **named)
            self._begin(elsewhere)
            wait()
            return found

        self._monkeypatch.setattr(module, name, paused)

    def _begin(self, elsewhere: Callable[[], Any]) -> None:
        self._monkeypatch.undo()
        thread = threading.Thread(target=lambda: self.results.append(elsewhere()))
        thread.start()
        self._threads.append(thread)

    def end(self) -> None:
        for thread in self._threads:
            thread.join(30)


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Pause:
    return Pause(monkeypatch)


def test_a_card_enrolled_while_its_purchase_is_being_recorded_brings_it(shop: Shop, pause: Pause) -> None:
    """The enrolment and all that follows from it are over before the purchase is written."""
    office = another(shop.office)
    body = {"identifiers": [{"kind": "card", "value": "MEET1"}]}
    pause.before(recording, "walk_in_account", lambda: office.post("/v1/members", body))
    sold = shop.till.post("/v1/purchases", receipt(line(700), card="MEET1"), key=None)
    assert (sold.status, sold["match"]) == (201, "unknown_identifier")
    assert pause.results[0].status == 201
    assert settled(shop).balance(pause.results[0]["member_id"])["available"] == 7


def test_a_card_enrolled_just_before_its_purchase_is_committed_brings_it(shop: Shop, pause: Pause) -> None:
    """The purchase has looked for the last time and found nobody; the enrolment waits for it to end."""
    office = another(shop.office)
    body = {"identifiers": [{"kind": "card", "value": "MEET2"}]}
    pause.after(
        recording, "look_again", lambda: office.post("/v1/members", body),
        lambda: wait_for_waiting(shop, "advisory"),
    )  # fmt: skip
    sold = shop.till.post("/v1/purchases", receipt(line(700), card="MEET2"), key=None)
    pause.end()
    assert (sold.status, sold["match"]) == (201, "unknown_identifier")
    assert settled(shop).balance(pause.results[0]["member_id"])["available"] == 7


def test_a_card_enrolled_while_a_batch_is_being_recorded_brings_all_its_receipts(
    shop: Shop, pause: Pause
) -> None:
    office = another(shop.office)
    body = {"identifiers": [{"kind": "card", "value": "MEET3"}]}
    pause.before(recording, "walk_in_account", lambda: office.post("/v1/members", body))
    items = [{"type": "purchase", "body": receipt(line(700), card="MEET3")} for _ in range(3)]
    sent = shop.till.upload("POST", "/v1/batch", items)
    assert [result["status"] for result in sent.lines] == ["created"] * 3
    assert settled(shop).balance(pause.results[0]["member_id"])["available"] == 21


def claim_of(body: dict[str, Any]) -> dict[str, Any]:
    """What a customer says of a receipt."""
    return {
        "store": body["store"], "date": body["business_date"], "reference": body["reference"],
        "total": body["total"],
    }  # fmt: skip


def test_a_receipt_claimed_while_it_is_being_recorded_is_credited(shop: Shop, pause: Pause) -> None:
    member = shop.enrol()
    app, body = shop.member(member), receipt(line(900))
    pause.before(recording, "walk_in_account", lambda: app.post("/v1/me/claims", claim_of(body)))
    assert shop.till.post("/v1/purchases", body, key=None).status == 201
    assert pause.results[0]["state"] == "waiting"
    assert settled(shop).balance(member)["available"] == 9


def test_a_receipt_claimed_just_before_it_is_committed_is_credited(shop: Shop, pause: Pause) -> None:
    member = shop.enrol()
    app, body = shop.member(member), receipt(line(900))
    pause.after(
        recording, "look_again", lambda: app.post("/v1/me/claims", claim_of(body)),
        lambda: wait_for_waiting(shop, "advisory"),
    )  # fmt: skip
    assert shop.till.post("/v1/purchases", body, key=None).status == 201
    pause.end()
    assert pause.results[0]["state"] == "credited"
    assert settled(shop).balance(member)["available"] == 9


def test_a_claim_that_has_just_begun_to_wait_is_settled_by_the_receipt(shop: Shop, pause: Pause) -> None:
    """The claim has looked for the last time; the purchase waits for it to be kept."""
    member, till = shop.enrol(), another(shop.till)
    body = receipt(line(900))
    pause.after(
        queries_claims, "await_receipt", lambda: till.post("/v1/purchases", body, key=None),
        lambda: wait_for_waiting(shop, "advisory"),
    )  # fmt: skip
    waiting = shop.member(member).post("/v1/me/claims", claim_of(body))
    pause.end()
    assert waiting["state"] == "waiting"
    assert pause.results[0].status == 201
    assert settled(shop).balance(member)["available"] == 9


def test_of_two_who_claim_one_receipt_at_once_one_gets_it(shop: Shop) -> None:
    for _ in range(5):
        sold = shop.till.post("/v1/purchases", receipt(line(1200)), key=None)
        members = [shop.enrol() for _ in range(6)]
        apps = [shop.member(member) for member in members]
        code = {"claim_code": sold["claim_code"]}
        answers = at_once(*(lambda app=app, code=code: app.post("/v1/me/claims", code) for app in apps))
        assert sorted(answer["state"] for answer in answers) == ["already_claimed"] * 5 + ["credited"]
        assert sum(shop.balance(member)["available"] for member in members) == 12
    assert breaches(shop) == []


def test_cards_enrolled_and_scanned_at_random_moments_lose_no_receipt(shop: Shop) -> None:
    offices = [another(shop.office) for _ in range(4)]
    tills = [another(shop.till) for _ in range(4)]
    for round_number in range(8):
        cards = [f"RANDOM{round_number}-{n}" for n in range(4)]
        bodies = [receipt(line(300), card=card) for card in cards]
        enrolments = [
            lambda office=office, card=card: office.post(
                "/v1/members", {"identifiers": [{"kind": "card", "value": card}]}
            )
            for office, card in zip(offices, cards, strict=True)
        ]
        sales = [
            lambda till=till, body=body: till.post("/v1/purchases", body, key=None)
            for till, body in zip(tills, bodies, strict=True)
        ]
        answers = at_once(*enrolments, *sales)
        enrolled, sold = answers[:4], answers[4:]
        assert [answer.status for answer in enrolled] == [201] * 4
        # "Send it again" is an answer too, when the card changed hands this very moment.
        assert {answer.status for answer in sold} <= {201, 503}
        for answer, body in zip(sold, bodies, strict=True):
            assert answer.status == 201 or shop.till.post("/v1/purchases", body, key=None).status == 201
        settled(shop)
        assert [shop.balance(answer["member_id"])["available"] for answer in enrolled] == [3] * 4
    assert breaches(shop) == []


def test_receipts_of_a_card_are_attached_once_however_often_it_is_looked_for(shop: Shop) -> None:
    sold = shop.till.post("/v1/purchases", receipt(line(500), card="ONCE1"), key=None)
    assert sold["match"] == "unknown_identifier"
    member = shop.enrol("ONCE1")
    with shop.database.unit_of_work() as session:
        desk = shop.app.extensions["desk"]
        blind = ("card", desk.vault.blind("card", "ONCE1"))
        now = datetime.now(UTC)
        assert claims.attach_to_owner(session, desk, blind=blind, now=now) == 0
    assert shop.balance(member)["available"] == 5


def test_a_receipt_from_a_till_whose_clock_was_ahead_is_claimed_by_the_time_of_its_recording(
    shop: Shop,
) -> None:
    member = shop.enrol()
    sold = shop.till.post("/v1/purchases", receipt(line(800), at=datetime(2099, 1, 1, tzinfo=UTC)), key=None)
    claimed = shop.member(member).post("/v1/me/claims", {"claim_code": sold["claim_code"]})
    assert (claimed["state"], claimed["points"]) == ("credited", 8)
    assert shop.balance(member)["available"] == 8

"""What happened, for the merchant's backend to follow (M5): nothing lost, in order per member, ids only."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from functools import partial
from typing import Any

from tests.purchases.racing import another, at_once, breaches, insist, settled, until_answered
from tests.support.shop import Caller, Shop, line, receipt


def follow(caller: Caller, after: str | None = None, *, limit: int = 200) -> tuple[list[dict[str, Any]], str]:
    """Everything since ``after``, and where to go on."""
    found: list[dict[str, Any]] = []
    while True:
        query = f"?limit={limit}" + (f"&after={after}" if after else "")
        page = insist(partial(caller.get, f"/v1/events{query}"))
        assert page.status == 200, page.body
        found += page["data"]
        after = page["next_cursor"]
        if not page["data"]:
            return found, after


def test_a_reader_is_told_what_happened_and_goes_on_where_it_was(shop: Shop) -> None:
    backend = shop.caller("mobile")
    _, place = follow(backend)
    member = shop.enrol("FEED1")
    sold = shop.till.post("/v1/purchases", receipt(line(700), card="FEED1"), key=None)
    events, place = follow(backend, place, limit=1)
    assert [event["kind"] for event in events] == ["member_enrolled", "identifier_added", "purchase_recorded"]
    assert {event["member_id"] for event in events} == {member}
    assert events[-1]["subject"] == sold["purchase_id"]
    assert events[-1]["body"] == {"points": 7}
    assert follow(backend, place) == ([], place)


def test_an_event_names_nobody_and_keeps_what_features_tell_each_other(shop: Shop) -> None:
    backend = shop.caller("mobile")
    _, place = follow(backend)
    profile = {"given_name": "Solveig", "email": "solveig@example.org"}
    shop.enrol("FEEDSECRET", profile=profile)
    shop.till.post("/v1/purchases", receipt(card="FEEDNOBODY"), key=None)
    shop.enrol("FEEDNOBODY")
    settled(shop)
    events, _ = follow(backend, place)
    assert "purchase_claimed" in {event["kind"] for event in events}
    assert not [name for event in events for name in event["body"] if name.startswith("_")]
    for secret in ("FEEDSECRET", "FEEDNOBODY", "Solveig", "solveig"):
        assert secret not in str(events)
    assert all(event["member_id"].startswith("mbr_") for event in events)


def test_a_purchase_without_a_member_is_nobodys_event(shop: Shop) -> None:
    backend = shop.caller("mobile")
    _, place = follow(backend)
    body = receipt(line(900))
    claim = {"store": "str_1", "date": body["business_date"], "reference": body["reference"], "total": 900}
    shop.member(shop.enrol()).post("/v1/me/claims", claim)
    shop.till.post("/v1/purchases", body, key=None)
    settled(shop)
    kinds = [event["kind"] for event in follow(backend, place)[0]]
    assert kinds == ["member_enrolled", "purchase_claimed"]


def test_readers_among_writers_miss_nothing_and_see_each_members_events_in_order(fresh_shop: Shop) -> None:
    shop = fresh_shop
    cards = [f"FEED-{n}" for n in range(4)]
    members = [shop.enrol(card) for card in cards]
    over = threading.Event()
    sold: list[str] = []
    busy = [4]

    def sell(till: Caller, seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(40):
            answer = until_answered(till, receipt(line(100), card=dice.choice(cards)), [])
            assert answer.status == 201
            sold.append(answer["purchase_id"])
        busy[0] -= 1
        if not busy[0]:
            over.set()

    def read(backend: Caller, seed: int) -> list[dict[str, Any]]:
        dice, seen, place = random.Random(seed), list[dict[str, Any]](), None
        while not over.is_set():
            found, place = follow(backend, place, limit=dice.randint(1, 20))
            seen += found
        return seen + follow(backend, place)[0]

    writers = [partial(sell, another(shop.till), seed) for seed in range(4)]
    readers = [partial(read, another(shop.caller("mobile")), seed) for seed in range(3)]
    results = at_once(*writers, *readers)
    for seen in results[4:]:
        told = [event["subject"] for event in seen if event["kind"] == "purchase_recorded"]
        assert sorted(told) == sorted(sold)
        by_member = defaultdict(list)
        for event in seen:
            by_member[event["member_id"]].append(event)
        for member in members:
            assert by_member[member][0]["kind"] == "member_enrolled"
            recorded = [event["recorded_at"] for event in by_member[member]]
            versions = [
                event["subject"] for event in by_member[member] if event["kind"] == "purchase_recorded"
            ]
            listed = journal_order(shop, member)
            assert versions == listed
            assert len(recorded) == len(listed) + 2
    assert breaches(shop) == []


def journal_order(shop: Shop, member: str) -> list[str]:
    """The purchases of a member in the order in which they were booked."""
    found: list[str] = []
    cursor = ""
    while True:
        page = shop.office.get(f"/v1/members/{member}/entries?limit=200{cursor}")
        found += [entry["source"]["id"] for entry in page["data"] if entry["kind"] == "earn"]
        if page["next_cursor"] is None:
            return found[::-1]
        cursor = f"&cursor={page['next_cursor']}"

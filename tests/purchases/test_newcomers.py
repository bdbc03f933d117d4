"""Programs that make a member of every unknown card."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Barrier, Thread

from tests.support.shop import BASIC, Shop, line, receipt

CREATES = {**BASIC, "purchases": {**BASIC["purchases"], "unknown_identifier": "create_member"}}


def test_an_unknown_card_becomes_a_member_who_earns_at_once(fresh_shop: Shop) -> None:
    fresh_shop.publish(CREATES, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    first = fresh_shop.till.post("/v1/purchases", receipt(line(500), card="NEW1"), key=None)
    assert (first["match"], first["points"]["earned"]) == ("identified", 5)
    second = fresh_shop.till.post("/v1/purchases", receipt(line(700), card="NEW1"), key=None)
    assert second["member_id"] == first["member_id"]
    assert fresh_shop.balance(first["member_id"])["available"] == 12


def test_two_lanes_that_meet_the_same_new_card_make_one_member(fresh_shop: Shop) -> None:
    fresh_shop.publish(CREATES, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    token = fresh_shop.till.headers
    start, members = Barrier(8), []

    def sell() -> None:
        client = fresh_shop.app.test_client()
        start.wait()
        reply = client.post("/v1/purchases", json=receipt(line(100), card="NEW2"), headers=token)
        members.append(reply.get_json()["member_id"])

    lanes = [Thread(target=sell) for _ in range(8)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    assert len(members) == 8
    assert len(set(members)) == 1
    assert fresh_shop.balance(members[0])["available"] == 8


def test_a_bad_card_number_is_kept_as_unknown(fresh_shop: Shop) -> None:
    fresh_shop.publish(CREATES, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    sold = fresh_shop.till.post("/v1/purchases", receipt(card="?"), key=None)
    assert sold.status == 201
    assert sold["match"] == "unknown_identifier"

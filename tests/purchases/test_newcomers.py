"""Programs that make a member of every unknown card."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from tests.purchases.racing import another, at_once, until_answered
from tests.support.shop import BASIC, Shop, line, receipt

CREATES = {**BASIC, "purchases": {**BASIC["purchases"], "unknown_identifier": "create_member"}}


def test_an_unknown_card_becomes_a_member_who_earns_at_once(fresh_shop: Shop) -> None:
    fresh_shop.publish(CREATES, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    first = fresh_shop.till.post("/v1/purchases", receipt(line(500), card="NEW1"), key=None)
    assert (first["match"], first["points"]["earned"]) == ("identified", 5)
    second = fresh_shop.till.post("/v1/purchases", receipt(line(700), card="NEW1"), key=None)
    assert second["member_id"] == first["member_id"]
    assert fresh_shop.balance(first["member_id"])["available"] == 12


def test_lanes_that_meet_the_same_new_card_make_one_member(fresh_shop: Shop) -> None:
    fresh_shop.publish(CREATES, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    bodies = [receipt(line(100), card="NEW2") for _ in range(8)]
    seen: list[int] = []
    sold = at_once(*(partial(until_answered, another(fresh_shop.till), body, seen) for body in bodies))
    assert [reply.status for reply in sold] == [201] * 8
    members = {reply["member_id"] for reply in sold}
    assert len(members) == 1
    assert fresh_shop.balance(members.pop())["available"] == 8
    assert {status for status in seen if status >= 500} <= {503}


def test_a_bad_card_number_is_kept_as_unknown(fresh_shop: Shop) -> None:
    fresh_shop.publish(CREATES, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    sold = fresh_shop.till.post("/v1/purchases", receipt(card="?"), key=None)
    assert sold.status == 201
    assert sold["match"] == "unknown_identifier"

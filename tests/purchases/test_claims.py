"""Receipts that find their member later (R24, R25)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.calendar import Calendar
from tests.support.shop import BASIC, Reply, Shop, line, receipt


def sell(shop: Shop, body: dict) -> Reply:
    reply = shop.till.post("/v1/purchases", body, key=None)
    assert reply.status == 201, reply.body
    return reply


def test_a_card_that_nobody_knew_brings_its_receipts_when_it_is_enrolled(shop: Shop) -> None:
    sold = sell(shop, receipt(line(700), card="LATE1"))
    assert sold["match"] == "unknown_identifier"
    assert sold["claim_code"]
    member = shop.enrol("LATE1")
    assert shop.balance(member)["available"] == 7
    assert shop.office.get(f"/v1/purchases/{sold['purchase_id']}")["match"] == "claimed"


def test_a_receipt_is_claimed_once_with_the_code_on_it(shop: Shop) -> None:
    first, second = shop.enrol(), shop.enrol()
    sold = sell(shop, receipt(line(1200)))
    mine = shop.member(first).post("/v1/me/claims", {"claim_code": sold["claim_code"]})
    assert (mine.status, mine["state"], mine["points"]) == (201, "credited", 12)
    late = shop.member(second).post("/v1/me/claims", {"claim_code": sold["claim_code"].lower()})
    assert late["state"] == "already_claimed"
    assert shop.balance(first)["available"] == 12
    assert shop.balance(second)["available"] == 0


def test_a_receipt_is_claimed_by_store_date_number_and_total(shop: Shop) -> None:
    member = shop.enrol()
    body = receipt(line(3300))
    sell(shop, body)
    named = {"store": "str_1", "date": body["business_date"], "reference": body["reference"]}
    guess = shop.member(member).post("/v1/me/claims", {**named, "total": 3299})
    assert guess["state"] == "waiting"
    right = shop.member(member).post("/v1/me/claims", {**named, "total": 3300})
    assert (right["state"], right["points"]) == ("credited", 33)


def test_a_claim_waits_for_a_receipt_that_is_still_on_its_way(shop: Shop) -> None:
    member = shop.enrol()
    body = receipt(line(4100))
    claim = {"store": "str_1", "date": body["business_date"], "reference": body["reference"], "total": 4100}
    assert shop.member(member).post("/v1/me/claims", claim)["state"] == "waiting"
    assert shop.member(member).get("/v1/me/summary")["claims"] == {"open": 1}
    sell(shop, body)
    assert shop.balance(member)["available"] == 41
    assert shop.member(member).get("/v1/me/summary")["claims"] == {"open": 0}
    assert [c["state"] for c in shop.member(member).get("/v1/me/claims")["data"]] == ["credited"]


def test_a_receipt_from_before_the_window_is_refused_with_its_date(shop: Shop) -> None:
    member = shop.enrol()
    sold = sell(shop, receipt(line(500), at=datetime.now(UTC) - timedelta(days=45)))
    refused = shop.member(member).post("/v1/me/claims", {"claim_code": sold["claim_code"]})
    assert (refused["state"], refused["reason"]) == ("refused", "claim_window_closed")
    assert refused["until"]
    assert shop.balance(member)["available"] == 0


def test_a_mistyped_code_is_refused_and_tells_nothing(shop: Shop) -> None:
    member = shop.enrol()
    refused = shop.member(member).post("/v1/me/claims", {"claim_code": "AAAAA-BBBBB-CCCC-DDDD"})
    assert (refused["state"], refused["reason"]) == ("refused", "claim_code_unknown")


def test_staff_claim_for_a_customer_at_the_counter(shop: Shop) -> None:
    member = shop.enrol()
    sold = sell(shop, receipt(line(900)))
    body = {"member_id": member, "claim_code": sold["claim_code"]}
    assert shop.office.post("/v1/claims", body)["state"] == "credited"


def test_a_client_claims_for_members_only_so_often_a_day(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = Calendar(monkeypatch, datetime(2031, 5, 5, 12, tzinfo=UTC)).now
    fresh_shop.publish(
        {**BASIC, "claims": {"staff_per_day": 2}}, effective_from=datetime(2020, 1, 1, tzinfo=UTC)
    )
    member = fresh_shop.enrol()
    answers = [
        fresh_shop.office.post(
            "/v1/claims",
            {"member_id": member, "claim_code": sell(fresh_shop, receipt(at=noon))["claim_code"]},
        )
        for _ in range(3)
    ]
    assert [answer.status for answer in answers] == [201, 201, 409]
    assert answers[2].code == "claim_allowance_used_up"
    assert fresh_shop.balance(member)["available"] == 20


def test_a_claimed_purchase_counts_once(fresh_shop: Shop) -> None:
    member = fresh_shop.enrol()
    sold = sell(fresh_shop, receipt(line(1000)))
    fresh_shop.member(member).post("/v1/me/claims", {"claim_code": sold["claim_code"]})
    totals = fresh_shop.office.get("/v1/program/totals").body
    assert (totals["purchases"], totals["points_issued"], totals["members"]) == (1, 10, 1)


def test_the_same_receipt_after_its_claim_still_answers_as_a_copy(shop: Shop) -> None:
    member = shop.enrol()
    body = receipt(line(1000))
    sold = sell(shop, body)
    shop.member(member).post("/v1/me/claims", {"claim_code": sold["claim_code"]})
    again = shop.till.post("/v1/purchases", body, key=None)
    assert again.status == 201
    assert again["purchase_id"] == sold["purchase_id"]

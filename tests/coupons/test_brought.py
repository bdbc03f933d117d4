"""Codes that the merchant brings: printed already, in several campaigns at once, each for its own households."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.coupons.printing import validate
from tests.purchases.racing import breaches
from tests.support.documents import with_lots
from tests.support.shop import Reply, Shop, line, receipt

NOW = datetime.now(UTC)
WEEK = timedelta(days=7)
UPC, OTHER = "51380041013", "5138004 13-13"


def campaign(shop: Shop, number: int, begins: datetime, *codes: str, **more: Any) -> Reply:
    """Four weeks of codes for those who are meant by a campaign."""
    brought = [{"code": code, "name": f"c{number}:{code}"} for code in codes]
    body = {
        "name": f"campaign {number}", "kind": "limited", "uses": 100, "codes": brought,
        "audience": {"segment": [f"campaign-{number}"]}, "valid_from": begins.isoformat(),
        "valid_until": (begins + 4 * WEEK).isoformat(),
    }  # fmt: skip
    return shop.office.post("/v1/coupon-batches", {**body, **more})


@pytest.fixture(scope="module")
def lane(shop: Shop) -> Shop:
    """Campaign 1 is on, campaign 2 is over, and both have the same code; a rule asks for the name of the first."""
    document = with_lots()
    document["earn"]["rules"] += [
        {"id": "first", "kind": "bonus", "points": 40, "when": {"coupon": [f"c1:{UPC}"]}},
        {"id": "plain", "kind": "bonus", "points": 7, "when": {"coupon": ["5701234567890"]}},
    ]
    shop.publish(document, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    for n, begins, codes in ((1, NOW - WEEK, (UPC, OTHER)), (2, NOW - 6 * WEEK, (UPC,))):
        made = campaign(shop, n, begins, *codes)
        assert (made.status, made["made"], made["state"]) == (201, len(codes), "handed_out"), made.body
    for card, tags in (
        ("CARD1", ["campaign-1"]),
        ("CARD2", ["campaign-2"]),
        ("CARD12", ["campaign-1", "campaign-2"]),
    ):
        shop.enrol(card, tags=tags)
    shop.enrol("CARD0")
    return shop


def asked(shop: Shop, card: str, at: datetime = NOW, code: str = UPC) -> str | None:
    """The name that a code counts under for whoever has this card, or why it does not."""
    who = {"kind": "card", "value": card}
    found = validate(shop.till, code, identifier=who, occurred_at=at.isoformat())
    name: str | None = found["name"] if found.status == 200 else found.code
    return name


def test_a_code_counts_by_the_campaign_that_is_for_who_shows_it(lane: Shop) -> None:
    first, second = f"c1:{UPC}", f"c2:{UPC}"
    assert asked(lane, "CARD1") == asked(lane, "CARD12") == first
    assert asked(lane, "CARD2") == "coupon_expired", "not that the other campaign is for others"
    assert asked(lane, "CARD2", NOW - 4 * WEEK) == asked(lane, "CARD12", NOW - 4 * WEEK) == second
    assert asked(lane, "CARD1", NOW - 4 * WEEK) == "coupon_not_yet_valid"
    assert asked(lane, "CARD0") == asked(lane, "CARD0", NOW - 4 * WEEK) == "coupon_not_yours"
    assert asked(lane, "CARD1", code=" 51380041313 ") == f"c1:{OTHER}", "dashes and spaces do not matter"
    assert validate(lane.till, UPC).code == "coupon_not_yours", "nobody is known"


def test_a_purchase_uses_it_under_that_name(lane: Shop) -> None:
    sold = lane.till.post("/v1/purchases", receipt(card="CARD1", coupons=[UPC]), key=None)
    (shown,) = sold["coupons"]
    assert (shown["status"], shown["name"], shown["code"]) == ("used", f"c1:{UPC}", UPC)
    assert sold["points"]["bonus"] == 40
    (use,) = lane.office.get(f"/v1/coupons/{shown['coupon_id']}/uses")["data"]
    assert use["purchase_id"] == sold["purchase_id"]
    again = lane.till.post("/v1/purchases", receipt(card="CARD12", coupons=[UPC]), key=None)
    assert again["coupons"][0]["status"] == "used", "as often as its uses say, by whoever is meant"
    off = line(1000, discounts=[{"source": "coupon", "coupon": OTHER, "amount": 100}])
    named = lane.till.post("/v1/purchases", receipt(off, card="CARD1", coupons=[OTHER]), key=None)
    assert named["coupons"][0]["status"] == "used", "the till took money off for it"
    stranger = lane.till.post("/v1/purchases", receipt(card="CARD0", coupons=[UPC]), key=None)
    assert stranger["discrepancies"] == [{"code": "coupon_not_yours", "coupon": UPC}]
    assert breaches(lane) == []


def test_its_name_is_no_code_and_other_peoples_codes_are_names_as_ever(lane: Shop) -> None:
    sold = lane.till.post(
        "/v1/purchases", receipt(card="CARD1", coupons=[f"c1:{UPC}", "5701234567890"]), key=None
    )
    assert (sold["points"]["bonus"], [each["code"] for each in sold["discrepancies"]]) == (
        7,
        ["coupon_unknown"],
    )


def test_the_office_blocks_a_code_in_one_campaign(lane: Shop) -> None:
    made = campaign(lane, 3, NOW - WEEK, "777", audience=None)
    assert asked(lane, "CARD0", code="777") == "c3:777"
    (coupon,) = lane.office.get(f"/v1/coupon-batches/{made['batch_id']}/coupons")["data"]
    assert (coupon["code"], coupon["name"]) == ("…777", "c3:777")
    lane.office.post(f"/v1/coupons/{coupon['coupon_id']}/block")
    assert asked(lane, "CARD0", code="777") == "coupon_unknown"
    assert lane.office.post(f"/v1/coupon-batches/{made['batch_id']}/codes", {"after": 0}, key=None).code == (
        "codes_handed_out"
    )


def test_what_cannot_be_brought_is_refused_with_its_place(lane: Shop) -> None:
    ours = "7GK2M-PX4RW-9HTB-C3FD"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"codes": [{"code": ours}]}, "/codes/0/code"),
        ({"codes": [{"code": "1 2"}, {"code": "12"}]}, "/codes/1/code"),
        ({"codes": [{"code": " -"}]}, "/codes/0/code"),
        ({"codes": [{"code": "12", "name": ours}]}, "/codes/0/name"),
        ({"codes": [{"code": "12"}], "count": 3}, "/codes"),
        (
            {"codes": [{"code": "12"}], "kind": "personal", "members": ["mbr_01m80xfza0e4trdbsjq23m1646"]},
            "/codes",
        ),
    ]
    for more, pointer in cases:
        refused = lane.office.post("/v1/coupon-batches", {"name": "X", "kind": "single", **more})
        assert pointer in [fault["pointer"] for fault in refused["errors"]], refused.body

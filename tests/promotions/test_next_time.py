"""A discount on the next purchase: a coupon that a sale gives, and that unlocks another promotion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty_api.rating.rules import check_document
from tests.coupons.printing import validate
from tests.promotions.till import back, buy, of, quote
from tests.purchases.racing import at_once, breaches
from tests.support.documents import with_lots
from tests.support.shop import Reply, Shop, receipt

CARD = "9812000000077"
DAY = timedelta(days=1)


def thanks(**more: Any) -> dict[str, Any]:
    """A promotion that gives a coupon called THANKS for two days, at once, for a basket of 20.00."""
    coupon = {"name": "THANKS", "valid_days": 2, "from": "at_once"}
    return {"id": "thanks", "minimum_basket": 2000, "benefit": {"coupon": coupon}, **more}


@pytest.fixture(scope="module")
def lane(shop: Shop) -> Shop:
    """A shop that gives a coupon from 20.00 on, with which the next apples cost a fifth less."""
    off = {"percent": {"off": "20", "on": "lines"}}
    document = with_lots()
    document["promotions"] = [
        thanks(),
        thanks(id="tomorrow", minimum_basket=0, where={"sku": ["milk"]},
               benefit={"coupon": {"name": "LATER", "valid_days": 3}}),
        {"id": "apples", "where": {"sku": ["apple"]}, "when": {"coupon": ["THANKS"]}, "benefit": off},
    ]  # fmt: skip
    shop.publish(document, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    shop.enrol(CARD)
    return shop


def sell(shop: Shop, *lines: dict[str, Any], card: str | None = CARD, **more: Any) -> Reply:
    """A sale that gives something."""
    sold = shop.till.post("/v1/purchases", receipt(*lines, card=card, **more), key=None)
    assert sold.status == 201, sold.body
    return sold


def given(sold: Reply) -> list[dict[str, Any]]:
    """The coupons that a sale gave."""
    return [each for each in sold["coupons"] if each["status"] == "issued"]


def of_member(shop: Shop, sold: Reply) -> dict[str, Any]:
    """The coupon that a sale gave, as its member sees it."""
    listed = shop.member(sold["member_id"]).get("/v1/me/coupons")["data"]
    return next(each for each in listed if each["coupon_id"] == given(sold)[0]["coupon_id"])


def test_a_quote_says_it_the_sale_gives_it_and_the_next_sale_uses_it(lane: Shop) -> None:
    at = datetime.now(UTC)
    asked = quote(lane, of(2500, "bread"), card=CARD, at=at)
    (coming,) = asked["coupons"]
    assert (coming["status"], coming["name"], coming["code"]) == ("to_be_issued", "THANKS", None)
    sold = buy(lane, asked, of(2500, "bread"), card=CARD, at=at)
    (issued,) = given(sold)
    assert (issued["rule"], issued["valid_until"]) == ("thanks", coming["valid_until"])
    assert issued["code"] in [line["value"] for line in sold["receipt_lines"]], "it is printed"
    assert of_member(lane, sold)["code"] == issued["code"], "and the member reads it in the app"
    assert (
        given(lane.till.get(f"/v1/purchases/{sold['purchase_id']}"))[0]["code"] == "…" + issued["code"][-4:]
    )
    assert not given(sell(lane, of(1999, "bread")))
    later = quote(lane, of(1000, "apple"), card=CARD, coupons=[issued["code"]])
    assert later["totals"]["program_discounts"] == 200
    used = buy(lane, later, of(1000, "apple"), card=CARD, coupons=[issued["code"]])
    assert [each["status"] for each in used["coupons"]] == ["used"]
    assert (
        quote(lane, of(1000, "apple"), card=CARD, coupons=[issued["code"]])["totals"]["program_discounts"]
        == 0
    )
    assert breaches(lane) == []


def test_a_sale_that_is_told_again_gives_nothing_more(lane: Shop) -> None:
    body = receipt(of(2500, "bread"), card=CARD)
    answers = at_once(*[lambda: lane.till.post("/v1/purchases", body, key=None)] * 8)
    first = answers[0]
    assert {each.body["coupons"][0]["code"] for each in answers} == {given(first)[0]["code"]}
    listed = lane.member(first["member_id"]).get("/v1/me/coupons")["data"]
    assert len([each for each in listed if each["coupon_id"] == given(first)[0]["coupon_id"]]) == 1


def test_it_counts_from_the_next_local_day_through_its_last(lane: Shop) -> None:
    at = datetime.now(UTC)
    sold = sell(lane, of(500, "milk"), at=at)
    (issued,) = given(sold)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    window = [datetime.fromisoformat(issued[name]) for name in ("valid_from", "valid_until")]
    assert window == [midnight + DAY, midnight + 4 * DAY], "the program's day is that of UTC"
    early = {"member_id": sold["member_id"], "occurred_at": at.isoformat()}
    assert validate(lane.till, issued["code"], **early).code == "coupon_not_yet_valid"


def test_who_is_nobody_has_a_code_that_counts_for_whoever_shows_it(lane: Shop) -> None:
    (issued,) = given(sell(lane, of(2500, "bread"), card=None))
    later = quote(lane, of(1000, "apple"), card=None, coupons=[issued["code"]])
    assert later["totals"]["program_discounts"] == 200


def test_a_return_that_breaks_its_condition_takes_it_back_and_undoing_that_gives_it_again(lane: Shop) -> None:
    sold = sell(lane, of(1500, "bread"), of(1000, "milk", 2), of(600, "bread", 3))
    thanks, later = given(sold)
    kept = back(lane, sold, {"line_id": "3", "quantity": 1})
    assert kept["coupons"] == [], "there is enough left"
    broken = back(lane, sold, {"line_id": "1", "quantity": 1})
    assert broken["coupons"] == [{"code": "…" + thanks["code"][-4:], "status": "taken_back"}]
    assert (broken["money"]["shortfall"], broken["discrepancies"]) == (0, [])
    assert of_member(lane, sold)["state"] == "taken_back"
    assert validate(lane.till, thanks["code"], member_id=sold["member_id"]).code == "coupon_unknown"
    undone = lane.till.post(f"/v1/returns/{broken['return_id']}/void", {"reason": "mistake"})
    assert undone.status == 201, undone.body
    assert of_member(lane, sold)["state"] == "issued"
    voided = lane.till.post(
        "/v1/voids", {"original": {"purchase_id": sold["purchase_id"]}, "reason": "mistake"}
    )
    assert sorted(each["code"] for each in voided["coupons"]) == sorted(
        "…" + each["code"][-4:] for each in (thanks, later)
    )
    assert breaches(lane) == []


def test_what_was_used_already_is_named_with_what_it_took_off(lane: Shop) -> None:
    sold = sell(lane, of(2500, "bread"))
    code = given(sold)[0]["code"]
    buy(
        lane,
        quote(lane, of(1000, "apple"), card=CARD, coupons=[code]),
        of(1000, "apple"),
        card=CARD,
        coupons=[code],
    )
    returned = back(lane, sold)
    assert returned["coupons"] == [{"code": "…" + code[-4:], "status": "stays_used"}]
    assert returned["discrepancies"] == [{"code": "condition_lost", "rule": "thanks", "amount": 200}]
    assert (returned["money"]["shortfall"], returned["money"]["refundable"]) == (200, 2500)
    assert breaches(lane) == []


def test_a_coupon_takes_nothing_off_and_so_has_no_lane_and_no_caps() -> None:
    document = with_lots(
        promotions=[thanks(lane="line", units="shared", caps={"amount": 5, "applications": 1})]
    )
    assert [fault.pointer for fault in check_document(document)] == [
        "/promotions/0/lane",
        "/promotions/0/units",
        "/promotions/0/caps/amount",
        "/promotions/0/caps/applications",
    ]

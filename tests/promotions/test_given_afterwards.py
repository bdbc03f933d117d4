"""A sale that finds its member afterwards gives the member the coupons that it would have given to a member."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.promotions.till import back, of
from tests.purchases.racing import at_once, breaches, insisting, settled
from tests.support.documents import with_lots
from tests.support.shop import Reply, Shop, receipt

CARD = "9812000000077"
DAY = timedelta(days=1)
MEMBERS = {"member": {"staff": False}}


def coupon(rule: str, name: str = "THANKS", **more: Any) -> dict[str, Any]:
    """A promotion that gives a coupon for two days for a basket of 20.00."""
    return {
        "id": rule,
        "minimum_basket": 2000,
        "benefit": {"coupon": {"name": name, "valid_days": 2}},
        **more,
    }


@pytest.fixture(scope="module")
def lane(shop: Shop) -> Shop:
    """A shop that gives everybody a coupon, and members one besides; of group G one of two."""
    document = with_lots(purchases={"late_days": 31})
    document["promotions"] = [
        coupon("all", group="g", priority=1),
        coupon("again", group="g", when=MEMBERS),
        coupon("ours", "OURS", when=MEMBERS),
        coupon(
            "few",
            "FEW",
            where={"sku": ["milk"]},
            budget={"times": 3},
            limits=[{"per": "program", "times": 1}],
        ),
        coupon("last", "LAST", when=MEMBERS, where={"sku": ["tea"]}, budget={"times": 1}),
    ]
    shop.publish(document, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    shop.enrol(CARD)
    return shop


def sell(shop: Shop, *lines: dict[str, Any], card: str | None = None, **more: Any) -> Reply:
    """A sale of nobody's, unless there is a card."""
    sold = shop.till.post("/v1/purchases", receipt(*lines, card=card, **more), key=None)
    assert sold.status == 201, sold.body
    return sold


def given(sold: Reply) -> list[str]:
    """The promotions that gave coupons."""
    return [each["rule"] for each in sold["coupons"] if each["status"] == "issued"]


def claim(shop: Shop, member: str, sold: Reply) -> Reply:
    return shop.member(member).post("/v1/me/claims", {"claim_code": sold["claim_code"]})


def test_the_member_who_claims_a_sale_has_what_it_gives_to_members_once(lane: Shop) -> None:
    at = datetime.now(UTC)
    sold = sell(lane, of(2500, "bread"), at=at)
    assert given(sold) == ["all"]
    member = lane.enrol("9812000000078")
    asked = [claim(lane, member, sold) for _ in range(2)]
    assert [one["state"] for one in asked] == ["credited", "already_claimed"]
    (ours,) = asked[0]["coupons"]
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    assert (ours["rule"], ours["status"]) == ("ours", "issued")
    assert datetime.fromisoformat(ours["valid_until"]) == midnight + 3 * DAY
    assert asked[1]["coupons"] == []
    (listed,) = lane.member(member).get("/v1/me/coupons")["data"]
    assert listed["coupon_id"] == ours["coupon_id"]
    shown = lane.till.get(f"/v1/purchases/{sold['purchase_id']}")
    assert given(shown) == ["all", "ours"]
    assert breaches(settled(lane)) == []
    undone = lane.till.post(
        "/v1/voids", {"original": {"purchase_id": sold["purchase_id"]}, "reason": "mistake"}
    )
    assert [each["status"] for each in undone["coupons"]] == ["taken_back"] * 2
    assert breaches(settled(lane)) == []


def test_a_coupon_whose_time_is_over_is_not_given_and_the_answer_says_so(lane: Shop) -> None:
    sold = sell(lane, of(2500, "bread"), at=datetime.now(UTC) - 5 * DAY)
    early = sell(lane, of(2500, "bread"), card="9812000000079")
    gone = sell(lane, of(2500, "bread"), of(2500, "bread", 2))
    back(lane, gone, {"line_id": "2", "quantity": 1})
    member = lane.enrol("9812000000079")
    settled(lane)
    claimed = [claim(lane, member, one) for one in (sold, gone)]
    assert [one["state"] for one in claimed] == ["credited"] * 2
    (over,) = claimed[0]["coupons"]
    assert (over["rule"], over["status"], over["reason"], over["coupon_id"]) == (
        "ours", "not_issued", "coupon_expired", None,
    )  # fmt: skip
    kept = lane.till.get(f"/v1/purchases/{sold['purchase_id']}")["coupons"]
    assert [each["status"] for each in kept] == ["issued", "not_issued"]
    assert claimed[1]["coupons"] == []
    found = lane.till.get(f"/v1/purchases/{early['purchase_id']}")
    assert given(found) == ["all", "ours"], "enrolled with the card that was scanned"
    assert breaches(settled(lane)) == []


def test_a_sale_that_a_person_rates_gives_what_still_counts(lane: Shop) -> None:
    late = sell(lane, of(2500, "bread"), card=CARD, at=datetime.now(UTC) - 40 * DAY)
    assert given(late) == []
    seen = lane.office.post(f"/v1/purchases/{late['purchase_id']}/review", {"note": "Line down."})
    assert [each["status"] for each in seen["coupons"]] == ["not_issued"] * 2
    assert breaches(settled(lane)) == []


def test_coupons_are_counted_by_budgets_and_limits_then_and_afterwards(lane: Shop) -> None:
    cards = [f"98120000001{n:02}" for n in range(8)]
    members = [lane.enrol(card) for card in cards[:6]]
    sales = [
        insisting(lane.till, "/v1/purchases", receipt(of(2500, "milk"), card=card), key=None)
        for card in cards * 2
    ]
    answers = at_once(*sales)
    got = [one["member_id"] for one in answers if "few" in given(one)]
    assert len(got) == len(set(got)) == 3, "there are three, and one for each member"
    unknown = next(one for one in answers if one["claim_code"])
    assert given(claim(lane, members[0], unknown)) == ["ours"], "and none is left for who claims"
    (use,) = lane.office.get("/v1/promotions/few")["use"]
    assert use["left"] == {"times": 0}
    assert breaches(settled(lane)) == []
    first = next(one for one in answers if "few" in given(one))
    asked = {"original": {"purchase_id": first["purchase_id"]}, "reason": "mistake"}
    assert lane.till.post("/v1/voids", asked).status == 201
    late = sell(lane, of(2500, "milk"))
    assert "few" not in given(late), "it is for members"
    (own,) = [
        one for one in claim(lane, lane.enrol("9812000000190"), late)["coupons"] if one["rule"] == "few"
    ]
    assert own["status"] == "issued"
    assert breaches(settled(lane)) == []


def test_the_merchant_hears_of_a_budget_whose_last_is_taken_afterwards(lane: Shop) -> None:
    sold = sell(lane, of(2500, "tea"))
    assert told_used_up(lane) == []
    claim(lane, lane.enrol("9812000000191"), sold)
    assert told_used_up(lane) == [{"purchase_id": sold["purchase_id"], "times": 1, "period": "always"}]
    again = sell(lane, of(2500, "tea"), at=datetime.now(UTC) - 40 * DAY, card=CARD)
    lane.office.post(f"/v1/purchases/{again['purchase_id']}/review", {"note": "Line down."})
    assert len(told_used_up(lane)) == 1
    assert breaches(settled(lane)) == []


def told_used_up(shop: Shop) -> list[dict[str, Any]]:
    """What the merchant is told of the end of the promotion ``last``."""
    sql = "SELECT body FROM events WHERE kind = 'promotion_exhausted' AND subject = 'last'"
    with shop.database.snapshot() as connection:
        return [row[0] for row in connection.execute(sql)]

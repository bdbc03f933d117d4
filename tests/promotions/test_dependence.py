"""How much of what is bought depends on discounts: of one member, and of all of them."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.promotions.till import back, buy, of, quote
from tests.support.shop import BASIC, Shop

DEAR, CHEAP = of(10_000, "apple"), of(1_000, "bread")
OFF = {"id": "apples", "where": {"sku": ["apple"]}, "benefit": {"percent": {"off": "10", "on": "lines"}}}


def of_member(shop: Shop, member: str, **more: int) -> dict[str, object]:
    asked = "&".join(f"{name}={value}" for name, value in more.items())
    answer = shop.office.get(f"/v1/members/{member}/discount-dependence?{asked}")
    assert answer.status == 200, answer.body
    return dict(answer.body)


def test_it_is_what_was_paid_in_purchases_with_a_discount(shop: Shop) -> None:
    shop.publish({**BASIC, "promotions": [OFF]}, effective_from=datetime.now(UTC))
    before = shop.office.get("/v1/program/discount-dependence?days=30").body
    member = shop.enrol("DEPENDS")
    assert of_member(shop, member)["share_percent"] is None
    for line in (DEAR, CHEAP, CHEAP):
        buy(shop, quote(shop, line, card="DEPENDS"), line, card="DEPENDS")
    given_back = buy(shop, quote(shop, DEAR, card="DEPENDS"), DEAR, card="DEPENDS")
    back(shop, given_back)
    assert of_member(shop, member, days=7) == {
        "member_id": member, "days": 7, "purchases": 3, "purchases_discounted": 1, "paid_minor": 11_000,
        "paid_discounted_minor": 9_000, "discounts_minor": 1_000, "share_percent": 81,
    }  # fmt: skip
    buy(shop, quote(shop, CHEAP, card="DEPENDS"), CHEAP, card="DEPENDS")
    # Walk-ins buy too, and are nobody whose habits could be known.
    buy(shop, quote(shop, DEAR, card=None), DEAR, card=None)
    after = shop.office.get("/v1/program/discount-dependence?days=30").body
    grown = {
        name: after[name] - before[name]
        for name in after
        if name not in ("regulars", "share_percent", "days")
    }
    assert grown == {
        "members": 1, "purchases": 4, "purchases_discounted": 1, "paid_minor": 12_000, "paid_discounted_minor": 9_000,
        "discounts_minor": 1_000,
    }  # fmt: skip
    # 75 % of four purchases: a regular in the last band.
    bands = {name: after["regulars"][name] - before["regulars"][name] for name in after["regulars"]}
    assert bands == {"none": 0, "under_25": 0, "under_50": 0, "under_75": 0, "from_75": 1}


def test_nobody_in_particular_and_tills_are_not_told(shop: Shop) -> None:
    assert shop.office.get("/v1/members/mbr_01m80xfza0e4trdbsjq23m1646/discount-dependence").status == 404
    assert shop.till.get("/v1/program/discount-dependence").status == 403

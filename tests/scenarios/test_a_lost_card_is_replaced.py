"""A card is lost: what was earned stays, who finds it gains nothing, and the new one works at once."""

from __future__ import annotations

from tests.purchases.racing import breaches, settled
from tests.support.shop import Reply, Shop, line, receipt


def sell(shop: Shop, card: str, points: int) -> Reply:
    sold = shop.till.post("/v1/purchases", receipt(line(points * 100), card=card), key=None)
    assert sold.status == 201
    return sold


def test_a_lost_card_is_replaced(fresh_shop: Shop) -> None:
    shop, old, new = fresh_shop, "LOSTCARD1", "NEWCARD1"
    member = shop.enrol(old)
    sell(shop, old, 120)

    # The new card was used at a till before the office knew it.
    early = sell(shop, new, 30)
    assert early["match"] == "unknown_identifier"

    listed = shop.office.get(f"/v1/members/{member}/identifiers")["data"]
    replaced = shop.office.post(
        f"/v1/members/{member}/identifiers/{listed[0]['identifier_id']}/replace",
        {"reason": "lost", "value": new},
    )
    assert replaced.status == 201, replaced.body
    settled(shop)

    # The points are where they were, and the early receipt has found its member.
    assert shop.balance(member)["available"] == 150
    assert shop.member(member).get("/v1/me/card")["value"] == new
    assert shop.member(member).get("/v1/me/summary")["card"]["value"] == new

    # Whoever found the old card shops as a stranger.
    assert sell(shop, old, 40)["match"] == "unknown_identifier"
    assert sell(shop, new, 10)["balance"]["available"] == 160
    lookup = shop.till.post("/v1/members/lookup", {"identifier": {"kind": "card", "value": old}})
    assert (lookup.status, lookup.code) == (404, "identifier_unknown")
    assert shop.balance(member)["available"] == 160
    assert breaches(shop) == []

"""A day at the service desk: half comes back, then the rest; a queued return; a wrong price; an exchange."""

from __future__ import annotations

from tests.purchases.racing import breaches
from tests.returns.selling import bring, figures, goods, paper, sell
from tests.support.shop import Shop, line, receipt


def test_goods_come_back(fresh_shop: Shop) -> None:
    shop, till, desk = fresh_shop, fresh_shop.till, fresh_shop.caller("terminal", store="str_2")
    member = shop.enrol("9400000000031")
    card = "9400000000031"

    # Two shirts are bought; one comes back to another store, where the paper receipt is all there is.
    sale, sold = sell(shop, line(49_900, quantity=2), line(5990, line_id="2", sku="apple"), card=card)
    assert sold["points"]["earned"] == 499 + 59 + 59
    half = bring(shop, goods(paper(sale), {"line_id": "1", "quantity": 1}, reason="too small"))
    assert (half["status"], half["points"]["taken_back"], half["money"]["refundable"]) == (
        "applied",
        249,
        24_950,
    )
    assert half["receipt_lines"][0]["value"] == "-249"

    # The rest follows a week later; then nothing is left, and nothing was won by it.
    rest = bring(shop, goods(paper(sale)))
    assert rest["points"]["taken_back"] == 250 + 59 + 59
    assert till.get(f"/v1/purchases/{sold['purchase_id']}")["status"] == "returned"
    assert figures(shop, member) == (0, 0, 0)

    # A till without a line queued its sale; the goods are back at the desk before the sale is.
    queued = receipt(line(10_000, quantity=4), card=card, offline=True)
    early = bring(shop, goods(paper(queued), {"line_id": "1", "quantity": 1}))
    assert (early["status"], early["lines"], early["points"]["taken_back"]) == ("waiting", [], 0)
    till.post("/v1/purchases", queued, key=None)
    applied = desk.get(f"/v1/returns/{early['return_id']}")
    assert (applied["status"], applied["points"]["taken_back"]) == ("applied", 25)
    assert figures(shop, member) == (75, 0, 0)

    # A wrong price: the sale is undone and rung up again under a new number that names it.
    wrong, rung = sell(shop, line(20_000), card=card)
    voided = till.post(f"/v1/purchases/{rung['purchase_id']}/void", {"reason": "wrong price"})
    assert (voided["kind"], voided["points"]["taken_back"]) == ("void", 200)
    sell(shop, line(15_000), card=card, replaces=wrong["reference"])
    assert figures(shop, member) == (75 + 150, 0, 0)

    # An exchange: the return first, then the sale, tied by one number.
    tied = {"exchange_reference": "X-0017"}
    back = bring(shop, goods(paper(queued), {"line_id": "1", "quantity": 1}, kind="exchange", **tied))
    assert (back["exchange_reference"], back["points"]["taken_back"]) == ("X-0017", 25)
    sell(shop, line(3000), card=card, **tied)
    assert figures(shop, member) == (75 + 150 - 25 + 30, 0, 0)

    # The office sees what was sold and what came back; the books hold.
    totals = shop.office.get("/v1/program/totals").body
    assert (totals["purchases"], totals["returns"], totals["voids"]) == (5, 4, 1)
    assert totals["refundable_minor"] == 49_900 + 5990 + 2 * 2500 + 20_000
    assert totals["points_issued"] == figures(shop, member)[0]
    kinds = [item["kind"] for item in shop.member(member).get("/v1/me/activity")["data"]]
    assert kinds.count("return") == 5
    assert breaches(shop) == []

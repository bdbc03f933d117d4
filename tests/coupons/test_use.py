"""Coupons at the till: used with the purchase they did something for, given back with it, never a reason to refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.coupons.printing import one, printed, validate
from tests.purchases.racing import at_once, breaches, insisting
from tests.returns.selling import bring, goods, paper
from tests.support.documents import with_lots
from tests.support.shop import Reply, Shop, line, receipt

CARD = "9812000000001"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def lane(shop: Shop) -> Shop:
    """A shop that gives 50 points for the coupon FRESH and 7 for another retailer's code, and a member."""
    document = with_lots()
    document["earn"]["rules"] += [
        {"id": "fresh", "kind": "bonus", "points": 50, "when": {"coupon": ["FRESH"]}},
        {"id": "foreign", "kind": "bonus", "points": 7, "when": {"coupon": ["5701234567890"]}},
        {
            "id": "bread",
            "kind": "bonus",
            "points": 3,
            "where": {"sku": ["apple"]},
            "when": {"coupon": ["APPLE"]},
        },
    ]
    off = {"amount": {"off": 200, "on": "basket"}}
    document["promotions"] = [
        {"id": "leaflet", "when": {"coupon": ["LEAFLET"]}, "benefit": off},
        {"id": "fruit", "where": {"sku": ["apple"]}, "benefit": {"percent": {"off": "10", "on": "lines"}}},
    ]
    shop.publish(document, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    shop.enrol(CARD)
    return shop


def sell(shop: Shop, *coupons: str, **more: Any) -> Reply:
    """A sale to the member, with these coupons."""
    body = receipt(**{"card": CARD, **more}, coupons=list(coupons))
    return shop.till.post("/v1/purchases", body, key=None)


def told(sold: Reply) -> list[tuple[str, str | None]]:
    """What became of each coupon, and why not."""
    return [(shown["status"], shown["reason"]) for shown in sold["coupons"]]


def odd(sold: Reply) -> list[str]:
    return [each["code"] for each in sold["discrepancies"]]


def test_a_coupon_is_used_with_the_purchase_once(lane: Shop) -> None:
    (made,) = printed(lane)
    code = made["code"]
    first = sell(lane, code.lower().replace("-", " "))
    assert first["points"]["bonus"] == 50
    shown = {
        "code": "…" + code[-4:],
        "coupon_id": made["coupon_id"],
        "name": "FRESH",
        "status": "used",
        "reason": None,
    }
    assert first["coupons"] == [shown]
    again = sell(lane, code)
    assert (again.status, again["points"]["bonus"], told(again)) == (201, 0, [("not_used", "coupon_used")])
    assert odd(again) == ["coupon_used_elsewhere"]
    assert validate(lane.till, code).code == "coupon_used"
    assert lane.till.get(f"/v1/purchases/{first['purchase_id']}")["coupons"] == [shown]
    coupon = lane.office.get(f"/v1/coupons/{made['coupon_id']}")
    assert (coupon["state"], coupon["uses"], coupon["uses_left"]) == ("used", 1, 0)
    (use,) = lane.office.get(f"/v1/coupons/{made['coupon_id']}/uses")["data"]
    assert (use["purchase_id"], use["store"], use["member_id"]) == (
        first["purchase_id"],
        "str_1",
        first["member_id"],
    )
    assert breaches(lane) == []


def test_what_does_nothing_is_not_used_up(lane: Shop) -> None:
    other, apple = one(lane, name="OTHER"), one(lane, name="APPLE")
    sold = sell(lane, other, apple)
    assert told(sold) == [("not_used", "no_effect")] * 2
    assert odd(sold) == []
    assert validate(lane.till, apple)["uses_left"] == 1
    with_apple = sell(lane, apple, lines=[line(1000, sku="apple")])
    assert told(with_apple) == [("used", None)]


def test_of_two_coupons_with_one_name_one_is_used(lane: Shop) -> None:
    first, second = (each["code"] for each in printed(lane, count=2))
    sold = sell(lane, first, second, first)
    assert told(sold) == [("used", None), ("not_used", "no_effect")]
    assert sold["points"]["bonus"] == 50
    assert validate(lane.till, second)["usable"]


def test_a_sale_is_never_refused_for_a_coupon(lane: Shop) -> None:
    now = datetime.now(UTC)
    stranger = lane.enrol()
    printed(lane, kind="personal", members=[stranger])
    theirs = lane.member(stranger).get("/v1/me/coupons")["data"][0]["code"]
    cases = [
        (one(lane, valid_until=(now - HOUR).isoformat()), "coupon_expired"),
        (one(lane, valid_from=(now + HOUR).isoformat()), "coupon_not_yet_valid"),
        (one(lane, stores=["str_2"]), "coupon_not_here"),
        (one(lane, audience={"segment": ["nobody"]}), "coupon_not_yours"),
        (theirs, "coupon_not_yours"),
        ("AAAAA-AAAAA-AAAA-AAAA", "coupon_unknown"),
        ("FRESH", "coupon_unknown"),
    ]
    sold = sell(lane, *(code for code, _ in cases))
    assert (sold.status, sold["points"]["bonus"]) == (201, 0)
    assert odd(sold) == [code for _, code in cases]
    assert told(sold) == [("not_used", code) for _, code in cases]
    assert lane.till.get(f"/v1/purchases/{sold['purchase_id']}/explanation").status == 200


def test_other_peoples_coupons_are_names_as_ever(lane: Shop) -> None:
    sold = sell(lane, "5701234567890")
    assert (sold["points"]["bonus"], sold["coupons"], odd(sold)) == (7, [], [])


def test_a_late_receipt_is_judged_by_its_own_time(lane: Shop) -> None:
    now = datetime.now(UTC)
    code = one(lane, valid_until=(now - HOUR).isoformat())
    late = sell(lane, code, at=now - 2 * HOUR, offline=True)
    assert told(late) == [("used", None)]


def test_a_coupon_that_took_money_off_is_used_without_a_member_too(lane: Shop) -> None:
    code = one(lane, name="MONEY")
    off = line(1000, discounts=[{"source": "coupon", "coupon": code, "amount": 100}])
    sold = sell(lane, code, card=None, lines=[off], total=900, payments=[])
    assert told(sold) == [("used", None)]
    assert (sold["member_id"], odd(sold)) == (None, [])
    member = lane.enrol()
    claimed = lane.member(member).post("/v1/me/claims", {"claim_code": sold["claim_code"]})
    assert claimed["state"] == "credited", claimed.body
    coupon = sold["coupons"][0]["coupon_id"]
    assert lane.office.get(f"/v1/coupons/{coupon}/uses")["data"][0]["member_id"] == member
    assert breaches(lane) == []


@pytest.mark.parametrize("card", [CARD, None])
def test_a_coupon_unlocks_a_promotion_and_is_used_by_the_sale_that_took_the_money_off(
    lane: Shop, card: str | None
) -> None:
    code, other = one(lane, name="LEAFLET"), one(lane, name="OTHER")
    body = receipt(line(1000), line(500, sku="apple", line_id="2"), card=card, coupons=[code, other])
    asked = {
        name: body[name] for name in ("store", "terminal", "occurred_at", "currency", "lines", "coupons")
    }
    asked["identifier"] = body.get("identifier")
    assert (
        lane.till.post("/v1/quotes", {**asked, "coupons": []}, key=None)["totals"]["program_discounts"] == 50
    )
    quote = lane.till.post("/v1/quotes", asked, key=None)
    assert quote["totals"]["program_discounts"] == 250
    off = {each["line_id"]: each["discounts"] for each in quote["lines"]}
    charged = [{**each, "discounts": off[each["line_id"]]} for each in body["lines"]]
    full = lane.till.post("/v1/purchases", receipt(card=card, coupons=[code]), key=None)
    assert (told(full), odd(full)) == ([("not_used", "no_effect")], ["price_differs"]), (
        "no money was taken off"
    )
    sold = lane.till.post(
        "/v1/purchases", {**body, "lines": charged, "total": 1250, "payments": []}, key=None
    )
    assert (told(sold), odd(sold)) == ([("used", None), ("not_used", "no_effect")], [])
    again = lane.till.post("/v1/quotes", asked, key=None)
    assert (again["totals"]["program_discounts"], told(again)[0]) == (50, ("not_usable", "coupon_used"))
    assert breaches(lane) == []


def test_a_quote_says_what_would_count_and_uses_nothing(lane: Shop) -> None:
    code, expired = one(lane), one(lane, valid_until="2020-01-01T00:00:00Z")
    body = receipt(card=CARD, coupons=[code, expired])
    asked = {
        name: body[name] for name in ("store", "terminal", "occurred_at", "currency", "lines", "identifier")
    }
    asked["coupons"] = body["coupons"]
    for _ in range(2):
        quote = lane.till.post("/v1/quotes", asked, key=None)
        assert quote["points"]["bonus"] == 50
        assert told(quote) == [("usable", None), ("not_usable", "coupon_expired")]
        assert odd(quote) == ["coupon_expired"]
    guessing = lane.caller("terminal", store="str_2")
    wild = {**asked, "store": "str_2", "coupons": [f"22222-22222-2222-{n:04}".replace("0", "A").replace("1", "B")
                                                   for n in range(2000, 2050)]}  # fmt: skip
    assert {guessing.post("/v1/quotes", wild, key=None).status for _ in range(2)} == {429}


def test_no_code_stays_behind_in_clear(lane: Shop) -> None:
    code = one(lane)
    mistyped = one(lane)[:-2]
    body = receipt(
        line(1000, discounts=[{"source": "program", "coupon": code, "amount": 100}]),
        card=CARD,
        coupons=[code, mistyped],
    )
    assert lane.till.post("/v1/purchases", body).status == 201
    for table in ("purchases", "purchase_lines", "coupon_uses", "events", "idempotency_keys"):
        with lane.database.snapshot() as connection:
            rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
        assert not [row for row in rows if code[:11] in row[0] or mistyped[:11] in row[0]], table


def test_a_batch_of_receipts_uses_a_coupon_as_often_as_it_may(lane: Shop) -> None:
    (made,) = printed(lane, kind="limited", uses=3)
    items = [{"type": "purchase", "body": receipt(card=CARD, coupons=[made["code"]])} for _ in range(5)]
    answers = lane.till.upload("POST", "/v1/batch", items).lines
    assert {answer["status"] for answer in answers} == {"created"}
    assert [answer["points"] for answer in answers] == [60] * 3 + [10] * 2
    assert lane.till.upload("POST", "/v1/batch", items).lines[0]["status"] == "duplicate"
    assert lane.office.get(f"/v1/coupons/{made['coupon_id']}")["uses"] == 3
    assert breaches(lane) == []


def back(shop: Shop, sold: dict[str, Any], *lines: dict[str, Any]) -> Reply:
    return bring(shop, goods(paper(sold), *lines))


def test_a_coupon_comes_back_when_everything_came_back_and_goes_again_when_that_is_undone(lane: Shop) -> None:
    code = one(lane)
    sold = receipt(line(1000), line(1000, line_id="2"), card=CARD, coupons=[code])
    assert lane.till.post("/v1/purchases", sold, key=None)["coupons"][0]["status"] == "used"
    part = back(lane, sold, {"line_id": "1", "quantity": 1})
    assert part["coupons"] == [{"code": "…" + code[-4:], "status": "stays_used"}]
    assert validate(lane.till, code).code == "coupon_used"
    rest = back(lane, sold, {"line_id": "2", "quantity": 1})
    assert rest["coupons"] == [{"code": "…" + code[-4:], "status": "given_back"}]
    assert validate(lane.till, code)["state"] == "given_back"
    assert breaches(lane) == []
    lane.office.post(f"/v1/returns/{rest['return_id']}/void", {"reason": "mistake"})
    assert validate(lane.till, code).code == "coupon_used"
    assert breaches(lane) == []


def test_a_voided_sale_gives_its_coupon_back_and_it_can_be_rung_again(lane: Shop) -> None:
    code = one(lane)
    sold = receipt(card=CARD, coupons=[code])
    lane.till.post("/v1/purchases", sold, key=None)
    void = lane.till.post("/v1/voids", {"original": paper(sold), "reason": "wrong price"})
    assert [shown["status"] for shown in void["coupons"]] == ["given_back"]
    assert told(sell(lane, code, replaces=sold["reference"])) == [("used", None)]
    assert breaches(lane) == []


def test_a_program_may_keep_coupons_used(fresh_shop: Shop) -> None:
    document = with_lots(coupons={"give_back": ["void"]})
    document["earn"]["rules"].append(
        {"id": "fresh", "kind": "bonus", "points": 50, "when": {"coupon": ["FRESH"]}}
    )
    fresh_shop.publish(document, effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    fresh_shop.enrol(CARD)
    code = one(fresh_shop)
    sold = receipt(card=CARD, coupons=[code])
    fresh_shop.till.post("/v1/purchases", sold, key=None)
    assert back(fresh_shop, sold, {"line_id": "1", "quantity": 1})["coupons"][0]["status"] == "stays_used"
    void = fresh_shop.till.post("/v1/voids", {"original": paper(sold), "reason": "wrong price"})
    assert void["coupons"][0]["status"] == "given_back"
    kinds = [event["kind"] for event in fresh_shop.office.get("/v1/events?limit=200")["data"]]
    assert kinds.count("coupon_used") == kinds.count("coupon_given_back") == 1


@pytest.mark.parametrize(("kind", "uses"), [("single", 1), ("limited", 5)])
def test_64_tills_with_one_code_use_it_exactly_as_often_as_it_may_be(
    lane: Shop, kind: str, uses: int
) -> None:
    (made,) = printed(lane, kind=kind, uses=uses)
    cards = [f"98{uses}30000000{n:02}" for n in range(16)]
    for card in cards:
        lane.enrol(card)
    answers = at_once(
        *(
            insisting(
                lane.till,
                "/v1/purchases",
                receipt(card=cards[n % 16], coupons=[made["code"]]),
                key=None,
            )
            for n in range(64)
        )
    )
    assert {answer.status for answer in answers} == {201}
    assert sum(answer["coupons"][0]["status"] == "used" for answer in answers) == uses
    assert sum(answer["points"]["bonus"] == 50 for answer in answers) == uses
    assert sum(odd(answer) == ["coupon_used_elsewhere"] for answer in answers) == 64 - uses
    assert breaches(lane) == []


def test_of_two_codes_of_one_name_one_is_used(lane: Shop) -> None:
    """The rule asks for the name once: the other code is kept for another time."""
    first, second = (line["code"] for line in printed(lane, count=2))
    sold = sell(lane, first, second)
    assert sold["points"]["bonus"] == 50
    assert [status for status, _ in told(sold)] == ["used", "not_used"]
    assert sell(lane, second)["points"]["bonus"] == 50

"""Points as a tender: captured in the purchase's own transaction, and never a reason to refuse a sale."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_api.purchases import rules_paying
from loyalty_api.rulekit.basket import Basket, Line, LineDiscount
from tests.purchases.racing import at_once, breaches, insisting
from tests.redemptions.till import hold, opened, rich, step
from tests.support.shop import Reply, Shop, line, receipt


def paid_with(redemption: Reply | str, amount: int, rest: int = 0) -> list[dict[str, Any]]:
    named = redemption if isinstance(redemption, str) else redemption["redemption_id"]
    card = [{"kind": "card", "amount": rest}] if rest else []
    return [{"kind": "points", "amount": amount, "redemption_id": named}, *card]


def sell(shop: Shop, body: dict[str, Any]) -> Reply:
    sold = shop.till.post("/v1/purchases", body, key=None)
    assert sold.status == 201, sold.raw
    return sold


def codes(sold: Reply) -> list[str]:
    return [odd["code"] for odd in sold["discrepancies"]]


def test_a_purchase_captures_the_hold_that_pays_it(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    today = opened(fresh_shop, monkeypatch)
    member = rich(fresh_shop, today, 500, "PAY1")
    held = hold(fresh_shop.till, member, 2000)
    body = receipt(
        line(4500), line(2500, line_id="2"), card="PAY1", at=today.now, payments=paid_with(held, 2000, 5000)
    )
    sold = sell(fresh_shop, body)
    assert sold["discrepancies"] == []
    assert (sold["points"]["earned"], sold["points"]["spent"]) == (50, 200)
    assert sold["redemptions"] == [
        {"redemption_id": held["redemption_id"], "status": "captured", "points": 200, "amount": 2000}
    ]
    assert (sold["balance"]["available"], sold["balance"]["held"]) == (350, 0)
    assert ("Points used", "-200") in [(one["text"], one["value"]) for one in sold["receipt_lines"]]
    kept = fresh_shop.till.get(f"/v1/redemptions/{held['redemption_id']}")
    assert (kept["status"], kept["purchase_id"]) == ("captured", sold["purchase_id"])
    assert sell(fresh_shop, body).raw == sold.raw
    assert fresh_shop.balance(member)["available"] == 350
    assert breaches(fresh_shop) == []


def test_what_the_basket_did_not_need_of_the_hold_is_let_go(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = opened(fresh_shop, monkeypatch)
    member = rich(fresh_shop, today, 500, "PAY2")
    held = hold(fresh_shop.till, member, 3000)
    sold = sell(fresh_shop, receipt(line(1200), card="PAY2", at=today.now, payments=paid_with(held, 1200)))
    assert (sold["points"]["spent"], sold["balance"]["available"]) == (120, 380)
    assert breaches(fresh_shop) == []


@pytest.mark.parametrize(("minutes", "code", "debt"), [(10, None, 0), (40, "hold_expired", 0)])
def test_an_offline_sale_inside_its_hold_is_honoured_and_one_outside_is_not(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch, minutes: int, code: str | None, debt: int
) -> None:
    today = opened(fresh_shop, monkeypatch)
    member = rich(fresh_shop, today, 300, "PAY3")
    held = hold(fresh_shop.till, member, 2000)
    sold_at = today.pass_by(minutes=minutes)
    today.pass_by(hours=2)
    body = receipt(line(2000), card="PAY3", at=sold_at, payments=paid_with(held, 2000), offline=True)
    sold = sell(fresh_shop, body)
    assert codes(sold) == ([code] if code else [])
    assert sold["balance"]["available"] == (100 if code is None else 300)
    assert sold["balance"]["debt"] == debt
    assert breaches(fresh_shop) == []


def test_points_that_were_spent_meanwhile_are_owed(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    today = opened(fresh_shop, monkeypatch)
    member = rich(fresh_shop, today, 200, "PAY4")
    held = hold(fresh_shop.till, member, 2000)
    sold_at = today.pass_by(minutes=5)
    today.pass_by(hours=1)
    other = hold(fresh_shop.till, member, 2000)
    assert step(fresh_shop.till, other, "capture").status == 200
    body = receipt(line(2000), card="PAY4", at=sold_at, payments=paid_with(held, 2000), offline=True)
    sold = sell(fresh_shop, body)
    assert (sold["discrepancies"], sold["points"]["spent"]) == ([], 200)
    assert (sold["balance"]["available"], sold["balance"]["debt"]) == (0, 200)
    assert breaches(fresh_shop) == []


def test_a_sale_stands_whatever_is_wrong_with_its_redemption(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = opened(fresh_shop, monkeypatch)
    member = rich(fresh_shop, today, 300, "PAY5")
    rich(fresh_shop, today, 300, "PAY6")
    held = hold(fresh_shop.till, member, 1000)
    stranger = receipt(line(1000), card="PAY6", at=today.now, payments=paid_with(held, 1000))
    nobody = receipt(line(1000), at=today.now, payments=paid_with(held, 1000))
    nonsense = receipt(line(1000), card="PAY5", at=today.now, payments=paid_with("red_nonsense", 1000))
    assert codes(sell(fresh_shop, stranger)) == ["hold_not_yours"]
    assert codes(sell(fresh_shop, nobody)) == ["redemption_unknown"]
    assert codes(sell(fresh_shop, nonsense)) == ["redemption_unknown"]
    assert step(fresh_shop.till, held, "release").status == 200
    late = receipt(line(1000), card="PAY5", at=today.now, payments=paid_with(held, 1000))
    assert codes(sell(fresh_shop, late)) == ["already_released"]
    assert fresh_shop.balance(member)["available"] == 300
    assert breaches(fresh_shop) == []


def test_a_hold_pays_one_purchase_only(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    today = opened(fresh_shop, monkeypatch)
    member = rich(fresh_shop, today, 300, "PAY7")
    held = hold(fresh_shop.till, member, 1000)
    bodies = [
        receipt(line(1000), card="PAY7", at=today.now, payments=paid_with(held, 1000)) for _ in range(8)
    ]
    sold = at_once(*(insisting(fresh_shop.till, "/v1/purchases", body, key=None) for body in bodies))
    assert [one["points"]["spent"] for one in sold].count(100) == 1
    assert [codes(one)[:1] for one in sold].count(["already_captured"]) == 7
    assert fresh_shop.balance(member)["available"] == 200
    assert breaches(fresh_shop) == []


def test_a_redemption_that_is_named_twice_pays_the_sum(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = opened(fresh_shop, monkeypatch)
    member = rich(fresh_shop, today, 300, "PAY13")
    held = hold(fresh_shop.till, member, 1000)
    twice = paid_with(held, 400) + paid_with(held, 600)
    sold = sell(fresh_shop, receipt(line(1000), card="PAY13", at=today.now, payments=twice))
    assert (sold["points"]["spent"], sold["balance"]["available"]) == (100, 200)


def test_sales_of_an_outage_capture_too(fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    today = opened(fresh_shop, monkeypatch)
    member = rich(fresh_shop, today, 300, "PAY8")
    held = hold(fresh_shop.till, member, 1000)
    bodies = [
        receipt(line(500), card="PAY8", at=today.now),
        receipt(line(1000), card="PAY8", at=today.now, payments=paid_with(held, 1000)),
        receipt(line(700), card="PAY8", at=today.now),
    ]
    sent = fresh_shop.till.upload(
        "POST", "/v1/batch", [{"type": "purchase", "body": body} for body in bodies]
    )
    assert [one["status"] for one in sent.lines] == ["created"] * 3
    assert fresh_shop.balance(member)["available"] == 300 - 100 + 5 + 7
    assert breaches(fresh_shop) == []


def quote(shop: Shop, card: str, *lines: dict[str, Any], **more: Any) -> Reply:
    body = receipt(*lines, card=card)
    basket = {name: body[name] for name in ("store", "terminal", "currency", "identifier", "lines")}
    return shop.till.post("/v1/quotes", {**basket, "occurred_at": more.pop("at"), **more}, key=None)


def test_a_quote_says_what_points_could_pay_and_what_the_basket_then_earns(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = opened(fresh_shop, monkeypatch)
    rich(fresh_shop, today, 650, "PAY9")
    at = today.now.isoformat()
    told = quote(fresh_shop, "PAY9", line(7000), line(400, line_id="2", type="deposit"), at=at)
    assert told["redeemable"] == {
        "points": 600, "amount": 6000, "step": 100, "least": 100, "member_max_points": 600,
    }  # fmt: skip
    assert told["points"]["total"] == told["points"]["if_not_redeeming"]
    wished = quote(fresh_shop, "PAY9", line(7000), at=at, redeem={"max_amount": 2500})
    assert (wished["redeemable"]["points"], wished["redeemable"]["amount"]) == (200, 2000)
    assert (wished["points"]["total"], wished["points"]["if_not_redeeming"]) == (50, 70)
    small = quote(fresh_shop, "PAY9", line(900), at=at)
    assert (small["redeemable"]["points"], small["redeemable"]["least"]) == (0, 100)
    assert quote(fresh_shop, "PAY-NOBODY", line(7000), at=at)["redeemable"] is None


def test_points_pay_no_more_than_the_programs_share(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = opened(fresh_shop, monkeypatch, redeem={"max_share": 50})
    rich(fresh_shop, today, 900, "PAY10")
    told = quote(fresh_shop, "PAY10", line(7000), at=today.now.isoformat())
    assert told["redeemable"]["amount"] == 3000


def test_points_as_a_discount_lower_the_price_of_the_lines(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = opened(fresh_shop, monkeypatch, redeem={"as": "discount"})
    member = rich(fresh_shop, today, 300, "PAY11")
    told = quote(
        fresh_shop,
        "PAY11",
        line(3000),
        line(1000, line_id="2"),
        at=today.now.isoformat(),
        redeem={"max_amount": 1000},
    )
    off = [sum(one["amount"] for one in priced["discounts"]) for priced in told["lines"]]
    assert off == [750, 250]
    assert (told["totals"]["program_discounts"], told["totals"]["total"]) == (1000, 3000)
    held = hold(fresh_shop.till, member, 1000)
    points = [{"source": "program", "kind": "points", "amount": amount} for amount in off]
    sold = sell(
        fresh_shop,
        receipt(
            line(3000, discounts=points[:1]), line(1000, line_id="2", discounts=points[1:]), card="PAY11", at=today.now,
            total=3000, payments=paid_with(held, 0, 3000),
        ),
    )  # fmt: skip
    assert (sold["discrepancies"], sold["points"]["spent"], sold["points"]["earned"]) == ([], 100, 30)
    assert breaches(fresh_shop) == []


def test_a_basket_uses_what_it_earns_itself_only_where_the_program_says_so(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = {"points": 1, "amount": 10, "step": 1, "minimum": 1}
    today = opened(fresh_shop, monkeypatch, rate=rate, redeem={"same_purchase": "yes"})
    member = fresh_shop.enrol("PAY12")
    told = quote(fresh_shop, "PAY12", line(10000), at=today.now.isoformat(), redeem={"max_amount": 99999})
    used, amount = told["redeemable"]["points"], told["redeemable"]["amount"]
    # 91 points would lower the basis to 90.90, which earns 90.
    assert (used, told["points"]["total"]) == (90, 91)
    body = receipt(
        line(10000), card="PAY12", at=today.now,
        payments=[{"kind": "points", "amount": amount}, {"kind": "card", "amount": 10000 - amount}],
    )  # fmt: skip
    sold = sell(fresh_shop, body)
    assert (sold["discrepancies"], sold["points"]["spent"], sold["points"]["earned"]) == ([], 90, 91)
    assert fresh_shop.balance(member)["available"] == 1
    assert sell(fresh_shop, body).raw == sold.raw
    too_much = receipt(line(5000), card="PAY12", at=today.now, payments=[{"kind": "points", "amount": 5000}])
    assert codes(sell(fresh_shop, too_much)) == ["insufficient_points"]
    assert breaches(fresh_shop) == []


LINES = st.lists(
    st.tuples(st.integers(-500, 5000), st.integers(0, 300), st.sampled_from(["goods", "deposit"])),
    min_size=1, max_size=8,
)  # fmt: skip


@given(LINES, st.integers(1, 10_000), st.integers(0, 10_000))
def test_what_points_paid_is_spread_to_the_last_point_and_the_last_cent(
    lines: list[tuple[int, int, str]], points: int, amount: int
) -> None:
    basket = Basket(
        "str_1", "NOK",
        tuple(
            Line(str(n), worth, type=kind, discounts=(LineDiscount("till", off),))
            for n, (worth, off, kind) in enumerate(lines)
        ),
    )  # fmt: skip

    def excluded(line: Line) -> frozenset[str]:
        return frozenset(("redeem",)) if line.type == "deposit" else frozenset()

    shares = rules_paying.over_lines(basket, excluded, points=points, amount=amount)
    if not any(line.paid > 0 for line in basket.lines):
        assert shares == []
        return
    assert (sum(share[1] for share in shares), sum(share[2] for share in shares)) == (points, amount)
    if 0 < amount <= sum(rules_paying.payable(basket, excluded)):
        deposits = {line.line_id for line in basket.lines if line.type == "deposit"}
        assert deposits.isdisjoint(share[0] for share in shares)
        paid = {line.line_id: line.paid for line in basket.lines}
        assert all(share[2] <= paid[share[0]] for share in shares)


def test_a_hold_by_a_quote_is_for_what_points_may_pay_of_its_basket(
    fresh_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = opened(fresh_shop, monkeypatch)
    member = rich(fresh_shop, today, 900, "PAY14")
    told = quote(fresh_shop, "PAY14", line(3400), at=today.now.isoformat())
    body = {"member_id": member, "for": "basket", "store": "str_1", "quote_id": told["quote_id"]}
    held = fresh_shop.till.post("/v1/redemptions", body)
    assert (held["points"], held["amount"]) == (300, 3000)
    less = fresh_shop.till.post("/v1/redemptions", {**body, "max_amount": 1000})
    assert less["points"] == 100
    forged = fresh_shop.till.post("/v1/redemptions", {**body, "quote_id": "quo_forged"})
    assert (forged.status, forged["errors"][0]["pointer"]) == (422, "/quote_id")

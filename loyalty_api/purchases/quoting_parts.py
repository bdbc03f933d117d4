"""Parts of a quote's answer: lines with their discounts, what points could pay, coupons for another time."""

from __future__ import annotations

from typing import Any

from loyalty_api.purchases.answers import issued_answer
from loyalty_api.purchases.redeeming import Redeemable
from loyalty_api.purchases.rules_charged import is_ours
from loyalty_api.rulekit.basket import Line, LineDiscount
from loyalty_api.rulekit.decision import Decision


def to_be_issued(decision: Decision | None) -> list[dict[str, Any]]:
    """The coupons that the purchase would give for another time; their codes are there with it."""
    return [
        {
            "code": None,
            **issued_answer(
                {
                    "coupon_id": None, "name": one.name, "rule": one.rule, "valid_from": one.valid_from,
                    "valid_until": one.valid_until,
                },
                status="to_be_issued",
            ),
        }
        for one in (decision.coupons if decision else ())
    ]  # fmt: skip


def priced_line(line: Line) -> dict[str, Any]:
    """A line with the discounts of promotions and those that points stand for; the till's own are known to it."""
    given = [
        _discount(discount) for discount in line.discounts if discount.kind == "points" or is_ours(discount)
    ]
    return {"line_id": line.line_id, "discounts": given, "paid": line.paid}


def _discount(discount: LineDiscount) -> dict[str, Any]:
    """As the till names it in the purchase."""
    said: dict[str, Any] = {"source": "program", "kind": discount.kind, "amount": discount.amount}
    if discount.promotion_id:
        said["promotion_id"] = discount.promotion_id
    if discount.basket_wide:
        said["basket_wide"] = True
    return said


def redeemable(offer: Redeemable | None) -> dict[str, int] | None:
    """What points could pay, as an answer shows it; None when nobody's could."""
    if offer is None:
        return None
    return {
        "points": offer.price.points,
        "amount": offer.price.amount or 0,
        "step": offer.rate.step,
        "least": offer.rate.least,
        "member_max_points": offer.member_max_points,
    }

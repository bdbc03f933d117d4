"""The discounts of a decision, and the coupons it gives, as plain dicts and lists, as ``stored`` keeps decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from loyalty_api.rulekit.decision import Discount, NextTime

Document = dict[str, Any]


def discounts_to_json(discounts: Sequence[Discount]) -> list[Document]:
    """``[{rule, lane, benefit, desired, granted, shares, times?, took_part?, basket_wide?}, …]``."""
    return [_to_json(discount) for discount in discounts]


def _to_json(discount: Discount) -> Document:
    document: Document = {
        "rule": discount.rule,
        "lane": discount.lane,
        "benefit": discount.benefit,
        "desired": discount.desired,
        "granted": discount.granted,
        "shares": [list(share) for share in discount.shares],
    }
    if discount.times != 1:
        document["times"] = discount.times
    if discount.took_part:
        document["took_part"] = [list(part) for part in discount.took_part]
    if discount.basket_wide:
        document["basket_wide"] = True
    return document


def discount_given(document: Mapping[str, Any]) -> Discount:
    """One of the discounts that ``discounts_to_json`` wrote."""
    get = document.get
    return Discount(
        document["rule"],
        document["lane"],
        document["benefit"],
        document["desired"],
        document["granted"],
        _pairs(document["shares"]),
        get("times", 1),
        _pairs(get("took_part", ())),
        get("basket_wide", False),
    )


def _pairs(rows: Sequence[Sequence[Any]]) -> tuple[tuple[str, int], ...]:
    return tuple([(row[0], row[1]) for row in rows])


def coupons_to_json(coupons: Sequence[NextTime]) -> list[Document]:
    """``[{rule, name, valid_from, valid_until, stores?}, …]``."""
    return [
        {
            "rule": one.rule,
            "name": one.name,
            "valid_from": one.valid_from.isoformat(),
            "valid_until": one.valid_until.isoformat(),
            **({"stores": list(one.stores)} if one.stores else {}),
        }
        for one in coupons
    ]


def coupon_given(document: Mapping[str, Any]) -> NextTime:
    """One of the coupons that ``coupons_to_json`` wrote."""
    begins, ends = (datetime.fromisoformat(document[name]) for name in ("valid_from", "valid_until"))
    return NextTime(document["rule"], document["name"], begins, ends, tuple(document.get("stores", ())))

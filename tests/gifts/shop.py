"""A shop with gifts: one program for all stories of these tests, each rule for the members of one tag."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.gifts.test_reading import TERMS
from tests.support.shop import BASIC, Shop, line, receipt

_tags = itertools.count(1)


def only(tag: str, **more: Any) -> dict[str, Any]:
    """A condition for the members of one story."""
    return {"member": {"segment": [tag]}, **more}


RULES: list[dict[str, Any]] = [
    {
        "id": "cushion", "name": {"en": "Cushion", "nb": "Pute"}, "trigger": {"purchase": {}},
        "when": only("chair", lines={"where": {"sku": ["bread"]}, "amount": {"at_least": 5000}}),
        "give": {"free_item": {"sku": "apple"}}, "cost": 300,
    },
    {
        "id": "third", "name": {"en": "Every third visit"}, "trigger": {"visits": {"every": 3}},
        "when": only("visits"), "give": {"points": 50}, "cost": 50,
    },
    {
        "id": "flower", "name": "Flower", "trigger": {"purchase": {}}, "when": only("flower"),
        "give": {"product": {"text": {"en": "A flower", "nb": "En blomst"}}}, "cost": 200, "stock": 40,
        "caps": [{"times": 1, "per": "day"}],
    },
    {
        "id": "smoke", "trigger": {"purchase": {}}, "when": only("flower"),
        "give": {"product": {"sku": "cigar"}},
    },
    {"id": "cheque", "name": "Points", "trigger": {"purchase": {}}, "when": only("points"), "give": {"points": 70}},
    {
        "id": "thanks", "name": "Thanks", "trigger": {"purchase": {}}, "when": only("message"),
        "give": {"message": {"text": {"en": "Thank you!", "nb": "Takk!"}}},
    },
    {
        "id": "voucher", "name": "A coupon", "trigger": {"purchase": {}}, "when": only("coupon"),
        "give": {"coupon": {"name": "THANKS"}},
    },
    {"id": "few", "trigger": {"purchase": {}}, "when": only("few"), "give": {"product": {"text": "Cake"}}, "stock": 3},
    {"id": "draw", "trigger": {"chance": {"one_in": 2}}, "when": only("draw"), "give": {"points": 10}},
    {
        "id": "sorry", "name": "Sorry", "trigger": {"event": "complaint_settled"}, "give": {"product": {"text": "Tea"}},
        "cost": 500, "budget": {"money": 1000}, "claim_days": 7,
    },
    {"id": "ten", "trigger": {"list": {}}, "give": {"points": 10}, "when": {"member": {"segment": ["listed"]}}},
]  # fmt: skip


def document(**more: Any) -> dict[str, Any]:
    """The basic program with gifts."""
    return {**BASIC, "gifts": {"rules": RULES, "terms": TERMS, **more}}


def with_gifts(shop: Shop) -> Shop:
    """The shop once its program has gifts."""
    shop.publish(document(), effective_from=datetime.now(UTC) - timedelta(days=2))
    return shop


def buy(shop: Shop, card: str, *lines: Any, at: datetime | None = None, **more: Any) -> Any:
    """A purchase of a card; bread for 10.00 when no lines are named."""
    reply = shop.till.post(
        "/v1/purchases", receipt(*lines or [line(1000)], card=card, at=at, **more), key=None
    )
    assert reply.status == 201, reply.body
    return reply


def named(shop: Shop, *tags: str) -> tuple[str, str]:
    """A new member with these tags; its card and its id."""
    card = f"GIFT{next(_tags)}"
    return card, shop.enrol(card, tags=list(tags))

"""A gift as it is shown, and why it was given: in the reader's language, odds included."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from loyalty_api import ids
from loyalty_api.gifts.rules_life import Gift
from loyalty_api.gifts.rules_types import GiftRule
from loyalty_api.language import DEFAULT_LANGUAGE, catalogue
from loyalty_api.redemptions.given import Shown

_MOMENTS = ("granted_at", "expires_at", "shown_at", "claimed_at", "handed_over_at")


def document(
    gift: Gift, rule: GiftRule | None, *, language: str, currency: str, now: datetime, hidden: bool
) -> dict[str, Any]:
    """A gift with what it is and why; ``hidden``: what has not been opened keeps that to itself."""
    kept = hidden and gift.state == "granted"
    words, give = catalogue(language), gift.give
    return {
        "gift_id": ids.show("gft", gift.gift_id),
        "member_id": ids.show("mbr", gift.member_id),
        "state": gift.state_at(now),
        "title": words.say("gift", "hidden") if kept else title(gift, rule, language),
        "kind": None if kept else gift.kind,
        "rule": None if kept else gift.rule,
        "points": None if kept else give.get("points"),
        "sku": None if kept else give.get("sku"),
        "quantity": None if kept else give.get("quantity"),
        "reference": None if kept else give.get("reference"),
        "store": gift.handed_over_store or gift.store_id,
        "purchase_id": ids.show("pur", gift.purchase_id) if gift.purchase_id else None,
        "journal_id": (gift.result or {}).get("journal_id"),
        "coupon_id": (gift.result or {}).get("coupon_id"),
        **{name: getattr(gift, name) for name in _MOMENTS},
        "why": None if kept else why(gift, rule, language=language, currency=currency),
    }


def redemption(became: Shown) -> dict[str, Any]:
    """What a gift of a reward became, as its member or the staff see it."""
    return {
        "redemption_id": ids.show("red", became.redemption_id),
        "status": became.status,
        "code": became.code,
        "expires_at": became.expires_at,
        "order_id": ids.show("ord", became.order) if became.order else None,
    }


def title(gift: Gift, rule: GiftRule | None, language: str) -> str:
    """What it is called: its own words, how many points, or the name of its rule."""
    words = catalogue(language)
    if gift.kind == "points":
        return words.say("gift", "points", points=words.points(int(gift.give["points"])))
    name = _in(gift.give.get("text") or (rule.name if rule else {}), language)
    return name or gift.give.get("sku") or words.say("gift", "hidden")


def _in(known: Mapping[str, str], language: str) -> str | None:
    for key in (catalogue(language).language, "*", DEFAULT_LANGUAGE):
        if key in known:
            return known[key]
    return next(iter(known.values()), None)


def why(gift: Gift, rule: GiftRule | None, *, language: str, currency: str) -> dict[str, Any]:
    """Why a gift was given: a sentence, and the numbers behind it as steps."""
    words, numbers = catalogue(language), gift.why
    odds = rule.trigger.odds if rule else None
    chance = f"{odds.base.numerator} : {odds.base.denominator}" if odds else "-"
    spent = words.money(int(numbers.get("spent", 0)), currency)
    text = words.say(
        "gift_why", gift.trigger, odds=chance, visits=str(numbers.get("visits", "")), spent=spent,
        event=str(numbers.get("event", "")),
    )  # fmt: skip
    found = {"odds": chance} if odds else {}
    found |= {name: str(numbers[name]) for name in ("row", "ticket", "below") if name in numbers}
    if "milestone" in numbers:
        milestone = int(numbers["milestone"])
        found["milestone"] = words.money(milestone, currency) if gift.trigger == "spent" else str(milestone)
    steps = [{"label": words.say("gift_step", name), "value": value} for name, value in found.items()]
    return {"text": text, "steps": steps}

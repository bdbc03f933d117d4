"""A purchase as it is answered: built from its row alone, so the first answer and every later one are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from loyalty_api import ids
from loyalty_api.codes import claim_code, masked
from loyalty_api.coupons.service import code_of
from loyalty_api.language import catalogue
from loyalty_api.purchases.answers_gifts import gift_answer, gift_lines, gift_messages
from loyalty_api.vault import Vault

_RETURN = (
    "return_id", "kind", "status", "occurred_at", "store", "reference", "points_taken_back",
    "points_given_back", "refundable",
)  # fmt: skip
SPOKEN = frozenset(("unknown_identifier", "member_blocked", "member_closed"))
"""Discrepancies that the cashier hears a sentence about."""


def answer(row: Mapping[str, Any], vault: Vault, *, clear: bool = False) -> dict[str, Any]:
    """The answer to a purchase; points and money are whole numbers, times UTC.

    With ``clear``, which is the answer to who rang it up, coupons that it gives are named with their codes.
    """
    outcome, decision = row["outcome"], row["decision"] or {}
    earned = row["points_base"] + row["points_bonus"]
    effects = decision.get("effects", [])
    waiting = [effect for effect in effects if _waits(effect, row["recorded_at"])]
    anonymous = row["match"] in ("anonymous", "unknown_identifier")
    code = claim_code(vault.blind("claim", row["purchase_id"].hex)) if anonymous else None
    issued = [issued_coupon(one, vault, clear=clear) for one in outcome.get("issued", ())]
    return {
        "purchase_id": ids.show("pur", row["purchase_id"]),
        "status": row["status"],
        "match": row["match"],
        "member_id": None if anonymous else ids.show("mbr", row["member_id"]),
        "store": row["store_id"],
        "terminal": row["terminal"],
        "business_date": row["business_date"],
        "reference": row["reference"],
        "occurred_at": row["occurred_at"],
        "recorded_at": row["recorded_at"],
        "currency": row["currency"],
        "total": row["total"],
        "program_version": row["program_version"],
        "points": {
            "base": row["points_base"],
            "bonus": row["points_bonus"],
            "earned": earned,
            "pending": sum(effect["granted"] for effect in waiting),
            "spent": sum(used["points"] for used in outcome.get("redemptions", ())),
            "quoted": outcome.get("quoted"),
            "available_at": _first(waiting or effects, "available_at"),
            "expires_at": _first(effects, "expires_at"),
        },
        "balance": _in_order(outcome.get("balance"), "available", "pending", "held", "debt", "version"),
        "expiring_next": _in_order(outcome.get("expiring_next"), "points", "expires_at"),
        "tier": _in_order(outcome.get("tier"), "code", "until", "changed"),
        "redemptions": [_redemption(used) for used in outcome.get("redemptions", ())],
        "returns": [_in_order(back, *_RETURN) for back in outcome.get("returned", {}).get("list", ())],
        "coupons": [
            *[coupon_answer(shown) for shown in outcome.get("coupons", ())],
            *issued,
            *not_issued(row),
        ],
        "gifts": [gift_answer(gift, _language(row)) for gift in outcome.get("gifts", ())],
        "effects": [
            *[discount_answer(discount) for discount in decision.get("discounts", ())],
            *[effect_answer(effect) for effect in effects],
        ],
        "corrected": _corrected(outcome),
        "discrepancies": [dict(sorted(odd.items())) for odd in outcome["discrepancies"]],
        "claim_code": code,
        **said(row, earned, code, [one["code"] for one in issued if clear]),
    }


def not_issued(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The coupons for another time that a purchase would have given, had it found its member earlier."""
    return [
        {
            "code": None,
            **issued_answer({"coupon_id": None, **one}, status="not_issued"),
            "reason": one["reason"],
        }
        for one in row["outcome"].get("not_issued", ())
    ]


def issued_coupon(given: Mapping[str, Any], vault: Vault, *, clear: bool) -> dict[str, Any]:
    """A coupon that the purchase gives for another time."""
    coupon_id = ids.read("cpn", given["coupon_id"])
    code = code_of(vault, coupon_id) if coupon_id else ""
    return {"code": code if clear else masked(code), **issued_answer(given, status="issued")}


def issued_answer(given: Mapping[str, Any], *, status: str) -> dict[str, Any]:
    """What a coupon for another time is called, and when it counts."""
    return {
        "coupon_id": given["coupon_id"],
        "name": given["name"],
        "status": status,
        "reason": None,
        **{name: given[name] for name in ("rule", "valid_from", "valid_until")},
    }


def _corrected(outcome: Mapping[str, Any]) -> dict[str, Any] | None:
    """The last time that corrected rules changed what the purchase earns."""
    made = outcome.get("corrected", {}).get("list", ())
    return (
        _in_order(made[-1], "from_version", "version", "points_before", "points_after", "at")
        if made
        else None
    )


def _redemption(used: Mapping[str, Any]) -> dict[str, Any]:
    """A redemption as it stood when the purchase captured it."""
    return {
        "redemption_id": used["redemption_id"],
        "status": "captured",
        "points": used["points"],
        "amount": used["amount"],
    }


def coupon_answer(shown: Mapping[str, Any]) -> dict[str, Any]:
    """What became of a coupon that was shown."""
    return {name: shown[name] for name in ("code", "coupon_id", "name", "status", "reason")}


def effect_answer(effect: Mapping[str, Any]) -> dict[str, Any]:
    """One effect with its points by line."""
    return {
        "rule": effect["rule"],
        "kind": effect.get("kind", "points"),
        "desired": effect["desired"],
        "granted": effect["granted"],
        "points": dict(effect.get("shares", ())),
    }


def discount_answer(discount: Mapping[str, Any]) -> dict[str, Any]:
    """A discount that the till gave under the name of a promotion, by line; ``desired`` is our own price's."""
    return {
        "rule": discount["rule"],
        "kind": "discount",
        "desired": discount["desired"],
        "granted": discount["granted"],
        "amounts": dict(discount["shares"]),
    }


def said(
    row: Mapping[str, Any], earned: int, code: str | None, coupons: Sequence[str] = ()
) -> dict[str, Any]:
    """What to print and what to say, in the receipt's language."""
    words, gifts = catalogue(_language(row)), row["outcome"].get("gifts", ())
    balance = row["outcome"].get("balance")
    lines = []
    if balance is not None:
        lines.append(_line(words.say("receipt", "points"), str(earned), style="bold"))
        used = sum(one["points"] for one in row["outcome"].get("redemptions", ()))
        if used:
            lines.append(_line(words.say("receipt", "used"), f"-{used}"))
        lines.append(_line(words.say("receipt", "balance"), str(balance["available"])))
        if balance["pending"]:
            lines.append(_line(words.say("receipt", "pending"), str(balance["pending"])))
        soon = row["outcome"].get("expiring_next")
        if soon and "last_day" in soon:
            day = date.fromisoformat(str(soon["last_day"]))
            lines.append(_line(words.say("receipt", "expiring", day=words.day(day)), str(soon["points"])))
    lines += gift_lines(gifts, words)
    if code:
        lines.append(_line(words.say("receipt", "claim"), code))
    lines += [_line(words.say("receipt", "coupon"), coupon) for coupon in coupons]
    messages = [
        {"audience": "cashier", "text": words.say("receipt", odd["code"])}
        for odd in row["outcome"]["discrepancies"]
        if odd["code"] in SPOKEN
    ]
    return {"messages": [*messages, *gift_messages(gifts, words)], "receipt_lines": lines}


def _language(row: Mapping[str, Any]) -> str:
    return row["receipt"].get("receipt", {}).get("language") or "en"


def _in_order(document: Mapping[str, Any] | None, *names: str) -> dict[str, Any] | None:
    """The document with its members in this order: jsonb keeps none, and a repeated answer is the same to the byte."""
    return {name: document[name] for name in names} if document else None


def _line(text: str, value: str, *, style: str = "normal") -> dict[str, str]:
    return {"text": text, "value": value, "align": "left", "style": style}


def _waits(effect: Mapping[str, Any], recorded_at: datetime) -> bool:
    """Whether an effect's points were still pending when it was recorded; without a date they wait for an event."""
    available_at = effect.get("available_at")
    return available_at is None or _moment(available_at) > recorded_at


def _first(effects: Sequence[Mapping[str, Any]], name: str) -> str | datetime | None:
    """The earliest of the moments called ``name``: rules may give points with terms of their own."""
    moments = [effect[name] for effect in effects if effect.get(name)]
    return min(moments, key=_moment) if moments else None


def _moment(value: str | datetime) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value

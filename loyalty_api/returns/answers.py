"""A return as it is answered: built from its row alone, so the first answer and every later one are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_api import ids
from loyalty_api.language import catalogue

_POINTS = (
    "taken_back", "from_pending", "from_available", "to_debt", "expired", "given_back", "given_back_expires",
)  # fmt: skip
_LINE = (
    "purchase_id", "line_id", "sku", "quantity", "value", "money", "points_part", "points_taken_back",
    "points_given_back", "left",
)  # fmt: skip
_NOTHING_YET = dict.fromkeys(_POINTS[:-1], 0) | {"given_back_expires": None}
_NO_MONEY: Mapping[str, Any] = {"refundable": 0, "tenders": [], "shortfall": 0}


def answer(row: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a return; points and money are whole numbers, times UTC."""
    outcome = row["outcome"]
    money = outcome.get("money", _NO_MONEY)
    tenders = [{"kind": tender["kind"], "amount": tender["amount"]} for tender in money["tenders"]]
    return {
        "return_id": ids.show("ret", row["return_id"]),
        "purchase_id": ids.show("pur", row["purchase_id"]) if row["purchase_id"] else None,
        "status": row["status"],
        "kind": row["kind"],
        "store": row["store_id"],
        "terminal": row["terminal"],
        "business_date": row["business_date"],
        "reference": row["reference"],
        "exchange_reference": row["exchange_reference"],
        "reason": row["reason"],
        "occurred_at": row["occurred_at"],
        "recorded_at": row["recorded_at"],
        "policy": outcome.get("policy"),
        "currency": row["currency"],
        "lines": [_in_order(line, _LINE) for line in outcome.get("lines", ())],
        "points": _in_order(outcome.get("points", _NOTHING_YET), _POINTS),
        "money": {"refundable": money["refundable"], "tenders": tenders, "shortfall": money["shortfall"]},
        "discounts": [{"rule": one["rule"], "amount": one["amount"]} for one in outcome.get("discounts", ())],
        "coupons": [_in_order(shown, ("code", "status")) for shown in outcome.get("coupons", ())],
        "gifts": [_in_order(back, ("gift_id", "rule", "status")) for back in outcome.get("gifts", ())],
        "tier": _in_order(outcome["tier"], ("code", "until", "changed")) if "tier" in outcome else None,
        "balance": _balance(outcome.get("balance")),
        "discrepancies": [dict(sorted(odd.items())) for odd in outcome["discrepancies"]],
        "receipt_lines": _receipt_lines(row),
    }


def _in_order(document: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The document with its members in this order, for jsonb keeps none."""
    return {name: document[name] for name in names}


def _balance(document: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return _in_order(document, ("available", "pending", "held", "debt", "version")) if document else None


def _receipt_lines(row: Mapping[str, Any]) -> list[dict[str, str]]:
    """What to print, in the receipt's language; nothing when the goods were nobody's."""
    balance = row["outcome"].get("balance")
    if balance is None:
        return []
    words = catalogue(row["body"].get("receipt", {}).get("language") or "en")
    told = [("taken_back", f"-{row['points_taken_back']}")] if row["points_taken_back"] else []
    if row["points_given_back"]:
        told.append(("given_back", str(row["points_given_back"])))
    told.append(("balance", str(balance["available"])))
    return [
        {"text": words.say("receipt", key), "value": value, "align": "left", "style": "normal"}
        for key, value in told
    ]

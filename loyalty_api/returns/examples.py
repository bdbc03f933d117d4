"""The examples of a return's bodies: one of two pieces of the till's example sale comes back."""

from __future__ import annotations

from typing import Any

NESTED: dict[str, Any] = {
    "store": "str_0077",
    "terminal": "2",
    "business_date": "2026-11-23",
    "reference": "000310",
    "occurred_at": "2026-11-23T10:12:00+01:00",
    "cashier": "c-009",
    "kind": "goods",
    "reason": "damaged",
    "lines": [{"line_id": "1", "quantity": 1}],
}
ORIGINAL: dict[str, Any] = {
    "store": "str_0412",
    "terminal": "7",
    "business_date": "2026-11-21",
    "reference": "004711",
}
RETURN: dict[str, Any] = {"original": ORIGINAL, **NESTED}
VOID: dict[str, Any] = {"reason": "wrong price"}
ANSWER: dict[str, Any] = {
    "return_id": "ret_01m80xfza0e4trdbsjq23m1646",
    "purchase_id": "pur_01m80xfza0e4trdbsjq23m1646",
    "status": "applied",
    "kind": "goods",
    "store": "str_0077",
    "terminal": "2",
    "business_date": "2026-11-23",
    "reference": "000310",
    "exchange_reference": None,
    "reason": "damaged",
    "occurred_at": "2026-11-23T09:12:00Z",
    "recorded_at": "2026-11-23T09:12:01Z",
    "policy": "debt",
    "currency": "NOK",
    "lines": [
        {
            "purchase_id": "pur_01m80xfza0e4trdbsjq23m1646", "line_id": "1", "sku": "7038010000010",
            "quantity": 1, "value": 2250, "money": 2250, "points_part": 0, "points_taken_back": 22,
            "points_given_back": 0, "left": 1,
        }
    ],
    "points": {
        "taken_back": 22, "from_pending": 22, "from_available": 0, "to_debt": 0, "expired": 0,
        "given_back": 0, "given_back_expires": None,
    },
    "money": {"refundable": 2250, "tenders": [{"kind": "card", "amount": 2250}], "shortfall": 0},
    "discounts": [],
    "coupons": [],
    "gifts": [],
    "tier": {"code": "gold", "until": "2027-12-31T23:00:00Z", "changed": False},
    "balance": {"available": 1243, "pending": 73, "held": 0, "debt": 0, "version": 319},
    "discrepancies": [],
    "receipt_lines": [
        {"text": "Points taken back", "value": "-22", "align": "left", "style": "normal"},
        {"text": "Your points", "value": "1243", "align": "left", "style": "normal"},
    ],
}  # fmt: skip
VOIDED: dict[str, Any] = {
    **ANSWER,
    "kind": "void",
    "store": "str_0412",
    "terminal": "7",
    "business_date": None,
    "reference": None,
    "reason": "wrong price",
    "lines": [
        {
            **ANSWER["lines"][0],
            "quantity": 2,
            "value": 4500,
            "money": 4500,
            "points_taken_back": 45,
            "left": 0,
        }
    ],
    "points": {**ANSWER["points"], "taken_back": 45, "from_pending": 45},
    "money": {"refundable": 4500, "tenders": [{"kind": "card", "amount": 4500}], "shortfall": 0},
}

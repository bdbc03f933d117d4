"""The examples of the till's bodies: one sale in which every figure adds up."""

from __future__ import annotations

from typing import Any

QUOTE: dict[str, Any] = {
    "store": "str_0412",
    "terminal": "7",
    "kind": "sale",
    "channel": "store",
    "language": "nb",
    "occurred_at": "2026-11-21T16:04:05+01:00",
    "currency": "NOK",
    "tax_included": True,
    "identifier": {"kind": "card", "value": "9609001234567890128", "entry": "scanned"},
    "lines": [
        {
            "line_id": "1", "type": "goods", "sku": "7038010000010", "quantity": 2, "unit": "each",
            "amount": 5000, "category": "dairy", "tax_rate": "15",
            "discounts": [{"source": "till", "kind": "markdown", "amount": 500}],
        },
        {"line_id": "2", "type": "goods", "sku": "2000", "quantity": 734, "unit": "g", "amount": 2500},
        {"line_id": "3", "type": "deposit", "sku": "pant-2", "quantity": 2, "unit": "each", "amount": 400},
    ],
    "include": ["reasons", "near_misses"],
}  # fmt: skip
RESERVATION: dict[str, Any] = {
    "reservation_id": "rsv_01m80xfza0e4trdbsjq23m1646",
    "expires_at": "2026-11-21T15:09:05Z",
    "coupons": [{"code": "…C3FD", "coupon_id": "cpn_01m80xfza0e4trdbsjq23m1646", "name": "FRESH"}],
    "budgets": [{"promotion_id": "cheese_week", "amount": 500, "period": "2026-W47"}],
    "redemption": None,
}
QUOTE_ANSWER: dict[str, Any] = {
    "quote_id": "quo_WzEyLDE3OTUyMTk3NDUsOTVd",
    "honoured_until": "2026-11-21T15:19:05Z",
    "program_version": 12,
    "currency": "NOK",
    "member": {
        "member_id": "mbr_01m80xfza0e4trdbsjq23m1646", "status": "active", "tier": "gold", "available": 1243,
    },
    "totals": {"amount": 7900, "till_discounts": 500, "program_discounts": 0, "total": 7400},
    "lines": [
        {"line_id": "1", "discounts": [], "paid": 4500},
        {"line_id": "2", "discounts": [], "paid": 2500},
        {"line_id": "3", "discounts": [], "paid": 400},
    ],
    "redeemable": {
        "points": 700, "amount": 7000, "step": 100, "least": 100, "member_max_points": 700,
    },
    "points": {
        "base": 70, "bonus": 25, "total": 95, "if_not_redeeming": 95, "available_at": "2026-12-04T23:00:00Z",
    },
    "effects": [
        {
            "rule": "base", "kind": "points", "desired": 70, "granted": 70, "points": {"1": 45, "2": 25},
            "lines": ["1", "2"], "text": "1 poeng per hele 1,00 kr av 70,00 kr",
        },
        {
            "rule": "produce_bonus", "kind": "points", "desired": 25, "granted": 25, "points": {"2": 25},
            "lines": ["2"], "text": "1 poeng per hele 1,00 kr av 25,00 kr",
        },
    ],
    "reasons": [],
    "near_misses": [],
    "coupons": [],
    "suggestions": [
        {
            "kind": "bought_together", "rule": "fruit_week", "gift": None,
            "add": {"sku": "2001", "quantity": 1}, "name": "Bananer",
            "because": {"sku": "7038010000010", "together": 412, "of": 2903},
            "text": "Kjøpes ofte sammen med Lettmelk 1 l: i 412 av 2903 handlekurver",
        }
    ],
    "gifts": [],
    "discrepancies": [],
    "messages": [],
    "receipt_lines": [
        {"text": "Poeng denne handelen vil gi", "value": "95", "align": "left", "style": "normal"}
    ],
}  # fmt: skip
PURCHASE: dict[str, Any] = {
    **{name: value for name, value in QUOTE.items() if name not in ("language", "include")},
    "business_date": "2026-11-21",
    "reference": "004711",
    "occurred_at": "2026-11-21T16:06:40+01:00",
    "offline": False,
    "cashier": "c-118",
    "total": 7400,
    "rounding": 0,
    "payments": [{"kind": "card", "amount": 7400}],
}
PURCHASE_ANSWER: dict[str, Any] = {
    "purchase_id": "pur_01m80xfza0e4trdbsjq23m1646",
    "status": "recorded",
    "match": "identified",
    "member_id": "mbr_01m80xfza0e4trdbsjq23m1646",
    "store": "str_0412",
    "terminal": "7",
    "business_date": "2026-11-21",
    "reference": "004711",
    "occurred_at": "2026-11-21T15:06:40Z",
    "recorded_at": "2026-11-21T15:06:41Z",
    "currency": "NOK",
    "total": 7400,
    "program_version": 12,
    "points": {
        "base": 70, "bonus": 25, "earned": 95, "pending": 95, "spent": 0, "quoted": 95,
        "available_at": "2026-12-04T23:00:00Z", "expires_at": None,
    },
    "balance": {"available": 1243, "pending": 95, "held": 0, "debt": 0, "version": 318},
    "expiring_next": {"points": 120, "expires_at": "2026-12-31T23:00:00Z"},
    "tier": {"code": "gold", "until": "2027-12-31T23:00:00Z", "changed": False},
    "redemptions": [],
    "returns": [],
    "coupons": [],
    "gifts": [],
    "effects": [
        {"rule": "base", "kind": "points", "desired": 70, "granted": 70, "points": {"1": 45, "2": 25}},
        {"rule": "produce_bonus", "kind": "points", "desired": 25, "granted": 25, "points": {"2": 25}},
    ],
    "corrected": None,
    "discrepancies": [],
    "claim_code": None,
    "messages": [],
    "receipt_lines": [
        {"text": "Points for this purchase", "value": "95", "align": "left", "style": "bold"},
        {"text": "Your points", "value": "1243", "align": "left", "style": "normal"},
    ],
}  # fmt: skip
EXPLANATION: dict[str, Any] = {
    "text": "This purchase earned 95 points.",
    "steps": [
        {"label": "Points", "value": "1 point for each whole 1.00 NOK of 70.00 NOK: 70 points"},
        {"label": "Points in total", "value": "95 points"},
    ],
}
CLAIM_ANSWER: dict[str, Any] = {
    "claim_id": "clm_01m80xfza0e4trdbsjq23m1646",
    "state": "credited",
    "purchase_id": "pur_01m80xfza0e4trdbsjq23m1646",
    "points": 95,
    "reason": None,
    "until": None,
    "coupons": [],
}
ACTIVITY_ITEM: dict[str, Any] = {
    "activity_id": "pur_01m80xfza0e4trdbsjq23m1646",
    "kind": "purchase",
    "occurred_at": "2026-11-21T15:06:40Z",
    "title": "Purchase, Storgata",
    "text": "70.00 NOK",
    "points": 95,
    "state": "pending",
    "store": {"store": "str_0412", "name": "Storgata"},
    "money": {"amount": 7400, "currency": "NOK"},
    "reference": "004711",
    "receipt_url": None,
}
REJECT: dict[str, Any] = {
    "reject_id": "rej_01m80xfza0e4trdbsjq23m1646",
    "type": "purchase",
    "store": "str_0412",
    "reference": "004711",
    "code": "validation_failed",
    "errors": [{"pointer": "/total", "code": "required", "message": "Missing data for required field."}],
    "client_id": "cli_01m80xfza0e4trdbsjq23m1646",
    "created_at": "2026-11-21T15:06:41Z",
    "cleared_at": None,
    "cleared_by": None,
    "note": None,
    "item": {"type": "purchase", "body": {"reference": "004711"}},
}

"""Examples for the API's document. Every figure adds up: 100 points are worth 10.00."""

from __future__ import annotations

from typing import Any

MEMBER = "mbr_01m80xfza0e4trdbsjq23m1646"
REDEMPTION = "red_01m80xfza0e4trdbsjq23m1646"
REWARD = "rwd_01m80xfza0e4trdbsjq23m1646"

HOLD: dict[str, Any] = {
    "member_id": MEMBER, "for": "basket", "max_amount": 2000, "store": "str_0412", "terminal": "7",
    "occurred_at": "2026-11-21T16:05:10+01:00", "cashier": "c-118",
    "verification": {"method": "app_code", "value": "481220"},
}  # fmt: skip
OWN_HOLD: dict[str, Any] = {"for": "reward", "reward_id": REWARD, "quantity": 1}
CAPTURE = {"points": 200, "occurred_at": "2026-11-21T16:06:40+01:00"}
RELEASE = {"occurred_at": "2026-11-21T16:06:40+01:00"}
REVERSE = {"reason": "goods_came_back"}
HELD: dict[str, Any] = {
    "redemption_id": REDEMPTION,
    "member_id": MEMBER,
    "status": "held",
    "for": "basket",
    "points": 200,
    "amount": 2000,
    "currency": "NOK",
    "rate": {"points": 100, "amount": 1000},
    "code": None,
    "reward": None,
    "order": None,
    "held_at": "2026-11-21T15:05:10Z",
    "expires_at": "2026-11-21T15:20:10Z",
    "purchase_id": None,
    "lots": [
        {"lot_id": "lot_01m80xfza0e4trdbsjq23m1648", "points": 200, "expires_at": "2026-12-31T23:00:00Z"}
    ],
    "captured": {"points": 0, "amount": 0},
    "reversed": {"points": 0, "amount": 0},
    "balance": {"available": 1043, "pending": 0, "held": 200, "debt": 0, "version": 316},
    "next": ["capture", "release"],
    "messages": [],
}
CAPTURED = {
    **HELD,
    "status": "captured",
    "captured": {"points": 200, "amount": 2000},
    "balance": {**HELD["balance"], "held": 0, "version": 317},
    "next": ["reverse"],
}
RELEASED = {
    **HELD,
    "status": "released",
    "balance": {**HELD["balance"], "available": 1243, "held": 0, "version": 317},
    "next": [],
}
REVERSED = {
    **CAPTURED,
    "status": "reversed",
    "reversed": {"points": 200, "amount": 2000},
    "balance": {**HELD["balance"], "available": 1243, "held": 0, "version": 318},
    "next": [],
}
HELD_REWARD = {
    **HELD,
    "for": "reward",
    "amount": None,
    "rate": None,
    "code": "7GK2M-PX4RW-9HTB-C3FD",
    "reward": {"reward_id": REWARD, "kind": "product", "name": "A coffee", "quantity": 1, "money": None},
}
APP_CODE = {"code": "481220", "expires_at": "2026-11-21T15:09:05Z"}

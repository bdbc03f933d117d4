"""A redemption as it is answered; the same body after every step."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_api import ids
from loyalty_api.redemptions.rewarding import code_shown
from loyalty_api.redemptions.rules import Redemption, next_steps
from loyalty_api.redemptions.service import Done


def document(done: Done, *, now: datetime, language: str, clear: bool = False) -> dict[str, Any]:
    """The redemption as of ``now``, with the balance right after the step that led to it.

    ``clear`` shows its code in full, to the member, or to the till that is to print it.
    """
    found, balance = done.redemption, done.balance
    status = found.status_at(now)
    return {
        "redemption_id": ids.show("red", found.redemption_id),
        "member_id": ids.show("mbr", found.member_id),
        "status": status,
        "for": found.purpose,
        "points": found.points,
        "amount": found.amount,
        "currency": found.currency,
        "rate": found.rate,
        "code": code_shown(done.delivery, status, clear=clear),
        "reward": _reward(done, language),
        "order": _order(done),
        "held_at": found.held_at,
        "expires_at": found.expires_at,
        "purchase_id": found.purchase_id and ids.show("pur", found.purchase_id),
        "lots": _lots(found, done),
        "captured": {"points": found.captured_points, "amount": found.captured_amount},
        "reversed": {"points": found.reversed_points, "amount": found.reversed_amount},
        "balance": {
            "available": balance.available,
            "pending": balance.pending,
            "held": balance.held,
            "debt": balance.debt,
            "version": done.version,
        },
        "next": next_steps(status),
        "messages": [],
    }


def _lots(found: Redemption, done: Done) -> list[dict[str, Any]]:
    return [
        {"lot_id": ids.show("lot", lot_id), "points": points, "expires_at": done.lots[lot_id].expires_at}
        for lot_id, points in found.lots
    ]


def _reward(done: Done, language: str) -> dict[str, Any] | None:
    if done.delivery is None:
        return None
    reward, quantity = done.delivery.reward, done.redemption.quantity
    return {
        "reward_id": ids.show("rwd", reward.reward_id),
        "kind": reward.kind,
        "name": reward.name_in(language),
        "quantity": quantity,
        "money": reward.money and reward.money * quantity,
    }


def _order(done: Done) -> dict[str, Any] | None:
    order = done.delivery.order if done.delivery else None
    return {"order_id": ids.show("ord", order.redemption_id), "state": order.state} if order else None

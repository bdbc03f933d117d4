"""Coupons of what comes back: given back with a void or when everything came back, else they stay used (R38).

When the program says so (``coupons.give_back``); a coupon's use that is given back can be used again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from loyalty_api.coupons.service import give_back
from loyalty_api.returns.moving import Part
from loyalty_api.returns.policy import Policy

Row = dict[str, Any]
_BOTH = frozenset(("void", "full_return"))


def bring_back(session: Session, row: Row, parts: Sequence[Part], policy: Policy, now: datetime) -> None:
    """Give back the coupons of purchases that came back whole; ``row`` gets what the answer says of each coupon.

    The caller holds the members or purchases.
    """
    told = [shown for part in parts for shown in _of_part(session, row, part, policy, now)]
    if told:
        row["outcome"]["coupons"] = told


def _of_part(
    session: Session, row: Row, part: Part, policy: Policy, now: datetime
) -> list[Mapping[str, Any]]:
    bought = part.opened.row
    used = [shown for shown in bought["outcome"].get("coupons", ()) if shown["status"] == "used"]
    if not used:
        return []
    how = "void" if row["kind"] == "void" else "full_return" if part.back.whole else None
    allowed = policy.settings.sections["coupons"]["give_back"] if policy.settings else _BOTH
    if how not in allowed:
        return [{"code": shown["code"], "status": "stays_used"} for shown in used]
    give_back(
        session, member_id=bought["member_id"], purchase_id=part.purchase_id, because=row["return_id"],
        to_member=part.opened.book is not None, now=now,
    )  # fmt: skip
    return [{"code": shown["code"], "status": "given_back"} for shown in used]

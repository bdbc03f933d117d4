"""Coupons of what comes back: given back with a void or when everything came back, else they stay used (R38).

When the program says so (``coupons.give_back``); a coupon's use that is given back can be used again. Coupons that the
purchase gave for another time are taken back when what is left would not have given them (R35).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import ids
from loyalty_api.coupons.rules import Coupon
from loyalty_api.coupons.service import give_back, take_back, uses_of
from loyalty_api.db import driver
from loyalty_api.purchases.queries import find
from loyalty_api.returns.moving import Part
from loyalty_api.returns.policy import Policy

Row = dict[str, Any]
_BOTH = frozenset(("void", "full_return"))


def bring_back(session: Session, row: Row, parts: Sequence[Part], policy: Policy, now: datetime) -> None:
    """Give back the coupons of purchases that came back whole; ``row`` gets what the answer says of each coupon.

    The caller holds the members or purchases.
    """
    told = [shown for part in parts for shown in _of_part(session, row, part, policy, now)]
    told += [shown for part in parts if part.lost for shown in _take_back(session, row, part, now)]
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


def issued_of(bought: Row, rules: frozenset[str] | None = None) -> list[UUID]:
    """The coupons that a purchase gave for another time, all of them or those of some promotions."""
    given = bought["outcome"].get("issued", ())
    found = [ids.read("cpn", one["coupon_id"]) for one in given if rules is None or one["rule"] in rules]
    return [coupon_id for coupon_id in found if coupon_id is not None]


def _take_back(session: Session, row: Row, part: Part, now: datetime) -> list[Mapping[str, Any]]:
    """Take back what was given for another time; what was used already is said with what it took off (R35)."""
    bought = part.opened.row
    rules = {one["coupon_id"]: one["rule"] for one in bought["outcome"]["issued"]}
    back, used = take_back(session, issued_of(bought, part.lost), because=row["return_id"], now=now)
    for coupon in used:
        rule, amount = rules[ids.show("cpn", coupon.coupon_id)], _took_off(session, coupon)
        row["outcome"]["discrepancies"].append({"code": "condition_lost", "rule": rule, "amount": amount})
    told = [(coupon, "taken_back") for coupon in back] + [(coupon, "stays_used") for coupon in used]
    return [{"code": coupon.shown, "status": status} for coupon, status in told]


def _took_off(session: Session, coupon: Coupon) -> int:
    """What a coupon took off where it was used, in minor units."""
    shown, off = ids.show("cpn", coupon.coupon_id), 0
    for use in uses_of(session, coupon_id=coupon.coupon_id, before=None, limit=coupon.most_uses):
        sold = find(driver(session), use["purchase_id"]) if use["given_back_at"] is None else None
        told = sold["outcome"].get("coupons", ()) if sold else ()
        off += sum(one.get("off", 0) for one in told if one["coupon_id"] == shown)
    return off

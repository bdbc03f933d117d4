"""Coupons one by one: asked about at a till or in the office. Codes travel in bodies only, and attempts are limited."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.coupons import rules, schemas, service
from loyalty_api.coupons.edge import blueprint, document, office, shown
from loyalty_api.coupons.schemas import CouponCodeBody, CouponSchema, CouponUseSchema, UsableCouponSchema
from loyalty_api.errors import NotFound
from loyalty_api.http import unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.members import service as members
from loyalty_api.members.rules import walk_in_id
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.security import StoreNotAllowed, ensure_store, principal
from loyalty_api.throttle import RateLimited, Throttle

REFUSALS = (*rules.REFUSALS, RateLimited)


def validated(
    body: dict[str, Any], *, member_id: UUID | None, store_id: str | None, own: bool = False
) -> dict[str, Any]:
    """Look at a code for somebody; only codes that are not there cost an attempt.

    :raises RateLimited: too many were not there in this minute.
    :raises CouponUnknown: and its fellows, each with a code of its own: why it cannot be used.
    """
    throttle: Throttle = current_app.extensions["throttle"]
    now = clock.now()
    at = min(body.get("occurred_at") or now, now)
    with unit_of_work() as session:
        found = throttle.limit_misses(
            principal(),
            lambda: service.look(
                session,
                office(),
                typed=body["code"],
                store_id=store_id,
                member_id=member_id,
                at=at,
                now=now,
                own=own,
            ),
            missed=rules.CouponUnknown,
        )
    return {**document(service.ensure_usable(found).coupon, now), "usable": True}


def _member_named(body: dict[str, Any]) -> UUID | None:
    """Who shows the coupon, by id or by what was scanned; None: nobody is known.

    :raises NotFound: there is no such member.
    :raises IdentifierUnknown: nobody has this identifier.
    """
    scanned = body["identifier"]
    if scanned is None:
        if body["member_id"] is None:
            return None
        member_id = ids.read("mbr", body["member_id"])
        if member_id is None:
            raise NotFound("There is no such member.")
        return member_id
    with unit_of_work() as session:
        located = members.locate(session, vault=office().vault, kind=scanned["kind"], value=scanned["value"])
    if located is None:
        raise members.IdentifierUnknown
    return located.member_id


@blueprint.operation(
    "POST", "/coupons/validate", "validate_coupon", summary="Whether a coupon can be used", body=CouponCodeBody(),
    answer=UsableCouponSchema(), example={"code": "7GK2M-PX4RW-9HTB-C3FD", "store": "str_0412"},
    answer_example={**schemas.COUPON, "usable": True},
    errors=(*REFUSALS, NotFound, members.IdentifierUnknown, StoreNotAllowed),
)  # fmt: skip
def validate(body: dict[str, Any]) -> dict[str, Any]:
    """Here and now, or when `occurred_at` says, by the member or by nobody. Nothing changes; a purchase uses it."""
    caller = principal()
    store_id = body["store"] or caller.store_id
    if body["store"] is not None:
        ensure_store(caller, body["store"])
    return validated(body, member_id=_member_named(body), store_id=store_id)


@blueprint.operation(
    "GET", "/coupons/<cpn:coupon_id>", "get_coupon", summary="A coupon", answer=CouponSchema(),
    answer_example=schemas.COUPON, errors=(rules.CouponUnknown,),
)  # fmt: skip
def get(coupon_id: UUID) -> dict[str, Any]:
    """As it stands now."""
    with unit_of_work() as session:
        return document(service.find(session, coupon_id=coupon_id), clock.now())


@blueprint.operation(
    "GET", "/coupons/<cpn:coupon_id>/uses", "list_coupon_uses", summary="Where a coupon was used", query=PageQuery(),
    answer=page_of(CouponUseSchema(), "CouponUsePage"), answer_example={"data": [schemas.USE], "next_cursor": None},
    errors=(rules.CouponUnknown,),
)  # fmt: skip
def list_uses(coupon_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """When, where, by whom and with which purchase, the latest first; those that were given back too."""
    place = read_cursor(query["cursor"], datetime, UUID)
    with unit_of_work() as session:
        found = service.uses_of(
            session,
            coupon_id=coupon_id,
            before=(place[0], place[1]) if place else None,
            limit=query["limit"] + 1,
        )
    listed = page(found, limit=query["limit"], key=lambda use: [use["recorded_at"], use["purchase_id"]])
    return {**listed, "data": [_use(use) for use in listed["data"]]}


def _use(use: dict[str, Any]) -> dict[str, Any]:
    nobody = use["member_id"] == walk_in_id(use["store_id"])
    return {
        "purchase_id": ids.show("pur", use["purchase_id"]),
        "member_id": None if nobody else ids.show("mbr", use["member_id"]),
        "store": use["store_id"],
        "client": use["client_id"],
        **{
            name: use[name]
            for name in ("terminal", "reference", "cashier", "occurred_at", "recorded_at", "given_back_at")
        },
    }


@blueprint.operation(
    "POST", "/coupons/<cpn:coupon_id>/block", "block_coupon", summary="Block a coupon", answer=CouponSchema(),
    answer_example={**schemas.COUPON, "state": "blocked"}, errors=(rules.CouponUnknown,),
)  # fmt: skip
@idempotent()
def block(session: Session, coupon_id: UUID) -> Answer:
    """For good: whoever shows it is answered as if it had never been."""
    now = clock.now()
    return Answer(document(service.block(session, coupon_id=coupon_id, now=now), now))


def listed_for(member_id: UUID, query: dict[str, Any], *, clear: bool = False) -> dict[str, Any]:
    """A page of a member's coupons; with ``clear`` their codes are what the member shows at the till."""
    before, now = read_cursor(query["cursor"], UUID), clock.now()
    with unit_of_work() as session:
        found = service.of_member(
            session, vault=office().vault, member_id=member_id, before=before[0] if before else None,
            limit=query["limit"] + 1, clear=clear,
        )  # fmt: skip
    listed = page(found, limit=query["limit"], key=lambda each: [each.coupon.coupon_id])
    return {**listed, "data": [shown(each, now) for each in listed["data"]]}


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/coupons", "list_member_coupons", summary="A member's coupons", query=PageQuery(),
    answer=page_of(CouponSchema(), "MemberCouponPage"),
    answer_example={"data": [{**schemas.OWN, "code": "…C3FD"}], "next_cursor": None}, errors=(NotFound,),
)  # fmt: skip
def list_of_member(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """Those that are the member's own, the latest first, each as it stands now."""
    return listed_for(member_id, query)

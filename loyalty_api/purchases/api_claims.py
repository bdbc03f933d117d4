"""Claiming a receipt later, by the member or at the counter (R25)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.coupons.schemas import CouponShownSchema
from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.fields import Choice, Day, Moment, Schema, Text, Whole
from loyalty_api.http import unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.ledger.api import own_id
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.purchases import claims, examples, queries_claims, reviewing, service
from loyalty_api.purchases.answers import answer
from loyalty_api.purchases.api_till import blueprint, caller, desk, visible
from loyalty_api.purchases.claims import Claim, Decided
from loyalty_api.purchases.schemas import MAX_MONEY, PurchaseAnswerSchema
from loyalty_api.purchases.service import PurchaseUnknown


class ClaimBody(Schema):
    """Either the code that is printed on the receipt, or store, date, number and total of it."""

    claim_code = Text(longest=40)
    store = Text(longest=44)
    date = Day()
    reference = Text(longest=64)
    total = Whole(least=-MAX_MONEY, most=MAX_MONEY)

    @ma.validates_schema
    def _enough(self, data: dict[str, Any], **_: Any) -> None:
        named = {"store", "date", "reference", "total"}
        given = named & data.keys()
        if "claim_code" in data and not given:
            return
        if "claim_code" in data or given != named:
            raise ma.ValidationError("Send the claim_code, or store, date, reference and total together.")


class CounterClaimBody(ClaimBody):
    """A claim that staff key in for a member."""

    member_id = Text(required=True, longest=40)


class ClaimSchema(Schema):
    """What became of a claim."""

    claim_id = Text(required=True)
    state = Choice("credited", "already_claimed", "waiting", "refused", required=True)
    purchase_id = Text(required=True, allow_none=True)
    points = Whole(required=True)
    reason = Text(required=True, allow_none=True)
    until = Moment(required=True, allow_none=True)
    coupons = ma.fields.List(ma.fields.Nested(CouponShownSchema()), required=True)


class KeptClaimSchema(Schema):
    """A claim in the member's list."""

    claim_id = Text(required=True)
    state = Choice("credited", "already_claimed", "waiting", "refused", required=True)
    store = Text(required=True, allow_none=True)
    date = Day(required=True, allow_none=True)
    reference = Text(required=True, allow_none=True)
    points = Whole(required=True)
    created_at = Moment(required=True)
    decided_at = Moment(required=True, allow_none=True)


class ReviewBody(Schema):
    """Why the late receipt is good."""

    note = Text(longest=500, allow_none=True, load_default=None)


EXAMPLE = {"store": "str_0412", "date": "2026-11-21", "reference": "004711", "total": 7400}
KEPT = {
    "claim_id": "clm_01m80xfza0e4trdbsjq23m1646", "state": "credited", "store": "str_0412",
    "date": "2026-11-21", "reference": "004711", "points": 95, "created_at": "2026-11-22T08:00:00Z",
    "decided_at": "2026-11-22T08:00:00Z",
}  # fmt: skip


def _claim(session: Session, member_id: UUID, body: dict[str, Any]) -> Answer:
    claim = Claim(
        body.get("claim_code"), body.get("store"), body.get("date"), body.get("reference"), body.get("total")
    )
    decided = claims.claim(
        session, desk(), claim_id=ids.new(), member_id=member_id, claim=claim, who=caller(), now=clock.now()
    )
    return Answer(_decided(decided))


def _decided(decided: Decided) -> dict[str, Any]:
    credited = decided.state == "credited" and decided.purchase_id
    return {
        "claim_id": ids.show("clm", decided.claim_id),
        "state": decided.state,
        "purchase_id": ids.show("pur", decided.purchase_id) if credited and decided.purchase_id else None,
        "points": decided.points,
        "reason": decided.reason,
        "until": decided.until,
        "coupons": list(decided.coupons),
    }


@blueprint.operation(
    "POST", "/me/claims", "me_claim", summary="Claim a receipt of mine", status=201, body=ClaimBody(),
    answer=ClaimSchema(), example=EXAMPLE, answer_example=examples.CLAIM_ANSWER, errors=(NotFound,),
)  # fmt: skip
@idempotent(status=201)
def claim_own(session: Session, body: dict[str, Any]) -> Answer:
    """Points, and coupons for another time, once, within the program's window; never gifts or lower prices.

    A receipt that has not arrived yet is waited for.
    """
    return _claim(session, own_id(), body)


@blueprint.operation(
    "GET", "/me/claims", "me_list_claims", summary="My claims", query=PageQuery(),
    answer=page_of(KeptClaimSchema(), "ClaimPage"), answer_example={"data": [KEPT], "next_cursor": None},
    errors=(NotFound,),
)  # fmt: skip
def list_own(query: dict[str, Any]) -> dict[str, Any]:
    """The latest first."""
    after = read_cursor(query["cursor"], UUID)
    with unit_of_work() as session:
        rows = queries_claims.claims_of(
            driver(session), own_id(), before=after[0] if after else None, limit=query["limit"] + 1
        )
    found = page(rows, limit=query["limit"], key=lambda row: [row["claim_id"]])
    return {**found, "data": [_kept(row) for row in found["data"]]}


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "claim_id": ids.show("clm", row["claim_id"]),
        "state": row["state"],
        "store": row["store_id"],
        "date": row["business_date"],
        "reference": row["reference"],
        "points": row["points"],
        "created_at": row["created_at"],
        "decided_at": row["decided_at"],
    }


@blueprint.operation(
    "POST", "/purchases/<pur:purchase_id>/review", "review_purchase", summary="Rate a receipt that came too late",
    body=ReviewBody(), answer=PurchaseAnswerSchema(), example={"note": "The store's line was down for five weeks."},
    answer_example=examples.PURCHASE_ANSWER, errors=(PurchaseUnknown, reviewing.NothingToReview),
)  # fmt: skip
@idempotent()
def review(session: Session, purchase_id: UUID, body: dict[str, Any]) -> Answer:
    """A receipt older than the program's ``late_days`` is kept at once and rated when a person says so."""
    visible(service.find(session, purchase_id=purchase_id))
    row = reviewing.rate(
        session, desk(), purchase_id=purchase_id, who=caller(), note=body["note"], now=clock.now()
    )
    return Answer(answer(row, desk().vault))


@blueprint.operation(
    "POST", "/claims", "claim_purchase", summary="Claim a receipt for a member", status=201,
    body=CounterClaimBody(), answer=ClaimSchema(),
    example={"member_id": "mbr_01m80xfza0e4trdbsjq23m1646", **EXAMPLE},
    answer_example=examples.CLAIM_ANSWER, errors=(NotFound, claims.AllowanceUsedUp),
)  # fmt: skip
@idempotent(status=201)
def claim_for(session: Session, body: dict[str, Any]) -> Answer:
    """For a customer at the counter who has the receipt in hand."""
    member_id = ids.read("mbr", body.pop("member_id"))
    if member_id is None:
        raise NotFound("There is no such member.")
    return _claim(session, member_id, body)

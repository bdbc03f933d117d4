"""The till over HTTP: price a basket, report a sale, ask about it later."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import current_app
from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.coupons.rules import CouponUnknown
from loyalty_api.db import driver
from loyalty_api.errors import NotFound
from loyalty_api.fields import Choice, Moment, Schema, Text
from loyalty_api.http import LANGUAGE, Also, Blueprint, spoken, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.ledger.api import own_id
from loyalty_api.members import service as members
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.purchases import examples, explaining, pricing, queries, service
from loyalty_api.purchases.answers import answer
from loyalty_api.purchases.copies import ReceiptMismatch
from loyalty_api.purchases.desk import Desk, Who
from loyalty_api.purchases.rated import Row
from loyalty_api.purchases.recording import CurrencyMismatch, MemberMismatch
from loyalty_api.purchases.schemas import (
    ActivitySchema,
    IgnoredSchema,
    PurchaseAnswerSchema,
    PurchaseSchema,
    QuoteSchema,
)  # fmt: skip
from loyalty_api.purchases.schemas_quotes import QuoteAnswerSchema
from loyalty_api.security import StoreNotAllowed, ensure_store, principal
from loyalty_api.stores.service import StoreUnknown
from loyalty_api.throttle import RateLimited, Throttle

blueprint = Blueprint(
    "till", __name__, url_prefix="/v1", description="The till: quotes, purchases and claims."
)


class StepSchema(Schema):
    """One step of an explanation."""

    label = Text(required=True, longest=500)
    value = Text(required=True, longest=1000, shortest=0)


class ExplanationSchema(Schema):
    """A stored decision in words."""

    text = Text(required=True, longest=2000)
    steps = ma.fields.List(ma.fields.Nested(StepSchema()), required=True)


class ActivityQuery(PageQuery):
    """Which part of the history."""

    kind = Choice(
        "purchase",
        "expiry",
        "redemption",
        "return",
        "adjustment",
        "event",
        "period",
        "gift",
        load_default=None,
        metadata={"description": "only items of this kind"},
    )
    since = Moment(load_default=None, metadata={"name": "since", "description": "from this moment on"})
    until = Moment(load_default=None, metadata={"description": "before this moment"})


def desk() -> Desk:
    """What the till leans on in this process."""
    found: Desk = current_app.extensions["desk"]
    return found


def caller() -> Who:
    """The client that reports."""
    who = principal()
    return Who(who.client_id, who.kind)


@blueprint.operation(
    "POST", "/quotes", "create_quote", summary="Price a basket", body=QuoteSchema(), answer=QuoteAnswerSchema(),
    example=examples.QUOTE, answer_example=examples.QUOTE_ANSWER,
    errors=(StoreUnknown, CurrencyMismatch, MemberMismatch, StoreNotAllowed, RateLimited),
)  # fmt: skip
def quote(body: dict[str, Any]) -> dict[str, Any]:
    """No side effect: ask as often as you like. The purchase may name the quote and is then rated by its rules."""
    ensure_store(principal(), body["store"])
    with unit_of_work() as session:
        priced = pricing.quote(session, desk(), body=body, now=clock.now())
    # A quote may be asked as often as one likes, but not to find out which codes there are.
    missed = sum(odd["code"] == CouponUnknown.code for odd in priced["discrepancies"])
    throttle: Throttle = current_app.extensions["throttle"]
    throttle.count_misses(principal(), missed)
    return priced


@blueprint.operation(
    "POST", "/purchases", "record_purchase", summary="Record a sale", status=201, body=PurchaseSchema(),
    answer=PurchaseAnswerSchema(), example=examples.PURCHASE, answer_example=examples.PURCHASE_ANSWER,
    errors=(ReceiptMismatch, StoreUnknown, CurrencyMismatch, MemberMismatch, StoreNotAllowed),
    also={200: Also("A training receipt: nothing was kept.", IgnoredSchema(), {"status": "ignored"})},
)  # fmt: skip
@idempotent(required=False, status=201)
def record(session: Session, body: dict[str, Any]) -> Answer:
    """A sale that happened is a fact: it is refused only when malformed or unauthorised, and whatever could not be
    done stands in ``discrepancies``. The receipt is its own key: the same one again gets the first answer."""
    ensure_store(principal(), body["store"])
    if body["kind"] == "training":
        return Answer({"status": "ignored"}, status=200)
    report = service.reported(body, vault=desk().vault, purchase_id=ids.new())
    outcome = service.purchase(session, desk(), report=report, who=caller(), now=clock.now())
    headers = {"Idempotent-Replayed": "true"} if outcome.replayed else {}
    return Answer(answer(outcome.row or {}, desk().vault, clear=True), headers=headers)


def _visible(purchase_id: UUID) -> Row:
    with unit_of_work() as session:
        return visible(service.find(session, purchase_id=purchase_id))


def visible(row: Row) -> Row:
    """The purchase, unless the caller is bound to another store: then there is none.

    :raises PurchaseUnknown: it is another store's.
    """
    store_id = principal().store_id
    if store_id is not None and row["store_id"] != store_id:
        raise service.PurchaseUnknown
    return row


@blueprint.operation(
    "GET", "/purchases/<pur:purchase_id>", "get_purchase", summary="A purchase by its id",
    answer=PurchaseAnswerSchema(), answer_example=examples.PURCHASE_ANSWER, errors=(service.PurchaseUnknown,),
)  # fmt: skip
def get_purchase(purchase_id: UUID) -> dict[str, Any]:
    """As it was answered when it was recorded, with its present status."""
    return answer(_visible(purchase_id), desk().vault)


@blueprint.operation(
    "GET", "/purchases/<pur:purchase_id>/explanation", "explain_purchase", summary="Why so many points",
    answer=ExplanationSchema(), answer_example=examples.EXPLANATION, headers=LANGUAGE,
    errors=(service.PurchaseUnknown,),
)  # fmt: skip
def explain_purchase(purchase_id: UUID) -> dict[str, Any]:
    """The stored decision in words: the same answer a year later, under whatever rules then."""
    row = _visible(purchase_id)
    with unit_of_work() as session:
        return explaining.purchase(session, desk(), row=row, language=spoken())


@blueprint.operation(
    "GET", "/members/<mbr:member_id>/purchases", "list_member_purchases", summary="A member's purchases",
    query=PageQuery(), answer=page_of(PurchaseAnswerSchema(), "PurchasePage"),
    answer_example={"data": [examples.PURCHASE_ANSWER], "next_cursor": None}, errors=(NotFound,),
)  # fmt: skip
def list_purchases(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """The latest first."""
    return _purchases(member_id, query)


@blueprint.operation(
    "GET", "/me/purchases", "me_purchases", summary="My purchases",
    query=PageQuery(), answer=page_of(PurchaseAnswerSchema(), "PurchasePage"),
    answer_example={"data": [examples.PURCHASE_ANSWER], "next_cursor": None}, errors=(NotFound,),
)  # fmt: skip
def list_own_purchases(query: dict[str, Any]) -> dict[str, Any]:
    """The latest first."""
    return _purchases(own_id(), query)


def _purchases(member_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    before = service.place_before(read_cursor(query["cursor"], *service.PLACE))
    with unit_of_work() as session:
        members.ensure_known(session, member_id=member_id)
        rows = queries.of_member(driver(session), member_id, before=before, limit=query["limit"] + 1)
    found = page(rows, limit=query["limit"], key=lambda row: [row["occurred_at"], row["purchase_id"]])
    return {**found, "data": [answer(row, desk().vault) for row in found["data"]]}


@blueprint.operation(
    "GET", "/me/activity", "me_activity", summary="What happened on my account",
    query=ActivityQuery(), answer=page_of(ActivitySchema(), "ActivityPage"), headers=LANGUAGE,
    answer_example={"data": [examples.ACTIVITY_ITEM], "next_cursor": None}, errors=(NotFound,),
)  # fmt: skip
def activity(query: dict[str, Any]) -> dict[str, Any]:
    """An item for each purchase, event, return, expiry, redemption, correction; what becomes of it changes it."""
    before = service.place_before(read_cursor(query["cursor"], *service.PLACE))
    now = clock.now()
    with unit_of_work() as session:
        rows = explaining.activity(session, member_id=own_id(), query=query, before=before, now=now)
    found = page(rows, limit=query["limit"], key=lambda row: [row["occurred_at"], row["id"]])
    return {**found, "data": [explaining.activity_item(row, language=spoken()) for row in found["data"]]}

"""Goods that come back, over HTTP: returns, voids, and what became of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.http import Blueprint, unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.purchases.api_till import caller, desk
from loyalty_api.purchases.copies import ReceiptMismatch
from loyalty_api.purchases.recording import CurrencyMismatch
from loyalty_api.purchases.service import PurchaseUnknown
from loyalty_api.rating.rules_returns import ReturnExceedsPurchase
from loyalty_api.returns import examples, service, voiding
from loyalty_api.returns.answers import answer
from loyalty_api.returns.schemas import (
    NestedReturnSchema,
    ReturnAnswerSchema,
    ReturnSchema,
    VoidByReceiptSchema,
    VoidSchema,
)
from loyalty_api.security import StoreNotAllowed, ensure_store, principal
from loyalty_api.stores.service import StoreUnknown

blueprint = Blueprint(
    "returns", __name__, url_prefix="/v1", description="Goods that come back: returns, exchanges and voids."
)
_REFUSALS = (
    ReceiptMismatch, ReturnExceedsPurchase, PurchaseUnknown, StoreUnknown, CurrencyMismatch, StoreNotAllowed,
)  # fmt: skip


def _bring_back(session: Session, body: dict[str, Any]) -> Answer:
    ensure_store(principal(), body["store"])
    report = service.reported(body, vault=desk().vault, return_id=ids.new())
    outcome = service.bring_back(session, desk(), report=report, who=caller(), now=clock.now())
    headers = {"Idempotent-Replayed": "true"} if outcome.replayed else {}
    return Answer(answer(outcome.row), headers=headers)


@blueprint.operation(
    "POST", "/returns", "record_return", summary="Record goods that come back", status=201, body=ReturnSchema(),
    answer=ReturnAnswerSchema(), example=examples.RETURN, answer_example=examples.ANSWER, errors=_REFUSALS,
)  # fmt: skip
@idempotent(required=False, status=201)
def record(session: Session, body: dict[str, Any]) -> Answer:
    """By receipt, by ``purchase_id``, or without either; any store may take back. The return's own receipt is its key.
    A return that arrives before its purchase is kept as ``waiting`` and applied when the purchase comes."""
    return _bring_back(session, body)


@blueprint.operation(
    "POST", "/purchases/<pur:purchase_id>/returns", "return_purchase", summary="Record goods of one purchase",
    status=201, body=NestedReturnSchema(), answer=ReturnAnswerSchema(), example=examples.NESTED,
    answer_example=examples.ANSWER, errors=_REFUSALS,
)  # fmt: skip
@idempotent(required=False, status=201)
def record_of_purchase(session: Session, purchase_id: UUID, body: dict[str, Any]) -> Answer:
    """The short form of a return by ``purchase_id``."""
    return _bring_back(session, {**body, "original": {"purchase_id": ids.show("pur", purchase_id)}})


@blueprint.operation(
    "GET", "/returns/<ret:return_id>", "get_return", summary="A return by its id",
    answer=ReturnAnswerSchema(), answer_example=examples.ANSWER, errors=(service.ReturnUnknown,),
)  # fmt: skip
def get_return(return_id: UUID) -> dict[str, Any]:
    """What became of it, with its present status."""
    with unit_of_work() as session:
        return answer(_visible(session, return_id))


def _visible(session: Session, return_id: UUID) -> dict[str, Any]:
    """The return, unless the caller is bound to another store: then there is none."""
    row = service.find(session, return_id=return_id)
    if principal().store_id not in (None, row["store_id"]):
        raise service.ReturnUnknown
    return row


@blueprint.operation(
    "POST", "/purchases/<pur:purchase_id>/void", "void_purchase", summary="Undo a sale", status=201,
    body=VoidSchema(), answer=ReturnAnswerSchema(), example=examples.VOID, answer_example=examples.VOIDED,
    errors=(PurchaseUnknown, voiding.AlreadyVoided, StoreNotAllowed),
)  # fmt: skip
@idempotent(status=201)
def void_purchase(session: Session, purchase_id: UUID, body: dict[str, Any]) -> Answer:
    """Everything of it that is not back yet comes back. Ring it up again under a new number that ``replaces`` it."""
    return _void(session, {"purchase_id": ids.show("pur", purchase_id)}, body["reason"])


@blueprint.operation(
    "POST", "/voids", "void_receipt", summary="Undo a sale by its receipt", status=201,
    body=VoidByReceiptSchema(), answer=ReturnAnswerSchema(),
    example={"original": examples.ORIGINAL, **examples.VOID}, answer_example=examples.VOIDED,
    errors=(PurchaseUnknown, voiding.AlreadyVoided, StoreNotAllowed),
)  # fmt: skip
@idempotent(status=201)
def void_receipt(session: Session, body: dict[str, Any]) -> Answer:
    """The same for a till that knows its receipts and not our ids."""
    return _void(session, body["original"], body["reason"])


def _void(session: Session, original: dict[str, Any], reason: str) -> Answer:
    store_id = voiding.store_of(session, original)
    # Whoever names the store itself is told that it is not theirs; an id is as if it were not there.
    if original.get("store") is None and principal().store_id not in (None, store_id):
        raise PurchaseUnknown
    ensure_store(principal(), store_id)
    row = voiding.void_purchase(
        session, desk(), original=original, reason=reason, void_id=ids.new(), who=caller(), now=clock.now()
    )
    return Answer(answer(row))


@blueprint.operation(
    "POST", "/returns/<ret:return_id>/void", "void_return", summary="Undo a return", status=201,
    body=VoidSchema(), answer=ReturnAnswerSchema(), example={"reason": "wrong receipt"},
    answer_example={**examples.ANSWER, "status": "voided"},
    errors=(service.ReturnUnknown, voiding.AlreadyVoided, voiding.ReturnBuiltUpon),
)  # fmt: skip
@idempotent(status=201)
def void_return(session: Session, return_id: UUID, body: dict[str, Any]) -> Answer:
    """Points go back where they were, and the purchase is what it was before; not once something later rests on it."""
    _visible(session, return_id)
    row = voiding.void_return(
        session, desk(), return_id=return_id, reason=body["reason"], void_id=ids.new(), who=caller(),
        now=clock.now(),
    )  # fmt: skip
    return Answer(answer(row))

"""Batches over HTTP: asked for, watched, handed out once, blocked."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from flask import Response
from sqlalchemy.orm import Session

from loyalty_api import clock, ids, ndjson
from loyalty_api.coupons import batches, schemas, service
from loyalty_api.coupons.edge import blueprint, document, office
from loyalty_api.coupons.queries_batches import Batch
from loyalty_api.coupons.schemas import (
    CodeLineSchema,
    CodesBody,
    ConfirmBody,
    CouponBatchBody,
    CouponBatchSchema,
    CouponSchema,
)  # fmt: skip
from loyalty_api.errors import Fault, Invalid, NotFound
from loyalty_api.http import unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.security import principal

_READY: dict[str, Any] = {**schemas.BATCH, "state": "ready", "made": 100_000}


def _document(batch: Batch) -> dict[str, Any]:
    return {
        "batch_id": ids.show("cpb", batch.batch_id),
        "name": batch.name,
        "kind": batch.kind,
        "uses": batch.uses,
        "valid_from": batch.valid_from,
        "valid_until": batch.valid_until,
        "stores": list(batch.stores),
        "audience": batch.audience,
        "needs_activation": batch.needs_activation,
        "note": batch.note,
        "giver": batch.giver,
        "state": _state(batch),
        "made": batch.made,
        "total": batch.total,
        "handed_out_at": batch.handed_out_at,
        "blocked_at": batch.blocked_at,
        "created_at": batch.created_at,
        "created_by": batch.created_by,
    }


def _state(batch: Batch) -> str:
    if batch.blocked_at:
        return "blocked"
    if batch.giver is not None:
        return "giving"
    if batch.handed_out_at:
        return "handed_out"
    return "ready" if batch.made == batch.total else "making"


def _members(named: Sequence[str] | None) -> list[UUID] | None:
    """The members that a body names.

    :raises Invalid: some are not member ids.
    """
    if named is None:
        return None
    found = [ids.read("mbr", text) for text in named]
    if None in found:
        message = "This is not a member_id."
        raise Invalid(message, errors=[Fault(f"/members/{found.index(None)}", "invalid_value", message)])
    return [member_id for member_id in found if member_id is not None]


@blueprint.operation(
    "POST", "/coupon-batches", "create_coupon_batch", summary="Ask for a batch of coupons", status=201,
    body=CouponBatchBody(), answer=CouponBatchSchema(), example=schemas.BATCH_BODY, answer_example=schemas.BATCH,
    errors=(Invalid, NotFound),
)  # fmt: skip
@idempotent(status=201)
def create(session: Session, body: dict[str, Any]) -> Answer:
    """A job makes the codes; `made` of `total` says how far it is. Codes count as soon as they are there."""
    batch = batches.add(
        session, vault=office().vault, batch_id=ids.new(), document=body, for_members=_members(body["members"]),
        secret=secrets.token_bytes(32), by=principal().client_id, now=clock.now(),
    )  # fmt: skip
    return Answer(_document(batch))


@blueprint.operation(
    "GET", "/coupon-batches", "list_coupon_batches", summary="Batches of coupons", query=PageQuery(),
    answer=page_of(CouponBatchSchema(), "CouponBatchPage"),
    answer_example={"data": [schemas.BATCH], "next_cursor": None},
)  # fmt: skip
def list_all(query: dict[str, Any]) -> dict[str, Any]:
    """The latest first."""
    before = read_cursor(query["cursor"], UUID)
    with unit_of_work() as session:
        found = batches.list_batches(session, before=before[0] if before else None, limit=query["limit"] + 1)
    shown = page(found, limit=query["limit"], key=lambda batch: [batch.batch_id])
    return {**shown, "data": [_document(batch) for batch in shown["data"]]}


@blueprint.operation(
    "GET", "/coupon-batches/<cpb:batch_id>", "get_coupon_batch", summary="A batch of coupons",
    answer=CouponBatchSchema(), answer_example=_READY, errors=(batches.BatchUnknown,),
)  # fmt: skip
def get(batch_id: UUID) -> dict[str, Any]:
    """How far it is, and what its coupons have in common."""
    with unit_of_work() as session:
        return _document(batches.get(session, batch_id=batch_id))


@blueprint.operation(
    "POST", "/coupon-batches/<cpb:batch_id>/codes", "hand_out_codes", summary="Read the codes of a batch",
    body=CodesBody(), example={"after": 0}, answer=CodeLineSchema(), answer_type=ndjson.MEDIA_TYPE,
    answer_example=schemas.CODE_LINE,
    errors=(batches.BatchUnknown, batches.CouponsBeingMade, batches.CodesHandedOut),
)  # fmt: skip
def hand_out(batch_id: UUID, body: dict[str, Any]) -> Response:
    """One code a line, in clear. The client that begins is the only one that may read them: when its connection breaks
    it goes on behind the last `number` it has, and when it has all of them it confirms, and nobody reads them again."""
    with unit_of_work() as session:
        pieces = batches.hand_out(
            session,
            vault=office().vault,
            batch_id=batch_id,
            client_id=principal().client_id,
            after=body["after"],
        )
    return Response(_written(pieces), mimetype=ndjson.MEDIA_TYPE, headers={"Cache-Control": "no-store"})


def _written(pieces: Iterator[Sequence[batches.Line]]) -> Iterator[bytes]:
    for piece in pieces:
        yield b"".join(
            orjson.dumps(
                {
                    "number": line.number,
                    "code": line.code,
                    "coupon_id": ids.show("cpn", line.coupon_id),
                    "member_id": ids.show("mbr", line.member_id) if line.member_id else None,
                },
                option=orjson.OPT_APPEND_NEWLINE,
            )
            for line in piece
        )


@blueprint.operation(
    "POST", "/coupon-batches/<cpb:batch_id>/confirm", "confirm_codes", summary="Say that all codes have arrived",
    body=ConfirmBody(), example={"received": 100_000}, answer=CouponBatchSchema(),
    answer_example={**_READY, "state": "handed_out", "handed_out_at": "2026-11-16T08:05:00Z"},
    errors=(batches.BatchUnknown, batches.CouponsBeingMade, batches.CodesHandedOut, Invalid),
)  # fmt: skip
@idempotent()
def confirm(session: Session, batch_id: UUID, body: dict[str, Any]) -> Answer:
    """What they were worked out from is destroyed: from now on there are their hashes. Personal ones stay readable to
    their members."""
    batch = batches.confirm(
        session,
        batch_id=batch_id,
        client_id=principal().client_id,
        received=body["received"],
        now=clock.now(),
    )
    return Answer(_document(batch))


@blueprint.operation(
    "POST", "/coupon-batches/<cpb:batch_id>/block", "block_coupon_batch", summary="Block a batch of coupons",
    answer=CouponBatchSchema(),
    answer_example={**_READY, "state": "blocked", "blocked_at": "2026-11-17T08:00:00Z"},
    errors=(batches.BatchUnknown,),
)  # fmt: skip
@idempotent()
def block(session: Session, batch_id: UUID) -> Answer:
    """None of its coupons counts any more, for good. What was used stays used."""
    return Answer(
        _document(batches.block(session, batch_id=batch_id, by=principal().client_id, now=clock.now()))
    )


@blueprint.operation(
    "GET", "/coupon-batches/<cpb:batch_id>/coupons", "list_coupons", summary="The coupons of a batch",
    query=PageQuery(), answer=page_of(CouponSchema(), "CouponPage"),
    answer_example={"data": [schemas.COUPON], "next_cursor": None}, errors=(batches.BatchUnknown,),
)  # fmt: skip
def list_coupons(batch_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
    """In the order of their numbers, those that have been made."""
    after = read_cursor(query["cursor"], UUID)
    now: datetime = clock.now()
    with unit_of_work() as session:
        found = service.list_of_batch(
            session, batch_id=batch_id, after=after[0] if after else None, limit=query["limit"] + 1
        )
    shown = page(found, limit=query["limit"], key=lambda coupon: [coupon.coupon_id])
    return {**shown, "data": [document(coupon, now) for coupon in shown["data"]]}

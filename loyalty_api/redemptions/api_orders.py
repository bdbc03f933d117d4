"""Orders over HTTP: what the staff make ready and hand over."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import clock, ids
from loyalty_api.fields import Choice, Moment, Schema, Text, Whole
from loyalty_api.http import unit_of_work
from loyalty_api.idempotency import Answer, idempotent
from loyalty_api.paging import PageQuery, page, page_of, read_cursor
from loyalty_api.redemptions import examples, ordering
from loyalty_api.redemptions.edge import blueprint, caller, counter, speaking_for
from loyalty_api.redemptions.queries_orders import Order
from loyalty_api.redemptions.schemas import WORD
from loyalty_api.security import StoreNotAllowed

_STATES = ("issued", "ready", "handed_over", "cancelled")
_CLOSED = (ordering.OrderUnknown, ordering.OrderClosed)


class OrderSchema(Schema):
    """Something physical for a member."""

    order_id = Text(required=True)
    redemption_id = Text(required=True)
    member_id = Text(required=True)
    reward_id = Text(required=True)
    quantity = Whole(required=True)
    fulfilment = Choice("pickup", "delivery", required=True)
    store = Text(required=True, allow_none=True)
    state = Choice(*_STATES, required=True)
    issued_at = Moment(required=True)
    changed_at = Moment(required=True)


class OrderQuery(PageQuery):
    """Which orders."""

    store = Text(longest=44, load_default=None, metadata={"description": "only this store's"})
    state = Choice(*_STATES, load_default=None, metadata={"description": "only these"})


class CancelBody(Schema):
    """Why it is cancelled, in a word."""

    reason = Text(required=True, longest=40, pattern=WORD)


ORDER: dict[str, Any] = {
    "order_id": "ord_01m80xfza0e4trdbsjq23m1646", "redemption_id": examples.REDEMPTION,
    "member_id": examples.MEMBER, "reward_id": examples.REWARD, "quantity": 1, "fulfilment": "pickup",
    "store": "str_0412", "state": "issued", "issued_at": "2026-11-21T15:05:10Z",
    "changed_at": "2026-11-21T15:05:10Z",
}  # fmt: skip


def _document(order: Order) -> dict[str, Any]:
    return {
        "order_id": ids.show("ord", order.redemption_id),
        "redemption_id": ids.show("red", order.redemption_id),
        "member_id": ids.show("mbr", order.member_id),
        "reward_id": ids.show("rwd", order.reward_id),
        "quantity": order.quantity,
        "fulfilment": order.fulfilment,
        "store": order.store_id,
        "state": order.state,
        "issued_at": order.issued_at,
        "changed_at": order.changed_at,
    }


@blueprint.operation(
    "GET", "/orders", "list_orders", summary="Orders to make ready and hand over", query=OrderQuery(),
    answer=page_of(OrderSchema(), "OrderPage"), answer_example={"data": [ORDER], "next_cursor": None},
    errors=(StoreNotAllowed,),
)  # fmt: skip
def list_all(query: dict[str, Any]) -> dict[str, Any]:
    """The oldest first. A store's client sees its own store's."""
    place = read_cursor(query["cursor"], datetime, UUID)
    with unit_of_work() as session:
        orders = ordering.list_orders(
            session, store_id=speaking_for(query["store"]), state=query["state"],
            after=(place[0], place[1]) if place else None, limit=query["limit"] + 1,
        )  # fmt: skip
    found = page(orders, limit=query["limit"], key=lambda order: [order.issued_at, order.redemption_id])
    return {**found, "data": [_document(order) for order in found["data"]]}


def _moved(session: Session, order_id: UUID, step: ordering.Step) -> Answer:
    order = ordering.move(session, order_id=order_id, step=step, caller=caller(), now=clock.now())
    return Answer(_document(order), owner=order.member_id)


@blueprint.operation(
    "POST", "/orders/<ord:order_id>/ready", "make_order_ready", summary="An order is ready",
    answer=OrderSchema(), answer_example={**ORDER, "state": "ready"}, errors=_CLOSED,
)  # fmt: skip
@idempotent()
def ready(session: Session, order_id: UUID) -> Answer:
    """The member is told by an event."""
    return _moved(session, order_id, "ready")


@blueprint.operation(
    "POST", "/orders/<ord:order_id>/hand-over", "hand_order_over", summary="An order was handed over",
    answer=OrderSchema(), answer_example={**ORDER, "state": "handed_over"}, errors=_CLOSED,
)  # fmt: skip
@idempotent()
def hand_over(session: Session, order_id: UUID) -> Answer:
    """The member has it, or it is on its way."""
    return _moved(session, order_id, "handed_over")


@blueprint.operation(
    "POST", "/orders/<ord:order_id>/cancel", "cancel_order", summary="Cancel an order", body=CancelBody(),
    answer=OrderSchema(), example={"reason": "broken"}, answer_example={**ORDER, "state": "cancelled"},
    errors=_CLOSED,
)  # fmt: skip
@idempotent()
def cancel(session: Session, order_id: UUID, body: dict[str, Any]) -> Answer:
    """Points, stock and the member's limit come back."""
    order = ordering.cancel(
        session, counter(), order_id=order_id, step_id=ids.new(), reason=body["reason"], caller=caller(),
        now=clock.now(),
    )  # fmt: skip
    return Answer(_document(order), owner=order.member_id)

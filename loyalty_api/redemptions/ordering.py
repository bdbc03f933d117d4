"""Orders: what a captured reward of a physical kind goes through until the member has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from sqlalchemy.orm import Session

from loyalty_api import events, ids
from loyalty_api.db import driver
from loyalty_api.errors import Action, Conflict, NotFound
from loyalty_api.members import service as members
from loyalty_api.redemptions import queries_orders, service
from loyalty_api.redemptions.queries_orders import Order
from loyalty_api.redemptions.rules import Caller
from loyalty_api.redemptions.writing import Counter

Step = Literal["ready", "handed_over"]
_BEFORE: dict[Step, tuple[str, ...]] = {"ready": ("issued",), "handed_over": ("issued", "ready")}


class OrderUnknown(NotFound):
    """There is no order with this id."""

    code, title = "order_unknown", "There is no such order"


class OrderClosed(Conflict):
    """The order was handed over or cancelled before."""

    code, title = "order_closed", "This order is closed"
    action: ClassVar[Action] = "call_support"


def move(session: Session, *, order_id: UUID, step: Step, caller: Caller, now: datetime) -> Order:
    """Note that an order is ready, or handed over. What is so already is answered as it stands.

    :raises OrderUnknown: there is none, or it is another store's.
    :raises OrderClosed: it was handed over or cancelled.
    """
    found = _open(session, order_id, caller)
    if found.state == step:
        return found
    if found.state not in _BEFORE[step]:
        raise OrderClosed(f"It is {found.state}.")
    queries_orders.move_order(driver(session), found, step, by=caller.client_id, now=now)
    members.touch(session, member_id=found.member_id, now=now)
    events.record(
        session, member_id=found.member_id, kind=f"reward_{step}", subject=ids.show("ord", order_id),
        occurred_at=now, now=now, body={"quantity": found.quantity},
    )  # fmt: skip
    return replace(found, state=step, changed_at=now, changed_by=caller.client_id)


def cancel(
    session: Session,
    counter: Counter,
    *,
    order_id: UUID,
    step_id: UUID,
    reason: str,
    caller: Caller,
    now: datetime,
) -> Order:
    """Cancel an order that was not handed over: points, stock and the member's limit come back.

    :raises OrderUnknown: there is none, or it is another store's.
    :raises OrderClosed: it was handed over.
    """
    found = _open(session, order_id, caller)
    if found.state == "handed_over":
        raise OrderClosed("It was handed over.")
    service.reverse(
        session, counter, redemption_id=order_id, step_id=step_id, points=None, reason=reason,
        caller=Caller(caller.client_id, caller.kind), now=now,
    )  # fmt: skip
    return queries_orders.order(driver(session), order_id) or found


def list_orders(
    session: Session,
    *,
    store_id: str | None,
    state: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Order]:
    """Orders, the oldest first."""
    return queries_orders.orders(driver(session), store_id=store_id, state=state, after=after, limit=limit)


def _open(session: Session, order_id: UUID, caller: Caller) -> Order:
    """The order, with its member's lock before its own."""
    connection = driver(session)
    seen = queries_orders.order(connection, order_id)
    if seen is None or (caller.store_id is not None and seen.store_id not in (None, caller.store_id)):
        raise OrderUnknown
    members.lock_person(session, member_id=seen.member_id)
    return queries_orders.order(connection, order_id, lock=True) or seen
